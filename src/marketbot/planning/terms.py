"""What one set of wishes gets at one market, whatever an account owns: looked at once a page instead of once an account."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.money import ONE
from marketbot.domain.policy import TradeSettings, Wishes, settle
from marketbot.domain.venue import Market
from marketbot.planning.eligibility import check_symbol
from marketbot.planning.facts import MarketFacts, Occasion
from marketbot.planning.protection import ProtectivePrices, protect_entry
from marketbot.planning.sizing import leverage_at
from marketbot.risk.checks import check_collar, check_reference
from marketbot.risk.objection import Objection


@dataclass(frozen=True, slots=True)
class Terms:
    """Either ``objection``, which holds for everybody who wishes so, or what an entry would be made with."""

    settings: TradeSettings
    objection: Objection | None = None
    leverage: Decimal = ONE
    prices: ProtectivePrices | Objection | None = None
    """Judged after the account's own state, so that an account is told of itself first."""


def terms_of(occasion: Occasion, market: Market, facts: MarketFacts, wishes: Wishes) -> Terms:
    """Return the terms for an entry at ``market`` on this occasion."""
    settings = settle(occasion.policy, wishes)
    reference, instrument = facts.reference_price, facts.instrument
    objection = check_symbol(occasion, market, facts, wishes) or check_reference(
        reference, facts.reference_age_s, occasion.policy
    )
    if objection is None and reference is not None:
        objection = check_collar(reference, occasion.signal.price, occasion.policy)
    if objection is not None or instrument is None or reference is None:
        return Terms(settings, objection)
    leverage = leverage_at(settings, instrument)
    (side,) = occasion.signal.action.position_sides
    return Terms(settings, None, leverage, protect_entry(side, reference, settings, leverage, instrument))

"""May this account take part at all? Everything that needs no arithmetic on prices."""

from __future__ import annotations

from datetime import timedelta

from marketbot.domain.policy import TradeSettings, Wishes
from marketbot.domain.reasons import DenialReason
from marketbot.domain.side import PositionSide
from marketbot.domain.venue import Market
from marketbot.planning.facts import AccountFacts, AccountStatus, Holding, MarketFacts, Occasion
from marketbot.risk.objection import Objection

_SECONDS_A_MINUTE = 60


def check_connection(account: AccountFacts) -> Objection | None:
    """Object when the account's key is not proven: nothing at all can be sent with it."""
    if account.status is AccountStatus.QUARANTINED:
        return Objection(DenialReason.ACCOUNT_QUARANTINED, "its key was refused; connect it again")
    if account.status is not AccountStatus.READY:
        return Objection(DenialReason.ACCOUNT_NOT_READY, "it is still being connected")
    return None


def check_symbol(occasion: Occasion, market: Market, facts: MarketFacts, wishes: Wishes) -> Objection | None:
    """Object when the operator, the account's owner or the market does not have this instrument traded."""
    symbol = occasion.signal.symbol
    if symbol in occasion.policy.restricted_symbols:
        return Objection(DenialReason.SYMBOL_RESTRICTED, f"the operator restricts {symbol}")
    if symbol in wishes.denied_symbols:
        return Objection(DenialReason.SYMBOL_NOT_ALLOWED, f"{symbol} is on the account's deny list")
    if wishes.allowed_symbols is not None and symbol not in wishes.allowed_symbols:
        return Objection(DenialReason.SYMBOL_NOT_ALLOWED, f"{symbol} is not on the account's allow list")
    if facts.instrument is None:
        return Objection(DenialReason.INSTRUMENT_NOT_FOUND, f"{symbol} is not listed at {market}")
    if not facts.instrument.tradable:
        return Objection(DenialReason.INSTRUMENT_NOT_FOUND, f"{symbol} does not trade at {market} now")
    return None


def check_positions(occasion: Occasion, account: AccountFacts, settings: TradeSettings, side: PositionSide) -> Objection | None:
    """Object when the account holds the instrument already, holds enough, or has just closed it.

    A position the other way round objects too, unless the account hedges: an entry never closes or turns one.
    """
    symbol = occasion.signal.symbol
    for holding in account.holdings:
        if holding.symbol == symbol and (holding.side is side or not account.hedge_mode):
            return Objection(DenialReason.POSITION_EXISTS, f"{_described(holding)} in {symbol}")
    if len(account.holdings) >= settings.max_positions:
        return Objection(DenialReason.MAX_POSITIONS, f"{len(account.holdings)} open; {settings.max_positions} are allowed")
    if account.closed_at is not None:
        left = account.closed_at + timedelta(minutes=settings.cooldown_min) - occasion.now
        if left > timedelta(0):
            minutes = -(-int(left.total_seconds()) // _SECONDS_A_MINUTE)
            return Objection(DenialReason.SYMBOL_COOLDOWN, f"{minutes} of {settings.cooldown_min} min left")
    return None


def _described(holding: Holding) -> str:
    return f"an entry is on its way {holding.side}" if holding.pending else f"it is {holding.side} already"

"""What planning knows: of the occasion (once a signal), of a market (once a page), of an account (once an account)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane, entry_lane
from marketbot.domain.money import ZERO
from marketbot.domain.policy import Policy, Wishes
from marketbot.domain.side import PositionSide
from marketbot.domain.signal import Action
from marketbot.domain.trading_state import Switches
from marketbot.domain.venue import Market


class AccountStatus(StrEnum):
    """Whether an account's key has been proven; the same words stand in the schema."""

    CONNECTING = "connecting"
    READY = "ready"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """An accepted signal as planning needs it. ``plan_lane`` and ``plan_after`` tell how far an earlier run came."""

    signal_id: SignalId
    source_id: int
    action: Action
    symbol: Symbol
    price: Decimal | None
    sent_at: datetime | None
    received_at: datetime
    plan_lane: int = 0
    plan_after: int = 0
    superseded: bool = False
    """True when the source has since asked to close what this signal would open."""

    @property
    def born_at(self) -> datetime:
        """The moment a signal's age counts from: the sender's clock where it told one that lies before ours."""
        return self.received_at if self.sent_at is None else min(self.sent_at, self.received_at)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Everything that is the same for every account of one page."""

    signal: SignalFacts
    policy: Policy
    switches: Switches
    now: datetime
    expired: bool = field(init=False)
    """True when an entry has grown too old to be planned. A close never does."""

    def __post_init__(self) -> None:
        window = timedelta(seconds=self.policy.validation_window_s)
        expired = self.signal.action.is_entry and self.now - self.signal.born_at > window
        object.__setattr__(self, "expired", expired)

    def lane(self, market: Market) -> Lane:
        """Return the lane of this signal's orders at ``market``."""
        return entry_lane(market.environment) if self.signal.action.is_entry else Lane.RISK_REDUCING


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """One market's view of the signal's instrument. ``instrument`` None: not listed; ``reference_price`` None: not known."""

    instrument: Instrument | None
    reference_price: Decimal | None
    reference_age_s: float | None


@dataclass(frozen=True, slots=True)
class Holding:
    """One open position, or (``pending``) an entry that is on its way and will become one. ``notional`` in quote."""

    symbol: Symbol
    side: PositionSide
    qty: Decimal
    notional: Decimal
    pending: bool = False
    opened_at: datetime | None = None
    """None for a pending one, whose margin is taken off the balance already."""


@dataclass(slots=True)  # a frozen one costs three times as much to make
class AccountFacts:
    """One account at the moment of planning. Nobody changes it. Balances in quote; None means they were never read."""

    account_id: AccountId
    user_id: UserId
    market: Market
    egress: int
    status: AccountStatus
    paused: bool
    reduce_only: bool
    hedge_mode: bool
    wishes: Wishes
    wallet_balance: Decimal | None
    available_balance: Decimal | None
    read_at: datetime | None
    holdings: tuple[Holding, ...] = ()
    closed_at: datetime | None = None
    """When the last position in the signal's instrument was closed, on either side."""
    operations_last_minute: int = 0
    """Entries of all the user's accounts."""
    realized_loss: Decimal = ZERO
    """Lost since midnight UTC, net of gains; never below zero."""

"""One account's work on one signal, while it is being done.

The rows in the store are the truth; this is what the executor knows of them, plus what venues have answered since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from marketbot.domain.client_order_id import client_order_id
from marketbot.domain.errors import IllegalTransition
from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import AccountId, ChunkId, ClientOrderId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.money import ZERO
from marketbot.domain.order import TRANSITIONS, OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import Market
from marketbot.ports import Credential


@dataclass(slots=True)
class LegRun:
    """One order of an intent: where it stands, and how many events of it are stored."""

    leg: Leg
    attempt: int
    client_order_id: ClientOrderId
    trigger_price: Decimal | None = None
    state: OrderState = OrderState.PLANNED
    seq: int = 0
    venue_order_id: str | None = None
    filled_qty: Decimal = ZERO
    average_price: Decimal = ZERO

    def move(self, to: OrderState) -> OrderState:
        """Take an edge of the order machine and return the state left behind.

        Raises:
            IllegalTransition: the machine has no such edge.
        """
        left = self.state
        if (left, to) not in TRANSITIONS:
            raise IllegalTransition(f"an order cannot go from {left} to {to}")
        self.state = to
        return left

    def learn(self, report: OrderReport) -> None:
        """Keep what a venue reported beside the state."""
        self.venue_order_id = report.venue_order_id or self.venue_order_id
        if report.filled_qty > self.filled_qty:
            self.filled_qty = report.filled_qty
            self.average_price = report.average_price


@dataclass(slots=True)
class IntentRun:
    """An intent in the executor's hands. ``received_at`` is the signal's; stage times are milliseconds since then.

    ``resumed`` is set when an earlier attempt at the chunk may have sent any of its orders.
    """

    signal_id: SignalId
    account_id: AccountId
    user_id: UserId
    lane: Lane
    market: Market
    symbol: Symbol
    instrument: Instrument
    side: PositionSide
    qty: Decimal
    leverage: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    stem: str
    received_at: datetime
    expires_at: datetime
    credential: Credential
    resumed: bool
    attempts: int
    leverage_set: Decimal | None = None
    quarantined: bool = False
    superseded: bool = False
    """A later signal of the same source, or a later command, closes what this entry would open."""
    restored: bool = False
    """The signal is from before a restore: what was done about it in the time that was lost is known to the venue alone."""
    legs: dict[Leg, LegRun] = field(default_factory=dict)
    claimed_ms: int | None = None
    sent_ms: int | None = None
    acked_ms: int | None = None
    protected_ms: int | None = None
    filled_at: datetime | None = None
    opposite: IntentRun | None = None
    """For a close of both sides in hedge mode: the same intent's work on the other side, with an exit order of its own."""
    guards: IntentRun | None = None
    """For an exit: the intent that opened the position, whose stop and target go with it. Its ``qty`` is what our books call held
    and protected; nothing while they are in doubt."""
    seen_position: VenuePosition | None = None
    """What a venue that fills after it answers showed us when the fill was learnt."""

    def add_leg(self, leg: Leg, attempt: int, trigger_price: Decimal | None = None) -> LegRun:
        """Name the order of a leg; the caller stores it before the wire."""
        run = LegRun(leg, attempt, client_order_id(self.stem, leg, attempt), trigger_price)
        self.legs[leg] = run
        return run

    def since_received_ms(self, now: datetime) -> int:
        return int((now - self.received_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """A chunk this worker has claimed; ``attempts`` counts this claim too."""

    chunk_id: ChunkId
    signal_id: SignalId
    lane: Lane
    market: Market
    account_ids: tuple[AccountId, ...]
    attempts: int

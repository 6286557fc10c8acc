"""A desk that keeps what is written in memory, and runs to work on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.execution.venue_double import Fault, VenueDouble, VirtualClock

from marketbot.domain.client_order_id import client_order_stem
from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.order import TRANSITIONS, OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.trading_state import Switches
from marketbot.execution.desk import Desk
from marketbot.execution.run import IntentRun, LegRun
from marketbot.ports import Credential, VenueTraits

BINANCE_LIKE = VenueTraits(attaches_protection=False, entry_reply_is_final=True, id_is_idempotent=False)
BYBIT_LIKE = VenueTraits(attaches_protection=True, entry_reply_is_final=False, id_is_idempotent=True)
INSTRUMENT = Instrument(
    Symbol("BTCUSDT"), "BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(5)
)


class MemoryJournal:
    """Keeps what is written, and refuses an order event that does not follow from the one before."""

    def __init__(self) -> None:
        self.events: list[tuple[str, OrderState, OrderState]] = []
        self.positions: list[ProtectionState] = []
        self.closed_by: str | None = None
        self.outcomes: list[tuple[str, str | None]] = []
        self.detail: str | None = None
        self.planned: list[str] = []
        self.quarantined: str | None = None
        self._last: dict[str, OrderState] = {}

    def order_moved(self, run: IntentRun, leg: LegRun, left: OrderState, at: datetime, report: OrderReport | None = None) -> None:
        assert (left, leg.state) in TRANSITIONS
        # Only the transient pair planned -> submitted (-> planned) is kept in memory.
        last = self._last.get(leg.client_order_id, OrderState.PLANNED)
        assert left == last or (last is OrderState.PLANNED and left is OrderState.SUBMITTED)
        leg.seq += 1
        self._last[leg.client_order_id] = leg.state
        self.events.append((leg.leg, left, leg.state))

    def position(self, run: IntentRun, state: ProtectionState, at: datetime, *, closed_by: str | None = None, **_: Any) -> None:
        self.positions.append(state)
        self.closed_by = closed_by

    def finished(
        self, run: IntentRun, result: str, at: datetime, *, reason: str | None = None, detail: str | None = None
    ) -> None:
        self.outcomes.append((result, reason))
        self.detail = detail

    async def order_planned(self, run: IntentRun, leg: LegRun, at: datetime) -> None:
        self.planned.append(leg.client_order_id)

    async def leverage_set(self, run: IntentRun, leverage: Decimal) -> None: ...

    async def quarantine(self, run: IntentRun, reason: str) -> None:
        self.quarantined = reason

    async def durable(self) -> None: ...


class SilentWatch:
    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_kwargs: None


def desk_for(venue: VenueDouble, clock: VirtualClock, switches: Switches | None = None) -> tuple[Desk, MemoryJournal]:
    journal = MemoryJournal()
    chosen = switches or Switches({})
    return Desk({venue.market: venue}, journal, clock, lambda: chosen, SilentWatch()), journal  # type: ignore[dict-item]


def entry_run(
    venue: VenueDouble, clock: VirtualClock, *, resumed: bool = False, side: PositionSide = PositionSide.LONG
) -> IntentRun:
    stop, target = (Decimal(98), Decimal(103)) if side is PositionSide.LONG else (Decimal(102), Decimal(97))
    run = IntentRun(
        signal_id=SignalId(7),
        account_id=AccountId(3),
        user_id=UserId(1),
        lane=Lane.MAINNET,
        market=venue.market,
        symbol=Symbol("BTCUSDT"),
        instrument=INSTRUMENT,
        side=side,
        qty=Decimal("0.5"),
        leverage=Decimal(5),
        stop_price=stop,
        target_price=target,
        stem=client_order_stem("abc123", SignalId(7), AccountId(3)),
        received_at=clock.now(),
        expires_at=clock.now() + timedelta(seconds=120),
        credential=Credential(AccountId(3), "key", b"secret"),
        resumed=resumed,
        attempts=2 if resumed else 1,
        leverage_set=Decimal(5),
    )
    run.add_leg(Leg.ENTRY, 0)
    run.add_leg(Leg.STOP_LOSS, 0, stop)
    run.add_leg(Leg.TAKE_PROFIT, 0, target)
    return run


def exit_run(venue: VenueDouble, clock: VirtualClock) -> IntentRun:
    run = entry_run(venue, clock)
    run.lane = Lane.RISK_REDUCING
    run.legs = {}
    run.add_leg(Leg.EXIT, 0)
    return run


def make(traits: VenueTraits, faults: list[Fault] | None = None, **kwargs: Any) -> tuple[VenueDouble, VirtualClock]:
    clock = VirtualClock()
    return VenueDouble(clock, traits, iter(faults or []), **kwargs), clock

"""An account's run against a venue that misbehaves: whatever happens, one entry at most, and no position left without a stop."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.execution.venue_double import Fault, VenueDouble, VirtualClock

from marketbot.domain.client_order_id import client_order_stem
from marketbot.domain.execution_report import ErrorClass, OrderReport
from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.order import TRANSITIONS, OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.trading_state import Scope, Switches, TradingState
from marketbot.execution.closing import run_exit
from marketbot.execution.desk import Desk
from marketbot.execution.entry import run_entry
from marketbot.execution.protect import PROTECT_DEADLINE_S
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


TRAITS = pytest.mark.parametrize("traits", [BINANCE_LIKE, BYBIT_LIKE], ids=["separate", "attached"])


@TRAITS
@pytest.mark.parametrize("side", list(PositionSide))
async def test_a_filled_entry_ends_protected(traits: VenueTraits, side: PositionSide) -> None:
    venue, clock = make(traits)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock, side=side), lambda: None)
    assert journal.outcomes == [("ordered", None)]
    assert journal.positions[-1] is ProtectionState.PROTECTED
    assert venue.stop is not None
    assert venue.target is not None


@TRAITS
@given(faults=st.lists(st.sampled_from(Fault), max_size=14), blind=st.integers(0, 3), resumed=st.booleans())
@settings(max_examples=300, deadline=None)
async def test_no_fault_doubles_an_entry_or_leaves_it_naked(
    traits: VenueTraits, faults: list[Fault], blind: int, resumed: bool
) -> None:
    venue, clock = make(traits, faults, blind_reads=blind)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock, resumed=resumed), lambda: None)
    entries = {coid: times for coid, times in venue.executed.items() if "e" in coid[-2]}
    assert sum(entries.values()) <= 1
    assert len(journal.outcomes) == 1
    assert venue.position is None or venue.stop is not None
    result, _ = journal.outcomes[0]
    assert (result == "ordered") == (sum(entries.values()) == 1)
    # 8 s to give up on the stop, and the slowest single step (an unanswered request) on top.
    assert venue.longest_naked_s <= PROTECT_DEADLINE_S + 2.5 * len(faults) + 5


@TRAITS
async def test_a_lost_answer_is_looked_up_and_never_sent_again(traits: VenueTraits) -> None:
    venue, clock = make(traits, [Fault.LOST_AFTER], blind_reads=2)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert sum(venue.executed.values()) == 1
    assert (Leg.ENTRY, OrderState.SUBMITTED, OrderState.UNCONFIRMED) in journal.events
    assert journal.outcomes == [("ordered", None)]


@TRAITS
async def test_proven_absence_sends_the_same_id_again_within_the_window(traits: VenueTraits) -> None:
    venue, clock = make(traits, [Fault.LOST_BEFORE])
    desk, journal = desk_for(venue, clock)
    run = entry_run(venue, clock)
    await run_entry(desk, run, lambda: None)
    assert venue.executed == {run.legs[Leg.ENTRY].client_order_id: 1}
    assert (Leg.ENTRY, OrderState.UNCONFIRMED, OrderState.PLANNED) in journal.events
    assert journal.planned == []


@TRAITS
async def test_an_entry_past_its_window_lapses(traits: VenueTraits) -> None:
    venue, clock = make(traits, [Fault.LOST_BEFORE])
    desk, journal = desk_for(venue, clock)
    run = entry_run(venue, clock)
    run.expires_at = clock.now() + timedelta(seconds=5)
    await run_entry(desk, run, lambda: None)
    assert journal.outcomes == [("lapsed", "EXECUTION_WINDOW_PASSED")]
    assert not venue.executed


@TRAITS
async def test_a_resumed_entry_is_looked_up_before_anything_is_sent(traits: VenueTraits) -> None:
    venue, clock = make(traits)
    run = entry_run(venue, clock, resumed=True)
    from marketbot.ports import EntryOrder

    assert run.stop_price is not None
    assert run.target_price is not None
    await venue.submit_entry(
        run.credential,
        EntryOrder(INSTRUMENT, run.legs[Leg.ENTRY].client_order_id, run.side, run.qty, run.stop_price, run.target_price),
    )
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, run, lambda: None)
    assert sum(venue.executed.values()) == 1
    assert journal.outcomes == [("ordered", None)]
    assert venue.stop is not None


async def test_a_stop_that_cannot_rest_closes_the_position() -> None:
    venue, clock = make(BINANCE_LIKE, stop_refusal=ErrorClass.REFUSED)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert venue.position is None
    assert journal.outcomes == [("ordered", "EMERGENCY_STOP_IMPOSSIBLE")]
    assert journal.closed_by == "emergency"
    assert PROTECT_DEADLINE_S <= venue.longest_naked_s < PROTECT_DEADLINE_S + 3


async def test_a_stop_whose_price_has_passed_closes_at_once() -> None:
    venue, clock = make(BINANCE_LIKE, stop_refusal=ErrorClass.WOULD_TRIGGER)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert venue.position is None
    assert journal.outcomes == [("ordered", "EMERGENCY_STOP_WOULD_TRIGGER")]
    assert venue.longest_naked_s < 1


async def test_position_not_visible_right_after_the_fill_is_tried_again() -> None:
    venue, clock = make(BINANCE_LIKE, [Fault.NONE, *[Fault.POSITION_NOT_VISIBLE] * 5])
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert journal.outcomes == [("ordered", None)]
    assert venue.longest_naked_s < 2


@TRAITS
async def test_a_bad_key_quarantines_and_is_not_tried_again(traits: VenueTraits) -> None:
    venue, clock = make(traits, dead_key=True)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert journal.outcomes == [("rejected", "KEY_INVALID")]
    assert journal.quarantined is not None


@TRAITS
@pytest.mark.parametrize(
    ("refusal", "reason"), [(ErrorClass.FUNDS, "INSUFFICIENT_FUNDS"), (ErrorClass.SIZE, "SIZE_OR_PRICE_INVALID")]
)
async def test_a_definite_refusal_is_final(traits: VenueTraits, refusal: ErrorClass, reason: str) -> None:
    venue, clock = make(traits, entry_refusal=refusal)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert journal.outcomes == [("rejected", reason)]
    assert not venue.executed


@TRAITS
async def test_leverage_that_does_not_hold_is_set_once_and_the_entry_gets_a_second_id(traits: VenueTraits) -> None:
    venue, clock = make(traits, entry_refusal=ErrorClass.LEVERAGE)
    desk, journal = desk_for(venue, clock)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert venue.leverage_calls == 1
    assert journal.planned == list(venue.executed)
    assert journal.outcomes == [("ordered", None)]


@TRAITS
async def test_a_halt_stops_an_entry_that_is_not_on_the_wire(traits: VenueTraits) -> None:
    venue, clock = make(traits)
    desk, journal = desk_for(venue, clock, Switches({(Scope.EVERYTHING, ""): TradingState.HALTED}))
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert journal.outcomes == [("lapsed", "TRADING_HALTED")]
    assert not venue.executed


@TRAITS
async def test_an_entry_that_its_close_has_overtaken_is_not_sent(traits: VenueTraits) -> None:
    venue, clock = make(traits)
    desk, journal = desk_for(venue, clock)
    closing = exit_run(venue, clock)
    closing.signal_id = SignalId(8)
    await run_exit(desk, closing)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert journal.outcomes == [("lapsed", "POSITION_GONE"), ("lapsed", "SUPERSEDED_BY_CLOSE")]
    assert not venue.executed


@TRAITS
async def test_a_close_bars_no_entry_that_came_after_it(traits: VenueTraits) -> None:
    venue, clock = make(traits)
    desk, journal = desk_for(venue, clock)
    closing = exit_run(venue, clock)
    closing.signal_id = SignalId(6)
    await run_exit(desk, closing)
    await run_entry(desk, entry_run(venue, clock), lambda: None)
    assert journal.outcomes[-1] == ("ordered", None)


@TRAITS
@given(faults=st.lists(st.sampled_from(Fault), max_size=10), blind=st.integers(0, 4))
@settings(max_examples=200, deadline=None)
async def test_an_exit_always_ends_flat(traits: VenueTraits, faults: list[Fault], blind: int) -> None:
    venue, clock = make(traits)
    desk, _ = desk_for(venue, clock)
    opened = entry_run(venue, clock)
    await run_entry(desk, opened, lambda: None)
    venue.faults, venue.blind_reads = iter(faults), blind
    desk, journal = desk_for(venue, clock)
    run = exit_run(venue, clock)
    run.guards = opened
    journal._last = {leg.client_order_id: leg.state for leg in opened.legs.values()}
    await run_exit(desk, run)
    assert venue.position is None
    assert journal.outcomes == [("ordered", None)]
    assert journal.positions[-1] is ProtectionState.CLOSED
    assert all(leg.state is not OrderState.ACCEPTED for leg in opened.legs.values())


async def test_an_exit_of_nothing_lapses() -> None:
    venue, clock = make(BINANCE_LIKE)
    desk, journal = desk_for(venue, clock)
    await run_exit(desk, exit_run(venue, clock))
    assert journal.outcomes == [("lapsed", "POSITION_GONE")]
    assert not venue.executed

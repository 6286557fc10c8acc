"""An account's run against a venue that misbehaves: whatever happens, one entry at most, and no position left without a stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.execution.desk_double import BINANCE_LIKE, BYBIT_LIKE, INSTRUMENT, MemoryJournal, desk_for, entry_run, exit_run, make
from tests.execution.venue_double import Fault, VenueDouble

from marketbot.domain.execution_report import ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import SignalId
from marketbot.domain.order import OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.trading_state import Scope, Switches, TradingState
from marketbot.execution.closing import run_exit
from marketbot.execution.desk import Desk
from marketbot.execution.entry import run_entry
from marketbot.execution.protect import PROTECT_DEADLINE_S
from marketbot.execution.run import IntentRun
from marketbot.ports import VenueTraits

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
@pytest.mark.parametrize("retry_after_s", [0.2, 5.0, 600.0])
async def test_an_entry_that_is_held_back_waits_and_lapses_in_time_with_what_held_it_up(
    traits: VenueTraits, retry_after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, clock = make(traits)
    fault = VenueFault(ErrorClass.NOT_SENT, "circuit_open", "the venue does not answer at the moment", retry_after_s)
    tries = 0

    async def held_back(*_: object) -> OrderReport:
        nonlocal tries
        tries += 1
        return OrderReport(OrderState.PLANNED, fault=fault)

    monkeypatch.setattr(venue, "submit_entry", held_back)
    desk, journal = desk_for(venue, clock)
    run = entry_run(venue, clock)
    await run_entry(desk, run, lambda: None)
    assert journal.outcomes == [("lapsed", "EXECUTION_WINDOW_PASSED")]
    assert journal.detail == "circuit_open the venue does not answer at the moment"
    assert 0 <= (clock.now() - run.expires_at).total_seconds() < 1, "a ban of ten minutes does not hold the outcome up"
    assert 1 <= tries <= 50, "waiting is not a busy loop"


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


async def _opened(traits: VenueTraits) -> tuple[VenueDouble, Desk, MemoryJournal, IntentRun]:
    """Return an exit of a position that the books call protected."""
    venue, clock = make(traits)
    desk, _ = desk_for(venue, clock)
    opened = entry_run(venue, clock)
    await run_entry(desk, opened, lambda: None)
    desk, journal = desk_for(venue, clock)
    run = exit_run(venue, clock)
    run.guards = opened
    journal._last = {leg.client_order_id: leg.state for leg in opened.legs.values()}
    venue.executed.clear()
    venue.reads = 0
    return venue, desk, journal, run


@TRAITS
async def test_an_exit_of_what_the_books_are_sure_of_waits_for_no_look(traits: VenueTraits) -> None:
    venue, desk, journal, run = await _opened(traits)
    await run_exit(desk, run)
    assert venue.reads_before_exits == [0]
    assert venue.position is None
    assert journal.outcomes == [("ordered", None)]


@TRAITS
@pytest.mark.parametrize("doubt", ["resumed", "restored", "unsure"])
async def test_an_exit_that_may_have_been_sent_or_of_a_position_in_doubt_looks_first(traits: VenueTraits, doubt: str) -> None:
    venue, desk, journal, run = await _opened(traits)
    if doubt == "unsure":
        assert run.guards is not None
        run.guards.qty = Decimal(0)
    else:
        setattr(run, doubt, True)
    await run_exit(desk, run)
    assert all(reads > 0 for reads in venue.reads_before_exits)
    assert venue.position is None
    assert journal.outcomes == [("ordered", None)]


@TRAITS
@pytest.mark.parametrize("times", [Decimal("0.5"), Decimal(3)], ids=["less", "more"])
async def test_an_exit_takes_all_there_is_whatever_the_books_said(traits: VenueTraits, times: Decimal) -> None:
    venue, desk, journal, run = await _opened(traits)
    assert venue.position is not None
    venue.position = replace(venue.position, qty=venue.position.qty * times)
    await run_exit(desk, run)
    assert venue.position is None
    assert len(venue.executed) == (1 if times < 1 else 2)
    assert journal.outcomes == [("ordered", None)]


@TRAITS
async def test_an_exit_of_what_somebody_else_has_closed_lapses(traits: VenueTraits) -> None:
    venue, desk, journal, run = await _opened(traits)
    venue.flatten()
    await run_exit(desk, run)
    assert not venue.executed
    assert journal.outcomes == [("lapsed", "POSITION_GONE")]
    assert journal.positions[-1] is ProtectionState.CLOSED


async def test_an_exit_of_nothing_lapses() -> None:
    venue, clock = make(BINANCE_LIKE)
    desk, journal = desk_for(venue, clock)
    await run_exit(desk, exit_run(venue, clock))
    assert journal.outcomes == [("lapsed", "POSITION_GONE")]
    assert not venue.executed

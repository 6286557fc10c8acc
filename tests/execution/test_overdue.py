"""Answers that stay out: an entry's, which is looked for meanwhile, and a stop's, which is sent again under the same id."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.execution.desk_double import BINANCE_LIKE, desk_for, entry_run, make
from tests.execution.venue_double import Fault, VenueDouble

from marketbot.domain.execution_report import Absent, OrderReport, VenueFault
from marketbot.domain.ids import ClientOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.execution import entry
from marketbot.execution.entry import run_entry
from marketbot.execution.siblings import settle_protection
from marketbot.ports import Credential, EntryOrder, ProtectiveOrder


class HangingVenue(VenueDouble):
    """Executes an entry and keeps its answer back until ``answer`` is set."""

    answer: asyncio.Event
    looked_often: asyncio.Event
    looks: int = 0
    ended: bool = False
    sent: Counter[str]

    async def submit_entry(self, credential: Credential, order: EntryOrder) -> OrderReport:
        report = await super().submit_entry(credential, order)
        try:
            await self.answer.wait()
        finally:
            self.ended = True
        return report

    async def submit_protection(self, credential: Credential, order: ProtectiveOrder) -> OrderReport:
        self.sent[order.client_order_id] += 1
        return await super().submit_protection(credential, order)

    async def find_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> OrderReport | Absent | VenueFault:
        self.looks += 1
        if self.looks == 3:
            self.looked_often.set()
        found = await super().find_order(credential, instrument, client_order_id, leg)
        if isinstance(found, Absent) and self.blind_reads == 0:
            self.answer.set()
        return found


def hanging(faults: list[Fault] | None = None, blind_reads: int = 0) -> HangingVenue:
    double, clock = make(BINANCE_LIKE, faults)
    venue = HangingVenue(clock, double.traits, double.faults, blind_reads=blind_reads)
    venue.answer, venue.looked_often, venue.sent = asyncio.Event(), asyncio.Event(), Counter()
    return venue


@pytest.fixture(autouse=True)
def overdue_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "ANSWER_OVERDUE_S", 0.0)


async def test_an_entry_that_was_executed_and_never_answered_is_found_and_protected() -> None:
    venue = hanging()
    desk, journal = desk_for(venue, venue.clock)
    await run_entry(desk, entry_run(venue, venue.clock), lambda: None)
    assert journal.outcomes == [("ordered", None)]
    assert sum(venue.executed.values()) == 1
    assert venue.stop is not None
    assert venue.ended, "nobody waits for the answer any more"
    assert (Leg.ENTRY, OrderState.SUBMITTED, OrderState.FILLED) in journal.events
    assert asyncio.current_task() is not None
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_not_finding_an_entry_means_nothing_while_its_answer_may_come() -> None:
    venue = hanging(blind_reads=4)
    desk, journal = desk_for(venue, venue.clock)
    work = asyncio.create_task(run_entry(desk, entry_run(venue, venue.clock), lambda: None))
    await venue.looked_often.wait()
    assert not work.done()
    venue.answer.set()
    await work
    assert journal.outcomes == [("ordered", None)]
    assert sum(venue.executed.values()) == 1


async def test_whoever_is_cancelled_while_an_entry_is_looked_for_leaves_nobody_looking() -> None:
    venue = hanging(blind_reads=1_000_000)
    desk, journal = desk_for(venue, venue.clock)
    before = asyncio.all_tasks()
    work = asyncio.create_task(run_entry(desk, entry_run(venue, venue.clock), lambda: None))
    await venue.looked_often.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert journal.outcomes == []


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
async def test_a_stop_whose_answer_was_lost_is_looked_for_and_sent_again_under_its_own_id(fault: Fault) -> None:
    venue = hanging([Fault.NONE, fault], blind_reads=1)
    venue.answer.set()
    desk, journal = desk_for(venue, venue.clock)
    run = entry_run(venue, venue.clock)
    await run_entry(desk, run, lambda: None)
    stop = run.legs[Leg.STOP_LOSS]
    assert venue.sent[stop.client_order_id] == 2
    assert len(venue.sent) == 2, "one id for the stop, one for the target"
    assert venue.stop == (stop.client_order_id, stop.trigger_price)
    assert journal.events.count((Leg.STOP_LOSS, OrderState.UNCONFIRMED, OrderState.ACCEPTED)) == 1
    assert journal.outcomes == [("ordered", None)]


@pytest.mark.parametrize(
    ("state", "ended"), [(OrderState.UNCONFIRMED, OrderState.LAPSED), (OrderState.ACCEPTED, OrderState.CANCELED)]
)
async def test_a_stop_that_the_venue_never_knew_lapses_and_one_it_knew_is_canceled(state: OrderState, ended: OrderState) -> None:
    venue = hanging()
    desk, journal = desk_for(venue, venue.clock)
    run = entry_run(venue, venue.clock)
    stop = run.legs[Leg.STOP_LOSS]
    left = stop.move(OrderState.SUBMITTED)
    stop.move(state)
    journal.order_moved(run, stop, OrderState.SUBMITTED, venue.clock.now())
    assert left is OrderState.PLANNED
    assert await settle_protection(desk, run) is None
    assert stop.state is ended

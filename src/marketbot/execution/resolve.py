"""From unconfirmed to known: look an order up until the venue gives evidence, however long it takes."""

from __future__ import annotations

from marketbot.domain.execution_report import Absent, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.execution.absence import AbsenceProof, lookup_delay_s
from marketbot.execution.desk import Desk
from marketbot.execution.run import IntentRun, LegRun


def note_unconfirmed(desk: Desk, run: IntentRun, leg: LegRun, report: OrderReport | None) -> None:
    """Write down that an order may or may not be at the venue."""
    left = leg.move(OrderState.UNCONFIRMED)
    desk.journal.order_moved(run, leg, left, desk.clock.now(), report)
    desk.watch.unconfirmed(run, leg.leg)


async def look_up(desk: Desk, run: IntentRun, leg: LegRun) -> OrderReport | Absent | VenueFault:
    """Ask the venue once for one order by its client order id."""
    return await desk.client(run).find_order(run.credential, run.instrument, leg.client_order_id, leg.leg)


async def resolve(desk: Desk, run: IntentRun, leg: LegRun) -> OrderReport:
    """Leave ``unconfirmed`` by evidence alone.

    Returns the venue's report once it knows the order; or a report in state ``planned`` once absence is proven (empty look-ups
    over ``ABSENCE_TIME_S`` and, for an entry, no position). It waits as long as the venue cannot be asked: an order is never given up.
    """
    proof = AbsenceProof()
    failed = 0
    # What a dead worker may have sent is old enough to be asked for at once: a position without a stop may hang on it.
    delay_s = 0.0 if run.resumed else lookup_delay_s(0)
    while True:
        await desk.clock.sleep(delay_s)
        asked_at_s = desk.clock.monotonic()
        answer = await look_up(desk, run, leg)
        if isinstance(answer, OrderReport):
            desk.watch.resolved(run, leg.leg)
            return answer
        if isinstance(answer, VenueFault):
            delay_s = lookup_delay_s(failed)
            failed += 1
            continue
        delay_s = lookup_delay_s(proof.lookups + 1)
        failed = 0
        if proof.found_nothing(asked_at_s) and await _position_is_unchanged(desk, run, leg):
            desk.watch.resolved(run, leg.leg)
            return OrderReport(OrderState.PLANNED)


async def _position_is_unchanged(desk: Desk, run: IntentRun, leg: LegRun) -> bool:
    """Second witness for an entry: were it executed, the account would hold a position."""
    if leg.leg is not Leg.ENTRY:
        return True
    positions = await desk.client(run).read_positions(run.credential, run.instrument, urgent=True)
    return not isinstance(positions, VenueFault) and not any(p.side is run.side for p in positions)

"""Closing a position: by a signal, or because its stop cannot rest. An exit never expires and is tried until the venue has it."""

from __future__ import annotations

from decimal import Decimal

from marketbot.domain.execution_report import Absent, OrderReport
from marketbot.domain.money import ZERO
from marketbot.domain.order import SETTLED, OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.reasons import LapseReason
from marketbot.domain.side import Leg
from marketbot.execution import outcome
from marketbot.execution.absence import lookup_delay_s
from marketbot.execution.desk import Desk
from marketbot.execution.holding import held_for_certain, held_now
from marketbot.execution.outcome import Verdict
from marketbot.execution.resolve import look_up, note_unconfirmed
from marketbot.execution.run import IntentRun, LegRun
from marketbot.execution.siblings import position_went_away
from marketbot.ports import ExitOrder

LOOKS_AFTER_REFUSAL = 3
"""Look-ups of an exit that was sent twice and refused: the first sending may have been what closed the position."""
EXIT_ABSENCE_LOOKUPS = 3
"""Empty look-ups, with the position still there, after which a reduce-only order is sent again under its id."""
MAX_EXIT_ATTEMPT = 33
"""The last attempt at one exit; each uses a client order id of its own, after a definite refusal or a fill that left a rest."""
ATTEMPT_STEP = 2
"""Attempts of the one side are even, of the other odd, so that both sides of a hedge account have ids of their own."""
FLAT_READ_DELAYS_S = (0.0, 0.05, 0.1, 0.25, 0.5)
"""Waits between looks at a position that should be gone."""
REFUSED_TOO_OFTEN_S = 5.0


async def run_exit(desk: Desk, run: IntentRun) -> None:
    """Bring a close signal to its outcome for one account: whatever is held on the intent's sides goes."""
    ordered = [await _close_side(desk, side) for side in (run, run.opposite) if side is not None]
    if any(ordered):
        desk.journal.finished(run, "ordered", desk.clock.now())
        desk.watch.finished(run, "ordered", None)
    else:
        desk.journal.finished(run, "lapsed", desk.clock.now(), reason=LapseReason.POSITION_GONE)
        desk.watch.finished(run, "lapsed", LapseReason.POSITION_GONE)


async def _close_side(desk: Desk, run: IntentRun) -> bool:
    """Close one side; False when there was nothing that an order of ours could close."""
    desk.closes.note(run.account_id, run.symbol, run.side, run.signal_id)
    leg = run.legs[Leg.EXIT]
    if qty := _held_by_the_books(run, leg):
        return await close_position(desk, run, Leg.EXIT, qty, closed_by="signal")
    held = await held_now(desk, run)
    if held is None and run.guards is not None:
        held = await held_for_certain(desk, run)
    if held is None and leg.state is OrderState.PLANNED and not run.resumed:
        desk.journal.order_moved(run, leg, leg.move(OrderState.LAPSED), desk.clock.now())
        await position_went_away(desk, run, closed_by=None)
        return False
    return await close_position(desk, run, Leg.EXIT, held.qty if held else run.qty, closed_by="signal")


def _held_by_the_books(run: IntentRun, leg: LegRun) -> Decimal:
    """Return what an exit can send at once, before the venue is asked; nothing when it has to be asked first.

    A look at the position waits for its turn at the address, for minutes when thousands leave together, and an order does not. Being
    reduce-only it can neither open anything nor take more than there is, and what it leaves is found by the look that comes after it.
    """
    is_first = leg.state is OrderState.PLANNED and not run.resumed and not run.restored
    return run.guards.qty if is_first and run.guards is not None else ZERO


async def close_position(desk: Desk, run: IntentRun, name: Leg, qty: Decimal, *, closed_by: str) -> bool:
    """Send a reduce-only market order and see the position gone; returns only then, and tells whether the order had a part in it.

    A refusal that says there is nothing to reduce is settled by looking at the position. A rest that a fill left is closed by a
    further order: the fill of the first is on record.
    """
    leg = run.legs.get(name)
    if leg is None:
        leg = run.add_leg(name, 0)
        await desk.journal.order_planned(run, leg, desk.clock.now())
    elif run.resumed and leg.state is OrderState.PLANNED:
        leg.move(OrderState.SUBMITTED)
    if leg.state is OrderState.SUBMITTED:
        note_unconfirmed(desk, run, leg, None)
    tries = 0
    worked = doubtful = False
    is_from_lost_time = run.restored and leg.state is OrderState.UNCONFIRMED
    while True:
        doubtful = doubtful or leg.state is OrderState.UNCONFIRMED
        if leg.state not in SETTLED:
            is_from_lost_time = is_from_lost_time and leg.state is not OrderState.PLANNED
            report = await _send_exit(desk, run, leg, qty, tries)
            if report is None:
                tries += 1
                continue
        worked = worked or leg.state is OrderState.FILLED or leg.filled_qty > 0
        if is_from_lost_time and leg.state is OrderState.FILLED:
            # It closed its position before the restore. What is held now was opened after that, and this close is not about it.
            await position_went_away(desk, run, closed_by=closed_by, exit_price=leg.average_price or None)
            return True
        held = await _what_is_left(desk, run, leg, qty)
        if held is None:
            worked = worked or (doubtful and await _was_filled(desk, run, leg))
            await position_went_away(desk, run, closed_by=closed_by if worked else None, exit_price=leg.average_price or None)
            return worked
        qty = held.qty
        if leg.attempt + ATTEMPT_STEP > MAX_EXIT_ATTEMPT:
            desk.watch.emergency(run, "EXIT_REFUSED_TOO_OFTEN")
            await desk.clock.sleep(REFUSED_TOO_OFTEN_S)
            continue
        leg = run.add_leg(name, leg.attempt + ATTEMPT_STEP)
        await desk.journal.order_planned(run, leg, desk.clock.now())
        await desk.clock.sleep(outcome.retry_delay_s(tries, None))
        tries += 1


async def _was_filled(desk: Desk, run: IntentRun, leg: LegRun) -> bool:
    """Tell whether an exit that was refused, for nothing is left to reduce, had closed the position when it was sent in doubt before."""
    for tries in range(LOOKS_AFTER_REFUSAL):
        await desk.clock.sleep(lookup_delay_s(tries))
        seen = await look_up(desk, run, leg)
        if isinstance(seen, OrderReport) and seen.filled_qty > 0:
            return True
    return False


async def _send_exit(desk: Desk, run: IntentRun, leg: LegRun, qty: Decimal, tries: int) -> OrderReport | None:
    """Take one step with an exit that is not settled; a report when it is, None when another step is due."""
    if leg.state is OrderState.UNCONFIRMED:
        return await _resolve_exit(desk, run, leg)
    if leg.state is OrderState.ACCEPTED:
        await desk.clock.sleep(lookup_delay_s(tries))
        answer = await look_up(desk, run, leg)
        if isinstance(answer, OrderReport) and answer.state is not OrderState.ACCEPTED:
            _move(desk, run, leg, answer)
        if leg.state is OrderState.ACCEPTED and await held_now(desk, run) is None:
            _move(desk, run, leg, OrderReport(OrderState.FILLED, filled_qty=qty))
        return None if leg.state not in SETTLED else OrderReport(leg.state)
    leg.move(OrderState.SUBMITTED)
    if run.sent_ms is None:
        run.sent_ms = run.since_received_ms(desk.clock.now())
    report = await desk.client(run).submit_exit(run.credential, ExitOrder(run.instrument, leg.client_order_id, run.side, qty))
    if run.acked_ms is None:
        run.acked_ms = run.since_received_ms(desk.clock.now())
    match outcome.read(report):
        case Verdict.UNCONFIRMED:
            note_unconfirmed(desk, run, leg, report)
            return None
        case Verdict.TRY_AGAIN:
            leg.move(OrderState.PLANNED)
            await desk.clock.sleep(outcome.retry_delay_s(tries, report.fault))
            return None
        case Verdict.BAD_KEY:
            await desk.journal.quarantine(run, report.fault.text if report.fault else "")
            _move(desk, run, leg, report)
            return report
        case Verdict.WORKING:
            _move(desk, run, leg, report)
            return None
        case _:
            _move(desk, run, leg, report)
            return report


async def _resolve_exit(desk: Desk, run: IntentRun, leg: LegRun) -> OrderReport | None:
    """Find an exit whose fate is open. With the position still there after empty look-ups it is sent again under its id:
    being reduce-only, it cannot open anything, and the second of two is refused."""
    empty = tries = 0
    while True:
        await desk.clock.sleep(lookup_delay_s(tries))
        tries += 1
        answer = await look_up(desk, run, leg)
        if isinstance(answer, OrderReport):
            desk.watch.resolved(run, leg.leg)
            _move(desk, run, leg, answer)
            return answer if leg.state in SETTLED else None
        if isinstance(answer, Absent):
            empty += 1
            if empty >= EXIT_ABSENCE_LOOKUPS:
                desk.watch.resolved(run, leg.leg)
                desk.journal.order_moved(run, leg, leg.move(OrderState.PLANNED), desk.clock.now())
                return None


async def _what_is_left(desk: Desk, run: IntentRun, leg: LegRun, qty: Decimal) -> VenuePosition | None:
    """Return what the settled exit left of the position.

    An exit that filled in full is believed at the first empty read; anything else has to be seen gone for a while.
    """
    if leg.filled_qty < qty:
        return await held_for_certain(desk, run)
    for delay_s in FLAT_READ_DELAYS_S:
        await desk.clock.sleep(delay_s)
        held = await held_now(desk, run)
        if held is None:
            return None
    return held


def _move(desk: Desk, run: IntentRun, leg: LegRun, report: OrderReport) -> None:
    left = leg.move(report.state)
    leg.learn(report)
    desk.journal.order_moved(run, leg, left, desk.clock.now(), report)

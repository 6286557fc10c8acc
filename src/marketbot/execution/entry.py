"""An entry: send it once, learn what became of it, and hand a filled one to protection."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from marketbot.domain.execution_report import Absent, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.domain.reasons import LapseReason, RejectionReason
from marketbot.domain.side import Leg
from marketbot.execution import outcome
from marketbot.execution.absence import lookup_delay_s
from marketbot.execution.desk import Desk
from marketbot.execution.outcome import Verdict
from marketbot.execution.protect import protect
from marketbot.execution.resolve import look_up, note_unconfirmed, resolve
from marketbot.execution.run import IntentRun, LegRun
from marketbot.ports import EntryOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MAX_ENTRY_ATTEMPTS = 2
"""Client order ids used for one entry: the first, and one more after a definite refusal that was mended."""
FILL_READ_DELAYS_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
"""Waits between reads of an acknowledged market order at a venue that answers before it fills; the last repeats."""

ANSWER_OVERDUE_S = 1.0
"""An entry whose answer is not in by then is looked for while it is waited for: it may have been executed and be without a stop."""
PAST_WINDOW_S = 0.01
"""The last wait of an entry ends this long after its window, so that it is over by any clock."""


async def run_entry(desk: Desk, run: IntentRun, free_slot: Callable[[], None]) -> None:
    """Bring one entry to its outcome.

    ``free_slot`` is called once the first answer is in, or as soon as waiting starts, so that a slow account holds nobody up.
    """
    leg = run.legs[Leg.ENTRY]
    if run.resumed and leg.state is OrderState.PLANNED:
        # Another worker had this chunk: the order may be at the venue, so it is looked for first.
        leg.move(OrderState.SUBMITTED)
    if leg.state is OrderState.SUBMITTED:
        note_unconfirmed(desk, run, leg, None)
    tries = 0
    held_up: VenueFault | None = None
    while True:
        leg = run.legs[Leg.ENTRY]
        if leg.state is OrderState.LAPSED:
            _finish(desk, run, "lapsed", LapseReason.EXECUTION_WINDOW_PASSED, _text(held_up))
            return
        if leg.state is OrderState.PLANNED:
            if (barred := desk.entry_is_barred(run)) is not None:
                _lapse_barred(desk, run, leg, barred, held_up)
                return
            if run.leverage is not None and run.leverage_set != run.leverage and not await _set_leverage(desk, run, run.leverage):
                return
            report = await _send(desk, run, leg)
        elif leg.state is OrderState.UNCONFIRMED:
            free_slot()
            report = await resolve(desk, run, leg)
        else:
            report = OrderReport(leg.state, filled_qty=leg.filled_qty, average_price=leg.average_price)
        free_slot()
        match outcome.read(report):
            case Verdict.FILLED:
                _record(desk, run, leg, report)
                await protect(desk, run)
                return
            case Verdict.WORKING:
                if await _await_fill(desk, run, leg, report):
                    await protect(desk, run)
                return
            case Verdict.NOTHING_FILLED:
                _record(desk, run, leg, report)
                _finish(desk, run, "rejected", RejectionReason.VENUE_REFUSED, "the venue found nobody to trade with")
                return
            case Verdict.UNCONFIRMED:
                if leg.state is not OrderState.UNCONFIRMED:
                    note_unconfirmed(desk, run, leg, report)
            case Verdict.TRY_AGAIN:
                # Not executed, certainly: no byte left, the venue refused for the moment, or absence is proven.
                was_unconfirmed = leg.state is OrderState.UNCONFIRMED
                left = leg.move(OrderState.PLANNED)
                if was_unconfirmed:
                    desk.journal.order_moved(run, leg, left, desk.clock.now())
                held_up = report.fault or held_up
                await _wait_for_another_try(desk, run, tries, report.fault)
                tries += 1
            case Verdict.FIX_LEVERAGE if leg.attempt + 1 < MAX_ENTRY_ATTEMPTS:
                _record(desk, run, leg, report)
                run.leverage_set = None
                second = run.add_leg(Leg.ENTRY, leg.attempt + 1)
                await desk.journal.order_planned(run, second, desk.clock.now())
            case Verdict.BAD_KEY:
                _record(desk, run, leg, report)
                await desk.journal.quarantine(run, report.fault.text if report.fault else "the venue refuses the key")
                _finish(desk, run, "rejected", RejectionReason.KEY_INVALID, _text(report.fault))
                return
            case Verdict.REJECTED | Verdict.FIX_LEVERAGE:
                _record(desk, run, leg, report)
                _finish(desk, run, "rejected", outcome.rejection_reason(report.fault), _text(report.fault))
                return


async def _send(desk: Desk, run: IntentRun, leg: LegRun) -> OrderReport:
    assert run.stop_price is not None
    assert run.target_price is not None
    leg.move(OrderState.SUBMITTED)
    now = desk.clock.now()
    started_s = desk.clock.monotonic()
    if run.sent_ms is None:
        run.sent_ms = run.since_received_ms(now)
        desk.watch.entry_sent(run, run.sent_ms / 1000)
    client = desk.client(run)
    order = EntryOrder(run.instrument, leg.client_order_id, run.side, run.qty, run.stop_price, run.target_price)
    sending = client.submit_entry(run.credential, order)
    report = await (sending if client.traits.attaches_protection else _answer_or_fill(desk, run, leg, sending))
    if run.acked_ms is None:
        run.acked_ms = run.since_received_ms(desk.clock.now())
        desk.watch.entry_acknowledged(run, desk.clock.monotonic() - started_s)
    return report


async def _answer_or_fill(desk: Desk, run: IntentRun, leg: LegRun, sending: Coroutine[Any, Any, OrderReport]) -> OrderReport:
    """Return the answer to an entry, or its fill when a look-up finds that first; not finding it means nothing meanwhile."""
    waiting = asyncio.current_task()
    looking: asyncio.Task[OrderReport] | None = None
    found: OrderReport | None = None

    def look() -> None:
        nonlocal looking
        looking = asyncio.create_task(_find_fill(desk, run, leg))
        looking.add_done_callback(stop_waiting)

    def stop_waiting(looked: asyncio.Task[OrderReport]) -> None:
        nonlocal found
        if looking is not None and not looked.cancelled() and looked.exception() is None:
            found = looked.result()
            cast("asyncio.Task[None]", waiting).cancel()

    # A timer is nearly free, and nearly every answer is here before it rings; waiting on two tasks would cost every entry.
    timer = asyncio.get_running_loop().call_later(ANSWER_OVERDUE_S, look)
    try:
        return await sending
    except asyncio.CancelledError:
        if found is None or cast("asyncio.Task[None]", waiting).uncancel() > 0:
            raise
        # The venue's word on the order is known: the unanswered call has ended, and nothing is re-sent.
        return found
    finally:
        timer.cancel()
        if looking is not None:
            looked, looking = looking, None
            looked.cancel()


async def _find_fill(desk: Desk, run: IntentRun, leg: LegRun) -> OrderReport:
    tries = 0
    while True:
        answer = await look_up(desk, run, leg)
        if isinstance(answer, OrderReport) and outcome.read(answer) is Verdict.FILLED:
            return answer
        await desk.clock.sleep(lookup_delay_s(tries))
        tries += 1


async def _await_fill(desk: Desk, run: IntentRun, leg: LegRun, acknowledged: OrderReport) -> bool:
    """Learn what an acknowledged market order became; True when the account holds a position from it.

    Where protection is attached, one look at the position tells fill, stop and target together: only a position that is not there
    at once sends us to the order itself. Until then the acknowledgement is not worth a row of its own: whoever takes the chunk
    over looks the order up whether it is known to be acknowledged or not.
    """
    client = desk.client(run)
    reads = 0
    while True:
        if reads:
            await desk.clock.sleep(FILL_READ_DELAYS_S[min(reads, len(FILL_READ_DELAYS_S) - 1)])
        reads += 1
        if client.traits.attaches_protection:
            positions = await client.read_positions(run.credential, run.instrument, urgent=True)
            if not isinstance(positions, VenueFault):
                held = next((p for p in positions if p.side is run.side), None)
                if held is not None:
                    filled = OrderReport(
                        OrderState.FILLED, acknowledged.venue_order_id, filled_qty=held.qty, average_price=held.entry_price
                    )
                    _record(desk, run, leg, filled)
                    run.seen_position = held
                    return True
        if reads == 1:
            _record(desk, run, leg, acknowledged)
        answer = await look_up(desk, run, leg)
        if isinstance(answer, Absent | VenueFault):
            continue
        if answer.state is OrderState.REJECTED:
            _record(desk, run, leg, answer)
            _finish(desk, run, "rejected", outcome.rejection_reason(answer.fault), _text(answer.fault))
            return False
        match outcome.read(answer):
            case Verdict.FILLED:
                _record(desk, run, leg, answer)
                return True
            case Verdict.NOTHING_FILLED:
                _record(desk, run, leg, answer)
                _finish(desk, run, "rejected", RejectionReason.VENUE_REFUSED, "the venue found nobody to trade with")
                return False
            case _:
                continue


async def _set_leverage(desk: Desk, run: IntentRun, leverage: Decimal) -> bool:
    """Set leverage where the venue is not known to hold it; without it no entry is sent."""
    tries = 0
    while True:
        fault = await desk.client(run).set_leverage(run.credential, run.instrument, leverage)
        if fault is None:
            await desk.journal.leverage_set(run, leverage)
            run.leverage_set = leverage
            return True
        leg = run.legs[Leg.ENTRY]
        verdict = outcome.read(OrderReport(OrderState.REJECTED, fault=fault))
        if verdict is Verdict.BAD_KEY:
            await desk.journal.quarantine(run, fault.text)
        if verdict not in (Verdict.TRY_AGAIN, Verdict.UNCONFIRMED):
            reason = RejectionReason.KEY_INVALID if verdict is Verdict.BAD_KEY else RejectionReason.LEVERAGE_NOT_SET
            _lapse(desk, run, leg, reason, fault)
            return False
        # Setting leverage is idempotent: an unclear answer is simply asked again.
        await _wait_for_another_try(desk, run, tries, fault)
        tries += 1
        if (barred := desk.entry_is_barred(run)) is not None:
            _lapse_barred(desk, run, leg, barred, fault)
            return False


async def _wait_for_another_try(desk: Desk, run: IntentRun, tries: int, fault: VenueFault | None) -> None:
    """Wait as the venue asks, but no longer than the entry may live: a ban of ten minutes is not to hold its outcome up."""
    left_s = (run.expires_at - desk.clock.now()).total_seconds()
    await desk.clock.sleep(min(outcome.retry_delay_s(tries, fault), max(0.0, left_s) + PAST_WINDOW_S))


def _record(desk: Desk, run: IntentRun, leg: LegRun, report: OrderReport) -> None:
    if leg.state is report.state and report.state is not OrderState.PARTIALLY_FILLED:
        return
    now = desk.clock.now()
    left = leg.move(report.state)
    leg.learn(report)
    desk.journal.order_moved(run, leg, left, now, report)
    if leg.filled_qty > 0 and run.filled_at is None:
        run.filled_at = now


def _lapse_barred(desk: Desk, run: IntentRun, leg: LegRun, barred: LapseReason, held_up: VenueFault | None) -> None:
    """End an entry that may not go there any more; where its time ran out, tell what held it up."""
    _lapse(desk, run, leg, barred, held_up if barred is LapseReason.EXECUTION_WINDOW_PASSED else None)


def _lapse(desk: Desk, run: IntentRun, leg: LegRun, reason: str, fault: VenueFault | None = None) -> None:
    """End an entry that is provably not at the venue, with its protective legs."""
    now = desk.clock.now()
    for each in (leg, run.legs.get(Leg.STOP_LOSS), run.legs.get(Leg.TAKE_PROFIT)):
        if each is not None and each.state is OrderState.PLANNED:
            desk.journal.order_moved(run, each, each.move(OrderState.LAPSED), now)
    _finish(desk, run, "lapsed", reason, _text(fault))


def _finish(desk: Desk, run: IntentRun, result: str, reason: str | None, detail: str | None) -> None:
    if result == "rejected":
        for name in (Leg.STOP_LOSS, Leg.TAKE_PROFIT):
            leg = run.legs.get(name)
            if leg is not None and leg.state is OrderState.PLANNED:
                desk.journal.order_moved(run, leg, leg.move(OrderState.LAPSED), desk.clock.now())
    desk.journal.finished(run, result, desk.clock.now(), reason=reason, detail=detail)
    desk.watch.finished(run, result, reason)


def _text(fault: VenueFault | None) -> str | None:
    return None if fault is None else f"{fault.code} {fault.text}".strip()

"""Stop and target for a position that has just come into being; where no stop can rest, the position goes.

The order of things is the venue's (docs/venues/binance.md): entry, position known, stop, target. A stop that the venue accepted is
proof; a read-back that does not find it disproves nothing.
"""

from __future__ import annotations

from enum import StrEnum

from marketbot.domain.execution_report import ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import MAYBE_LIVE, SETTLED, OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg
from marketbot.execution.absence import lookup_delay_s
from marketbot.execution.closing import close_position
from marketbot.execution.desk import Desk
from marketbot.execution.holding import EmptyReads, read_held
from marketbot.execution.resolve import look_up, note_unconfirmed
from marketbot.execution.run import IntentRun, LegRun
from marketbot.execution.siblings import position_went_away
from marketbot.ports import ProtectiveOrder

PROTECT_DEADLINE_S = 8.0
"""A position that has no resting stop for this long after its fill was learnt is closed at the market."""
STOP_DELAYS_S = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Waits before tries at a protective order; right after a fill the venue may not know the position yet. The last repeats."""
ASK_POSITION_AFTER = 3
"""Tries at a protective order before the account is asked whether there still is a position."""
MAX_TARGET_TRIES = 8
"""The stop rests already: a target that will not go in is left to reconciliation."""


_RESTS = OrderReport(OrderState.ACCEPTED)


class Placed(StrEnum):
    """How placing a protective leg ended."""

    RESTS = "rests"
    WOULD_TRIGGER = "would_trigger"
    POSITION_GONE = "position_gone"
    IMPOSSIBLE = "impossible"


async def protect(desk: Desk, run: IntentRun) -> None:
    """Bring a filled entry to its outcome: protected, closed at the market, or found closed already.

    The position is written down once it is protected, milliseconds after the fill, and as ``protecting`` only where the first try
    did not do it: until then the open chunk says that this account is being worked on.
    """
    entry = run.legs[Leg.ENTRY]
    started_s = desk.clock.monotonic()
    if run.resumed:
        _write_position(desk, run, ProtectionState.PROTECTING)
        if await _go_on_closing(desk, run):
            return
    if desk.client(run).traits.attaches_protection:
        placed = await _confirm_attached(desk, run, started_s)
    else:
        placed = await place_leg(desk, run, run.legs[Leg.STOP_LOSS], started_s)
        if placed is Placed.RESTS:
            _note_protected(desk, run, started_s)
            placed = await place_leg(desk, run, run.legs[Leg.TAKE_PROFIT], started_s)
            if placed is Placed.WOULD_TRIGGER:
                placed = await _take_profit(desk, run)
            elif placed is Placed.IMPOSSIBLE:
                placed = Placed.RESTS  # the stop does; the target is left to reconciliation
    match placed:
        case Placed.RESTS:
            _finish(desk, run, None)
        case Placed.POSITION_GONE:
            await position_went_away(desk, run, closed_by=None)
            _finish(desk, run, None)
        case Placed.WOULD_TRIGGER | Placed.IMPOSSIBLE:
            why = "STOP_WOULD_TRIGGER" if placed is Placed.WOULD_TRIGGER else "STOP_IMPOSSIBLE"
            desk.watch.emergency(run, why)
            await close_position(desk, run, Leg.EMERGENCY_EXIT, entry.filled_qty, closed_by="emergency")
            _finish(desk, run, f"EMERGENCY_{why}")


async def _go_on_closing(desk: Desk, run: IntentRun) -> bool:
    """Go on with a close that an earlier attempt at this run had begun, for its order may be at the venue; False when none had."""
    for name, closed_by, reason in (
        (Leg.EMERGENCY_EXIT, "emergency", "EMERGENCY_STOP_IMPOSSIBLE"),
        (Leg.EXIT, "take_profit", None),
    ):
        if name in run.legs:
            await close_position(desk, run, name, run.legs[Leg.ENTRY].filled_qty, closed_by=closed_by)
            _finish(desk, run, reason)
            return True
    return False


async def place_leg(desk: Desk, run: IntentRun, leg: LegRun, started_s: float) -> Placed:
    """Place one protective leg at a venue where it is an order of its own; a refusal is tried again until the deadline.

    An order that a dead worker may have sent is sent again before it is looked for, and one whose look-up fails likewise, under the
    same id. That is safe where it would not be for an entry: the venue keeps one closing order a direction and answers the second
    with "exists", and a closing order cannot open anything. What the venue then refuses is the second sending: the first one's
    fate stays open until it is found, or the position is gone and several look-ups find nothing.
    """
    tries = refused = looks = 0
    look_first = False
    empty = EmptyReads()
    if run.resumed and leg.state is OrderState.PLANNED:
        leg.move(OrderState.SUBMITTED)
        note_unconfirmed(desk, run, leg, None)
    while leg.state not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
        if leg.state in SETTLED:
            return Placed.POSITION_GONE
        if desk.clock.monotonic() - started_s > PROTECT_DEADLINE_S and leg.leg is Leg.STOP_LOSS:
            return Placed.IMPOSSIBLE
        if leg.leg is Leg.TAKE_PROFIT and tries >= MAX_TARGET_TRIES:
            return Placed.IMPOSSIBLE
        if tries == 1 and leg.leg is Leg.STOP_LOSS:
            _write_position(desk, run, ProtectionState.PROTECTING)
        tries += 1
        if leg.state is OrderState.UNCONFIRMED and look_first:
            await _find_protection(desk, run, leg, looks)
            looks += 1
            look_first = False
            continue
        if refused:
            await desk.clock.sleep(STOP_DELAYS_S[min(refused, len(STOP_DELAYS_S) - 1)])
        report = await _send_protection(desk, run, leg)
        look_first = True
        if report.fault is None:
            continue
        refused += report.state is not OrderState.UNCONFIRMED
        match report.fault.error_class:
            case ErrorClass.WOULD_TRIGGER:
                return Placed.WOULD_TRIGGER
            case ErrorClass.PROTECTION_EXISTS:
                await _adopt(desk, run, leg)
            case ErrorClass.NO_POSITION:
                if tries >= ASK_POSITION_AFTER and await _is_gone(desk, run, empty):
                    return Placed.POSITION_GONE
            case ErrorClass.KEY:
                await desk.journal.quarantine(run, report.fault.text)
            case _:
                pass
    return Placed.RESTS


async def _send_protection(desk: Desk, run: IntentRun, leg: LegRun) -> OrderReport:
    """Send a protective order, or send it again, and put the leg where the answer leaves it."""
    sent_before = leg.state is OrderState.UNCONFIRMED
    if not sent_before:
        leg.move(OrderState.SUBMITTED)
    report = await desk.client(run).submit_protection(run.credential, _protective_order(run, leg))
    is_duplicate = report.fault is not None and report.fault.error_class is ErrorClass.DUPLICATE
    if report.state is OrderState.UNCONFIRMED or is_duplicate:
        if not sent_before:
            note_unconfirmed(desk, run, leg, report)
    elif report.state not in (OrderState.REJECTED, OrderState.PLANNED):
        if sent_before:
            desk.watch.resolved(run, leg.leg)
        _move(desk, run, leg, report)
    elif not sent_before:
        leg.move(OrderState.PLANNED)  # certainly not at the venue: the same order may be sent again
    return report


async def _find_protection(desk: Desk, run: IntentRun, leg: LegRun, looks: int) -> None:
    """Look an unconfirmed protective order up. Not finding it proves nothing so soon after: it stays unconfirmed, and is sent again."""
    await desk.clock.sleep(lookup_delay_s(min(looks, 2)))
    answer = await look_up(desk, run, leg)
    if isinstance(answer, OrderReport):
        desk.watch.resolved(run, leg.leg)
        _move(desk, run, leg, answer)


async def _adopt(desk: Desk, run: IntentRun, leg: LegRun) -> None:
    """The venue says such an order rests already: find it, and count it as this leg."""
    resting = await desk.client(run).resting_orders(run.credential, run.instrument)
    if isinstance(resting, VenueFault):
        return
    for order in resting:
        if order.kind == leg.leg and order.closes_position and order.side == run.side.exit:
            leg.trigger_price = order.trigger_price or leg.trigger_price
            if leg.state is OrderState.PLANNED:
                leg.move(OrderState.SUBMITTED)
            else:
                desk.watch.resolved(run, leg.leg)
            _move(desk, run, leg, OrderReport(OrderState.ACCEPTED))
            return


async def _take_profit(desk: Desk, run: IntentRun) -> Placed:
    """The target's price passed already means the profit is there: take it."""
    await close_position(desk, run, Leg.EXIT, run.legs[Leg.ENTRY].filled_qty, closed_by="take_profit")
    return Placed.RESTS


async def _confirm_attached(desk: Desk, run: IntentRun, started_s: float) -> Placed:
    """Read the position until stop and target show on it; set what is missing."""
    tries = 0
    empty = EmptyReads()
    held = run.seen_position
    while True:
        if held is not None:
            missing = _missing_legs(run, held)
            if held.stop_price is not None:
                for leg in (run.legs[Leg.STOP_LOSS], run.legs[Leg.TAKE_PROFIT]):
                    if leg.leg not in missing and leg.state is OrderState.PLANNED:
                        leg.move(OrderState.SUBMITTED)
                    if leg.leg not in missing and leg.state in MAYBE_LIVE:
                        _move(desk, run, leg, _RESTS)
                _note_protected(desk, run, started_s)
                if not missing or tries >= MAX_TARGET_TRIES:
                    return Placed.RESTS
            elif desk.clock.monotonic() - started_s > PROTECT_DEADLINE_S:
                return Placed.IMPOSSIBLE
            for name in missing:
                if await _set_on_position(desk, run, run.legs[name]) is Placed.WOULD_TRIGGER:
                    return Placed.WOULD_TRIGGER
        tries += 1
        if tries == 1 and run.protected_ms is None:
            _write_position(desk, run, ProtectionState.PROTECTING)
        await desk.clock.sleep(STOP_DELAYS_S[min(tries, len(STOP_DELAYS_S) - 1)])
        answer = await read_held(desk, run)
        if isinstance(answer, VenueFault):
            continue
        held = answer
        if held is not None:
            empty.interrupted()
        elif empty.found_nothing(desk.clock.monotonic()):
            return Placed.POSITION_GONE


async def _set_on_position(desk: Desk, run: IntentRun, leg: LegRun) -> Placed:
    report = await desk.client(run).submit_protection(run.credential, _protective_order(run, leg))
    if report.fault is not None and report.fault.error_class is ErrorClass.WOULD_TRIGGER:
        return Placed.WOULD_TRIGGER
    return Placed.RESTS


def _protective_order(run: IntentRun, leg: LegRun) -> ProtectiveOrder:
    assert leg.trigger_price is not None
    sibling = run.legs.get(Leg.TAKE_PROFIT if leg.leg is Leg.STOP_LOSS else Leg.STOP_LOSS)
    stands = sibling is not None and sibling.state not in SETTLED
    return ProtectiveOrder(
        instrument=run.instrument,
        client_order_id=leg.client_order_id,
        leg=leg.leg,
        side=run.side,
        trigger_price=leg.trigger_price,
        sibling_price=sibling.trigger_price if sibling is not None and stands else None,
    )


def _missing_legs(run: IntentRun, held: VenuePosition) -> list[Leg]:
    missing = []
    if held.stop_price is None:
        missing.append(Leg.STOP_LOSS)
    if held.target_price is None:
        missing.append(Leg.TAKE_PROFIT)
    return missing


async def _is_gone(desk: Desk, run: IntentRun, empty: EmptyReads) -> bool:
    """Ask once more whether there still is a position, and count the answer."""
    held = await read_held(desk, run)
    if held is None:
        return empty.found_nothing(desk.clock.monotonic())
    if not isinstance(held, VenueFault):
        empty.interrupted()
    return False


def _move(desk: Desk, run: IntentRun, leg: LegRun, report: OrderReport) -> None:
    left = leg.move(report.state)
    leg.learn(report)
    desk.journal.order_moved(run, leg, left, desk.clock.now(), report)


def _note_protected(desk: Desk, run: IntentRun, started_s: float) -> None:
    if run.protected_ms is not None:
        return
    run.protected_ms = run.since_received_ms(desk.clock.now())
    _write_position(desk, run, ProtectionState.PROTECTED)
    desk.watch.protected(run, desk.clock.monotonic() - started_s)


def _write_position(desk: Desk, run: IntentRun, state: ProtectionState) -> None:
    entry = run.legs[Leg.ENTRY]
    desk.journal.position(run, state, desk.clock.now(), qty=entry.filled_qty, entry_price=entry.average_price)


def _finish(desk: Desk, run: IntentRun, reason: str | None) -> None:
    desk.journal.finished(run, "ordered", desk.clock.now(), reason=reason)
    desk.watch.finished(run, "ordered", reason)

"""Put a stop or target back that a position has lost; where no stop can rest, the position goes.

Never is a stop taken away here. A new order gets a new name, stored before the wire, only when the old one is proven ended;
otherwise the old name is sent again, which is harmless: the venue answers that it is there.
"""

from __future__ import annotations

from enum import StrEnum

from marketbot.domain.client_order_id import MAX_ATTEMPT
from marketbot.domain.execution_report import ErrorClass, OrderReport
from marketbot.domain.order import OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg
from marketbot.execution.closing import close_position
from marketbot.execution.desk import Desk
from marketbot.execution.protect import Placed, place_leg
from marketbot.execution.run import IntentRun, LegRun
from marketbot.execution.siblings import position_went_away
from marketbot.ports import ProtectiveOrder
from marketbot.reconciliation.evidence import LegFate, UnreadableError, fate_of, move_leg, position_of

MAX_ROUNDS = 3
"""New orders for one leg within one reconciliation; each after the last was found ended."""
ASK_AGAIN_DELAYS_S = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 2.0, 2.0)


class Rearmed(StrEnum):
    """How an attempt to put protection back ended."""

    RESTS = "rests"
    CLOSED = "closed"
    LATER = "later"
    """The stop rests and the target does not yet: the next sweep tries again."""


async def rearm_stop(desk: Desk, run: IntentRun, held: VenuePosition, protection: ProtectionState) -> Rearmed:
    """Bring a position without stop to its outcome: protected, or closed."""
    why = "STOP_IMPOSSIBLE"
    for _ in range(MAX_ROUNDS):
        last = run.legs.get(Leg.STOP_LOSS)
        leg = await _leg_to_place(desk, run, Leg.STOP_LOSS)
        if leg is None:
            break
        if last is not None and last.state is OrderState.FILLED and await position_of(desk, run) is None:
            # It fired after the position was read: with two witnesses there is nothing to protect any more.
            move_leg(desk, run, leg, OrderReport(OrderState.LAPSED))
            run.legs[Leg.STOP_LOSS] = last
            await position_went_away(desk, run, closed_by=None)
            return Rearmed.CLOSED
        if leg.state is OrderState.ACCEPTED:
            placed = await _ask_again(desk, run, leg)
        else:
            if protection is ProtectionState.PROTECTED:
                # Everyone sees it naked until the venue has taken the new stop.
                protection = ProtectionState.NAKED
                _write(desk, run, protection, held)
            placed = await place_leg(desk, run, leg, desk.clock.monotonic())
        if placed is Placed.RESTS:
            run.stop_price = leg.trigger_price
            _write(desk, run, ProtectionState.PROTECTED, held)
            return Rearmed.RESTS
        if placed is not Placed.POSITION_GONE:
            why = "STOP_WOULD_TRIGGER" if placed is Placed.WOULD_TRIGGER else why
            break
        if await position_of(desk, run) is None:
            await position_went_away(desk, run, closed_by=None)
            return Rearmed.CLOSED
    desk.watch.emergency(run, why)
    await close_position(desk, run, Leg.EMERGENCY_EXIT, held.qty, closed_by="emergency")
    return Rearmed.CLOSED


async def rearm_target(desk: Desk, run: IntentRun, held: VenuePosition) -> Rearmed:
    """Put a target back beside a resting stop; its price passed already means the profit is there, and it is taken."""
    leg = await _leg_to_place(desk, run, Leg.TAKE_PROFIT)
    if leg is None:
        return Rearmed.LATER
    if leg.state is OrderState.ACCEPTED:
        placed = await _ask_again(desk, run, leg)
    else:
        placed = await place_leg(desk, run, leg, desk.clock.monotonic())
    match placed:
        case Placed.RESTS:
            return Rearmed.RESTS
        case Placed.WOULD_TRIGGER:
            await close_position(desk, run, Leg.EXIT, held.qty, closed_by="take_profit")
            return Rearmed.CLOSED
        case Placed.POSITION_GONE | Placed.IMPOSSIBLE:
            return Rearmed.LATER


async def _leg_to_place(desk: Desk, run: IntentRun, name: Leg) -> LegRun | None:
    """Return the order to be placed: the last one when its end is not proven, else a new one, stored; None when none is left."""
    leg = run.legs.get(name)
    price = run.stop_price if name is Leg.STOP_LOSS else run.target_price
    if leg is not None:
        if desk.client(run).traits.attaches_protection:
            # The position itself was read, and it has none: that is the venue's word on the order.
            if leg.state in (OrderState.ACCEPTED, OrderState.UNCONFIRMED):
                move_leg(desk, run, leg, OrderReport(OrderState.CANCELED))
            ended = leg.state is not OrderState.PLANNED
        else:
            ended = leg.state is not OrderState.PLANNED and await fate_of(desk, run, leg) is LegFate.ENDED
        if not ended:
            return leg
        price = leg.trigger_price or price
    attempt = 0 if leg is None else leg.attempt + 1
    if attempt > MAX_ATTEMPT or price is None:
        return None
    fresh = run.add_leg(name, attempt, price)
    await desk.journal.order_planned(run, fresh, desk.clock.now())
    return fresh


async def _ask_again(desk: Desk, run: IntentRun, leg: LegRun) -> Placed:
    """Send an order that the venue took, and does not show, once more under its name: it rests then, or it did all the time.

    Raises:
        UnreadableError: no answer told; the order, once taken, counts as resting until something says otherwise.
    """
    assert leg.trigger_price is not None
    order = ProtectiveOrder(run.instrument, leg.client_order_id, leg.leg, run.side, leg.trigger_price)
    refused = False
    for delay_s in ASK_AGAIN_DELAYS_S:
        await desk.clock.sleep(delay_s)
        report = await desk.client(run).submit_protection(run.credential, order)
        if report.state is OrderState.ACCEPTED:
            return Placed.RESTS
        refused = False
        match report.fault.error_class if report.fault is not None else ErrorClass.AMBIGUOUS:
            case ErrorClass.DUPLICATE | ErrorClass.PROTECTION_EXISTS:
                return Placed.RESTS
            case ErrorClass.WOULD_TRIGGER:
                # The old one may be firing this moment: its fate decides, not the price alone.
                return Placed.RESTS if await fate_of(desk, run, leg) is LegFate.RESTS else Placed.WOULD_TRIGGER
            case ErrorClass.NO_POSITION:
                if await position_of(desk, run) is None:
                    return Placed.POSITION_GONE
                refused = True
            case _:
                pass
    if refused:
        return Placed.IMPOSSIBLE
    raise UnreadableError


def _write(desk: Desk, run: IntentRun, state: ProtectionState, held: VenuePosition) -> None:
    desk.journal.position(run, state, desk.clock.now(), qty=held.qty, entry_price=held.entry_price)

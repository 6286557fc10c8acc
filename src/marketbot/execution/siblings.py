"""When a position is gone its stop and target must be gone too, and we write down which of them, if any, closed it."""

from __future__ import annotations

from decimal import Decimal

from marketbot.domain.execution_report import Absent, OrderReport, VenueFault
from marketbot.domain.money import ZERO
from marketbot.domain.order import SETTLED, OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg
from marketbot.execution.desk import Desk
from marketbot.execution.resolve import look_up
from marketbot.execution.run import IntentRun, LegRun

SETTLE_READ_DELAYS_S = (0.0, 0.1, 0.3, 0.6, 1.0)
"""Waits between looks at a protective order whose position has just gone: venues take a moment to expire it."""
CANCEL_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Waits before tries at cancelling one; what outlasts them is noted in ``Desk.loose``, and reconciliation goes on."""
CANCEL_DELAYS_AGAIN_S = (0.0, 0.5)
"""The same for reconciliation, which comes again: orders of the account wait while it tries."""


async def position_went_away(desk: Desk, run: IntentRun, *, closed_by: str | None, exit_price: Decimal | None = None) -> None:
    """Write a position down as closed and see its protective orders off.

    ``closed_by`` names what closed it when we know; None asks the protective orders, and leaves ``venue`` when neither filled
    (a person, a liquidation).
    """
    opening = run.guards if run.guards is not None else run
    filled = await settle_protection(desk, opening)
    entry = opening.legs.get(Leg.ENTRY)
    desk.journal.position(
        run,
        ProtectionState.CLOSED,
        desk.clock.now(),
        qty=ZERO,
        entry_price=entry.average_price if entry is not None else ZERO,
        closed_by=closed_by or (filled.value if filled is not None else "venue"),
        exit_price=exit_price or (opening.legs[filled].average_price or None if filled is not None else None),
    )


async def settle_protection(desk: Desk, opening: IntentRun, cancel_delays_s: tuple[float, ...] = CANCEL_DELAYS_S) -> Leg | None:
    """Bring the protective orders of a position that is gone to their end; return the leg that filled, if one did."""
    filled = None
    for name in (Leg.STOP_LOSS, Leg.TAKE_PROFIT):
        leg = opening.legs.get(name)
        if leg is None:
            continue
        if leg.state is OrderState.PLANNED:
            await _settle_unsent(desk, opening, leg, cancel_delays_s)
        elif leg.state not in SETTLED:
            await settle_order(desk, opening, leg, cancel_delays_s)
        if leg.state is OrderState.FILLED:
            filled = name
    return filled


async def _settle_unsent(desk: Desk, opening: IntentRun, leg: LegRun, cancel_delays_s: tuple[float, ...]) -> None:
    """End a leg that our books call unsent. A process that died may have sent it, and one look-up that missed it proves little:
    the venue is asked before the leg lapses."""
    for delay_s in SETTLE_READ_DELAYS_S:
        await desk.clock.sleep(delay_s)
        answer = await look_up(desk, opening, leg)
        if isinstance(answer, OrderReport):
            _move(desk, opening, leg, answer)
            if leg.state not in SETTLED:
                await settle_order(desk, opening, leg, cancel_delays_s)
            return
        if isinstance(answer, Absent):
            break
    _move(desk, opening, leg, OrderReport(OrderState.LAPSED))


async def settle_order(desk: Desk, opening: IntentRun, leg: LegRun, cancel_delays_s: tuple[float, ...]) -> None:
    """Wait for the venue to end an order that closes nothing any more; cancel it when it does not.

    One that was never more than unconfirmed, and that neither look-ups nor its cancelling brought to light, has lapsed: that it was
    canceled would say that the venue had it.
    """
    attaches = desk.client(opening).traits.attaches_protection
    known = leg.state is not OrderState.UNCONFIRMED or attaches
    for delay_s in SETTLE_READ_DELAYS_S:
        await desk.clock.sleep(delay_s)
        answer = await look_up(desk, opening, leg)
        if isinstance(answer, OrderReport):
            known = True
            if answer.state in SETTLED:
                _move(desk, opening, leg, answer)
                return
        elif attaches:
            # A property of a position that is gone is gone with it.
            break
    for delay_s in cancel_delays_s:
        await desk.clock.sleep(delay_s)
        if await desk.client(opening).cancel_order(opening.credential, opening.instrument, leg.client_order_id, leg.leg) is None:
            answer = Absent() if known else await look_up(desk, opening, leg)
            if not isinstance(answer, VenueFault):
                ended = OrderState.CANCELED if known or isinstance(answer, OrderReport) else OrderState.LAPSED
                _move(desk, opening, leg, OrderReport(ended))
                return
    desk.loose.note(opening.account_id, opening.market, opening.credential.egress)


def _move(desk: Desk, opening: IntentRun, leg: LegRun, report: OrderReport) -> None:
    if (leg.state is OrderState.PLANNED) and report.state is not OrderState.LAPSED:
        leg.move(OrderState.SUBMITTED)
    left = leg.move(report.state)
    leg.learn(report)
    desk.journal.order_moved(opening, leg, left, desk.clock.now(), report)

"""What the venue says when it is asked twice: one look that misses something proves nothing."""

from __future__ import annotations

from enum import StrEnum

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import SETTLED, OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.side import Leg
from marketbot.execution.desk import Desk, KeyLostError
from marketbot.execution.resolve import look_up
from marketbot.execution.run import IntentRun, LegRun

GONE_READS_S = (0.3, 1.0)
"""Waits between further reads of a position that was not there; all must miss it."""
GONE_READS_YOUNG_S = (0.5, 1.0, 2.0, 2.0)
"""The same for a position that was opened a moment ago: read sides lag behind write sides."""
YOUNG_S = 60.0
LEG_LOOKUPS_S = (0.0, 0.5, 1.0)
"""Waits before look-ups of a protective order that was not among the open ones."""
MAX_READ_TRIES = 8
"""Tries at one read before the account is left to the next sweep."""
READ_RETRY_S = 0.5


class UnreadableError(Exception):
    """The venue cannot be asked now: nothing is concluded, and nothing is done."""


class LegFate(StrEnum):
    """What is known about a protective order that does not show."""

    RESTS = "rests"
    ENDED = "ended"
    NOT_FOUND = "not_found"


async def position_of(desk: Desk, run: IntentRun) -> VenuePosition | None:
    """Return what the account holds on the run's side.

    Raises:
        UnreadableError: the venue did not answer.
        KeyLostError: the venue refuses the key; the account is quarantined.
    """
    for _ in range(MAX_READ_TRIES):
        positions = await desk.client(run).read_positions(run.credential, run.instrument, urgent=True)
        if not isinstance(positions, VenueFault):
            return next((each for each in positions if each.side is run.side), None)
        if positions.error_class is ErrorClass.KEY:
            await desk.journal.quarantine(run, positions.text)
            raise KeyLostError("the venue refuses the account's key")
        await desk.clock.sleep(max(READ_RETRY_S, positions.retry_after_s or 0.0))
    raise UnreadableError


async def is_gone(desk: Desk, run: IntentRun, age_s: float) -> bool:
    """Tell whether a position that one read missed is really gone.

    A protective order that has ended is a second witness, for nothing but the position's end ends it by itself; without one,
    further reads over time must miss the position too.
    """
    for name in (Leg.STOP_LOSS, Leg.TAKE_PROFIT):
        leg = run.legs.get(name)
        if leg is None or leg.state in SETTLED or leg.state is OrderState.PLANNED:
            continue
        answer = await look_up(desk, run, leg)
        if isinstance(answer, OrderReport) and answer.state in (OrderState.FILLED, OrderState.EXPIRED):
            move_leg(desk, run, leg, answer)
            return True
    for delay_s in GONE_READS_YOUNG_S if age_s < YOUNG_S else GONE_READS_S:
        await desk.clock.sleep(delay_s)
        if await position_of(desk, run) is not None:
            return False
    return True


async def fate_of(desk: Desk, run: IntentRun, leg: LegRun) -> LegFate:
    """Find out about a protective order that was not among the open ones; an end it came to is written down.

    Raises:
        UnreadableError: the venue did not answer.
    """
    if leg.state in SETTLED:
        return LegFate.ENDED
    for delay_s in LEG_LOOKUPS_S:
        await desk.clock.sleep(delay_s)
        answer = await look_up(desk, run, leg)
        if isinstance(answer, Absent):
            continue
        if isinstance(answer, VenueFault):
            if answer.error_class is ErrorClass.KEY:
                await desk.journal.quarantine(run, answer.text)
                raise KeyLostError("the venue refuses the account's key")
            continue
        if leg.state is not answer.state:
            move_leg(desk, run, leg, answer)
        return LegFate.ENDED if leg.state in SETTLED else LegFate.RESTS
    if isinstance(answer, VenueFault):
        raise UnreadableError
    return LegFate.NOT_FOUND


def move_leg(desk: Desk, run: IntentRun, leg: LegRun, report: OrderReport) -> None:
    """Take the venue's word on an order over; one that we believed unsent has been sent after all."""
    if leg.state is OrderState.PLANNED and report.state is not OrderState.LAPSED:
        leg.move(OrderState.SUBMITTED)
    left = leg.move(report.state)
    leg.learn(report)
    desk.journal.order_moved(run, leg, left, desk.clock.now(), report)

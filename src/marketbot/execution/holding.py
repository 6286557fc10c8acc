"""What an account holds on a run's side, asked of the venue. One empty answer proves nothing right after a write."""

from __future__ import annotations

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.position import VenuePosition
from marketbot.execution import outcome
from marketbot.execution.desk import Desk, KeyLostError
from marketbot.execution.run import IntentRun

GONE_AFTER_S = 5.0
"""A position that we know of counts as gone when reads over this time found none: read sides lag behind fills."""
GONE_READ_DELAYS_S = (0.0, 0.1, 0.3, 0.6, 1.0)
"""Waits between such reads; the last repeats."""


class EmptyReads:
    """Counts how long reads of a position have found nothing, none between them having seen it."""

    __slots__ = ("_since_s",)

    def __init__(self) -> None:
        self._since_s: float | None = None

    def found_nothing(self, at_s: float) -> bool:
        """Note an empty read at ``at_s`` (monotonic) and tell whether the position counts as gone."""
        if self._since_s is None:
            self._since_s = at_s
        return at_s - self._since_s >= GONE_AFTER_S

    def interrupted(self) -> None:
        """Begin anew: the position was seen."""
        self._since_s = None


async def read_held(desk: Desk, run: IntentRun) -> VenuePosition | VenueFault | None:
    """Ask once."""
    positions = await desk.client(run).read_positions(run.credential, run.instrument, urgent=True)
    if isinstance(positions, VenueFault):
        return positions
    return next((p for p in positions if p.side is run.side), None)


async def held_now(desk: Desk, run: IntentRun) -> VenuePosition | None:
    """Return the venue's first answer; asks until it gives one.

    Raises:
        KeyLostError: the venue refuses the account's key.
    """
    tries = 0
    while True:
        held = await read_held(desk, run)
        if not isinstance(held, VenueFault):
            return held
        if held.error_class is ErrorClass.KEY:
            await desk.journal.quarantine(run, held.text)
            raise KeyLostError("the venue refuses the account's key")
        await desk.clock.sleep(outcome.retry_delay_s(tries, held))
        tries += 1


async def held_for_certain(desk: Desk, run: IntentRun) -> VenuePosition | None:
    """Return the position as soon as it is seen; None only after empty reads over ``GONE_AFTER_S``."""
    empty = EmptyReads()
    reads = 0
    while True:
        await desk.clock.sleep(GONE_READ_DELAYS_S[min(reads, len(GONE_READ_DELAYS_S) - 1)])
        reads += 1
        held = await held_now(desk, run)
        if held is not None or empty.found_nothing(desk.clock.monotonic()):
            return held

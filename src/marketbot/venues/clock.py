"""What time a venue believes it is. Signatures carry a timestamp that must lie within seconds of the venue's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from marketbot.ports import Clock

MAX_ROUND_TRIP_S = 2.0
"""A slower measurement says too little about the venue's clock (half of it may be error) and never replaces a better one."""


class VenueClock:
    """Our steady clock plus the measured difference to the venue's, so a jump of the local wall clock moves nothing.

    ``generation`` grows with every measurement: a caller whose timestamp was refused can tell whether somebody has measured
    since it signed.
    """

    __slots__ = ("_clock", "_measuring", "_offset_ms", "generation", "round_trip_ms")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = int(clock.now().timestamp() * 1000) - int(clock.monotonic() * 1000)
        self._measuring = asyncio.Lock()
        self.generation = 0
        self.round_trip_ms = 0

    def now_ms(self) -> int:
        """Return the venue's time in milliseconds since the epoch."""
        return int(self._clock.monotonic() * 1000) + self._offset_ms

    def started(self) -> float:
        """Return the mark to hand to ``measured`` when the answer is there."""
        return self._clock.monotonic()

    def measured(self, venue_ms: int, started: float) -> bool:
        """Take the venue's time from an answer to a request begun at ``started``; False when it took too long to trust."""
        ended = self._clock.monotonic()
        if self.generation and ended - started > MAX_ROUND_TRIP_S:
            return False
        self.round_trip_ms = int((ended - started) * 1000)
        self._offset_ms = venue_ms - int((started + ended) * 500)
        self.generation += 1
        return True

    async def resync(self, seen: int, measure: Callable[[], Awaitable[object]]) -> None:
        """Measure again, unless somebody has since the caller saw generation ``seen``: a thousand refusals, one measurement."""
        async with self._measuring:
            if self.generation == seen:
                await measure()

    @property
    def skew_ms(self) -> int:
        """Return how far the venue's clock is ahead of our wall clock."""
        return self.now_ms() - int(self._clock.now().timestamp() * 1000)

    def __repr__(self) -> str:
        return f"<VenueClock skew={self.skew_ms}ms measured={self.generation}>"

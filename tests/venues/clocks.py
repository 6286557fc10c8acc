"""A clock that moves only when told to, or when somebody sleeps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class HandClock:
    """Implements ``ports.Clock``. Sleepers wake when ``advance`` reaches them, in order."""

    def __init__(self, at: float = 1_000.0) -> None:
        self._at = at
        self._epoch = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=at)
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._at)

    def monotonic(self) -> float:
        return self._at

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._at + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, waking everybody whose time comes on the way and letting them run."""
        end = self._at + seconds
        await _settle()
        while True:
            self._sleepers = [each for each in self._sleepers if not each[1].done()]
            due = [wake for wake, _ in self._sleepers if wake <= end]
            if not due:
                break
            # A step of its own beyond the wake-up, as with any real clock: nobody wakes at exactly the edge.
            self._at = max(self._at, min(due) + 1e-6)
            for wake, future in self._sleepers:
                if wake <= self._at and not future.done():
                    future.set_result(None)
            await _settle()
        self._at = max(self._at, end)
        await _settle()


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)

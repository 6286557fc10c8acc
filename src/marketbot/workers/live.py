"""Gathers for whom something changed, and tells the API processes twice a second at most.

The order path only adds a user's number to a table in memory, after its commit; what is told then costs a message for a thousand
users, whatever happened to them meanwhile. Everything here may be lost: streams are told to read, never what to believe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from marketbot.cache.live_notes import LIVE_TOPIC, Gathering, notes_of
from marketbot.domain.live import Changed
from marketbot.observability.live_metrics import count_publication
from marketbot.observability.logs import logger
from marketbot.observability.shared_metrics import count_events_dropped
from marketbot.ports import Events

TELL_EVERY_S = 0.5
"""The first change after a quiet time is told at once, what follows with the next message."""
LAST_WORDS_S = 1.0

log = logger(__name__)


class LiveNotes:
    """Fulfils ``ports.Tell``. One a process."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._gathered = Gathering()
        self._some = asyncio.Event()

    def __repr__(self) -> str:
        return f"<LiveNotes {self._gathered!r}>"

    def __call__(self, users: Iterable[int], changed: Changed, signals: Iterable[int] = ()) -> None:
        bits = int(changed)
        self._gathered.add(((user_id, bits) for user_id in users), operators=bits, signals=signals)
        self._some.set()

    async def run(self) -> None:
        """Tell until cancelled, whatever goes wrong with it: no order may suffer for a hint."""
        while True:
            await self._some.wait()
            try:
                await self.tell()
            except Exception as error:  # noqa: BLE001 - as above
                count_events_dropped(1)
                log.warning("live_notes_not_told", error=type(error).__name__)
            await asyncio.sleep(TELL_EVERY_S)

    async def tell(self) -> None:
        """Send what has gathered, if there is anything."""
        if not self._some.is_set():
            return
        self._some.clear()
        gathered, self._gathered = self._gathered, Gathering()
        for payload in notes_of(gathered):
            await self._events.publish(LIVE_TOPIC, payload)
            count_publication()

    async def close(self) -> None:
        """Say the last words, if they can be said quickly."""
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self.tell()
        except TimeoutError:
            pass

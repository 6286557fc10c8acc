"""One open stream: what its reader is owed, when it may be told, and the bytes of Server-Sent Events.

Nothing is queued. What is owed is a few bits that later changes are added to, so a slow reader costs no more memory than a fast one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import orjson

from marketbot.cache.live_notes import MAX_SIGNALS_A_NOTE
from marketbot.domain.ids import UserId
from marketbot.domain.live import names
from marketbot.observability.live_metrics import Ended, Told, count_sent
from marketbot.ports import Clock

GAP_S = 0.5
"""Between two messages to one reader."""
SIGN_OF_LIFE_S = 12.0
"""A quiet stream says so: balancers and callers take silence for death, ours after a minute."""
AGE_S = 3_600.0
"""About how long a stream is kept, within a fifth: after a restart, streams spread over all processes again."""
AGAIN_MIN_MS = 1_000
AGAIN_MAX_MS = 15_000
"""How long a caller waits before it comes back, drawn for each: five thousand streams of a process that ends come in a quarter minute."""
BUSY_WAIT_S = 1.0
"""Whose moment comes while the process is busy is told within so much more, and so on."""
RESUME_MAX = timedelta(minutes=5)
"""A reader that was away for longer reads everything."""
OVERLAP = timedelta(seconds=30)
"""Clocks differ, and rows are committed a while after the moment they name: so much before the last event is looked at again."""
MAX_ID_DIGITS = 17
"""Microseconds until the year 5138."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def read_position(last_event_id: str, now: datetime) -> datetime | None:
    """Return the moment since which a reader has to be told what changed; None when it must read everything."""
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= MAX_ID_DIGITS):
        return None
    seen = _EPOCH + int(last_event_id) * _MICROSECOND
    # One from the future is another clock's, or made up.
    return seen - OVERLAP if now - RESUME_MAX <= seen <= now + OVERLAP else None


class LiveStream:
    """``user_id`` is None for an operator's. ``hears`` are the bits of ``domain.live.Changed`` that the token may be told of."""

    __slots__ = (
        "_clock",
        "_later",
        "_not_before",
        "_owed",
        "_quiet_until",
        "_reset",
        "_signals",
        "_until",
        "_wake",
        "ended",
        "hears",
        "place",
        "session_id",
        "token_id",
        "user_id",
    )

    def __init__(
        self, user_id: UserId | None, token_id: int | None, hears: int, clock: Clock, session_id: int | None = None
    ) -> None:
        self.user_id = user_id
        self.token_id = token_id
        self.session_id = session_id
        self.hears = hears
        self.place: int | None = None
        """Its number in the count over all processes (``cache.stream_places``)."""
        self.ended: Ended | None = None
        self._clock = clock
        self._owed = 0
        self._later = 0
        self._reset = False
        self._signals: set[int] = set()
        self._wake = asyncio.Event()
        now_s = asyncio.get_running_loop().time()
        self._not_before = now_s
        self._quiet_until = now_s
        self._until = now_s + AGE_S * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret

    def __repr__(self) -> str:
        return f"<LiveStream {'operator' if self.user_id is None else 'user'} owed={self._owed:b} ended={self.ended}>"

    def tell(self, changed: int, signals: Iterable[int] = ()) -> None:
        """Owe the reader word of these kinds."""
        changed &= self.hears
        if not changed:
            return
        self._owed |= changed
        for signal_id in signals:
            if len(self._signals) < MAX_SIGNALS_A_NOTE:
                self._signals.add(signal_id)
        self._wake.set()

    def tell_within(self, seconds: float, changed: int, latest_s: float, is_busy: Callable[[], bool]) -> None:
        """The same at a moment of its own, so that not all readers of a process read at once; while it is busy a little later still,
        but not after ``latest_s`` seconds.
        """
        if not self._later:
            loop = asyncio.get_running_loop()
            self._wait(seconds, loop.time() + latest_s, is_busy)
        self._later |= changed

    @property
    def waits(self) -> bool:
        """Tell whether there is news that it is to hear in a moment."""
        return self._later != 0

    def reset(self) -> None:
        """Owe the reader word that it must read everything."""
        self._reset = True
        self._wake.set()

    def end(self, reason: Ended) -> None:
        """Have the stream say good-bye and stop. Idempotent."""
        if self.ended is None:
            self.ended = reason
            self._wake.set()

    def opening(self) -> bytes:
        """Return what a stream begins with."""
        return b"retry: %d\n\n" % _again_ms()

    async def next(self) -> bytes:
        """Return what is to be written next, as soon as it may be; after the good-bye, nothing is."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            now_s = loop.time()
            if now_s >= self._until:
                self.end(Ended.AGE)
            if self.ended is not None:
                count_sent(Told.END)
                data = orjson.dumps({"reason": self.ended.value})
                # Streams grow old at moments of their own: who was only moved need not wait.
                again_ms = AGAIN_MIN_MS if self.ended is Ended.AGE else _again_ms()
                return b"retry: %d\nevent: end\ndata: %s\n\n" % (again_ms, data)
            owes = self._reset or self._owed
            if owes and now_s >= self._not_before:
                self._not_before = now_s + GAP_S
                self._quiet_until = now_s + SIGN_OF_LIFE_S
                return self._message()
            if now_s >= self._quiet_until:
                self._quiet_until = now_s + SIGN_OF_LIFE_S
                return b":\nid: %d\n\n" % self._position()
            wait_until_s = min(self._until, self._not_before if owes else self._quiet_until)
            try:
                async with asyncio.timeout_at(wait_until_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _message(self) -> bytes:
        reset, owed, signals = self._reset, self._owed, sorted(self._signals)
        self._reset, self._owed = False, 0
        self._signals.clear()
        if reset:
            count_sent(Told.RESET)
            return b"id: %d\nevent: reset\ndata: {}\n\n" % self._position()
        count_sent(Told.CHANGED)
        told: dict[str, object] = {"changed": names(owed)}
        if self.user_id is None:
            told["signals"] = signals
        return b"id: %d\nevent: changed\ndata: %s\n\n" % (self._position(), orjson.dumps(told))

    def _position(self) -> int:
        """Where the reader is once it has this: a moment, so that any process, now or later, can say what is newer."""
        return (self._clock.now() - _EPOCH) // _MICROSECOND

    def _wait(self, seconds: float, until_s: float, is_busy: Callable[[], bool]) -> None:
        delay_s = random.uniform(0, seconds)  # noqa: S311 - not a secret
        asyncio.get_running_loop().call_later(delay_s, self._tell_later, until_s, is_busy)

    def _tell_later(self, until_s: float, is_busy: Callable[[], bool]) -> None:
        if self.ended is None and is_busy() and asyncio.get_running_loop().time() + BUSY_WAIT_S < until_s:
            self._wait(BUSY_WAIT_S, until_s, is_busy)
            return
        changed, self._later = self._later, 0
        self.tell(changed)


def _again_ms() -> int:
    return random.randint(AGAIN_MIN_MS, AGAIN_MAX_MS)  # noqa: S311 - not a secret

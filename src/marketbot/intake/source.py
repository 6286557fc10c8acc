"""A source as intake sees it, and the short-lived register of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from marketbot.domain.ids import SourceId, Symbol
from marketbot.intake.refused import StoreAway
from marketbot.ports import Clock

REGISTER_AGE_S = 1.0
"""How long a read of all sources is used. Disabling a source and changing its secret bite at once all the same: taking a signal
checks both again, in the statement itself."""
REGISTER_RETRY_S = 0.5
"""How long after a failed read nobody tries again, so that callers do not queue up behind time-outs."""
REGISTER_STALE_S = 60.0
"""How long an old read serves while the database is away, so that callers hear 503 and not 401."""


@dataclass(frozen=True, slots=True)
class Source:
    """``secret_sha256`` for webhooks, ``hmac_key`` (opened) for programs; exactly one of them is set."""

    source_id: SourceId
    name: str
    enabled: bool = True
    secret_sha256: bytes | None = field(default=None, repr=False)
    hmac_key: bytes | None = field(default=None, repr=False)
    allowed_addresses: tuple[str, ...] = ()
    signals_per_hour: int = 300
    instruments: frozenset[str] = frozenset()
    chart_interval_s: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What intake must know to judge a delivery. ``symbols`` is empty before the engine has read a venue's list."""

    sources: Mapping[str, Source]
    symbols: frozenset[Symbol]
    validation_window_s: int


class Register:
    """Reads ``Known`` through ``load`` when the last read is too old; one reader at a time."""

    def __init__(self, load: Callable[[], Awaitable[Known]], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._known: Known | None = None
        self._read_at = float("-inf")
        self._failed_at = float("-inf")
        self._reading = asyncio.Lock()

    def __repr__(self) -> str:
        held = 0 if self._known is None else len(self._known.sources)
        return f"<Register {held} sources, {self._age_s():.1f} s old>"

    def _age_s(self) -> float:
        return self._clock.monotonic() - self._read_at

    async def read(self, *, max_age_s: float | None = None) -> Known:
        """Return what is known, at most ``max_age_s`` (or the register's age) old unless the database is away.

        Nobody queues behind a slow read who can go by the last one; ``max_age_s`` 0 insists on a read that begins after the call.

        Raises:
            StoreAway: the database is away and the last read is too old to go by.
        """
        if max_age_s is None:
            max_age_s = REGISTER_AGE_S
        wanted_at = self._clock.monotonic() - max_age_s
        held = self._known
        if held is not None and self._read_at >= wanted_at:
            return held
        retried = self._clock.monotonic() < self._failed_at + REGISTER_RETRY_S
        if held is not None and max_age_s > 0 and (self._reading.locked() or retried) and self._age_s() <= REGISTER_STALE_S:
            return held
        async with self._reading:
            if self._known is None or self._read_at < wanted_at:
                await self._refresh()
            if self._known is None or self._age_s() > REGISTER_STALE_S:
                raise StoreAway("the sources cannot be read")
            return self._known

    async def _refresh(self) -> None:
        began_at = self._clock.monotonic()
        if began_at < self._failed_at + REGISTER_RETRY_S:
            return
        try:
            self._known = await self._load()
            self._read_at = began_at
        except StoreAway:
            self._failed_at = self._clock.monotonic()

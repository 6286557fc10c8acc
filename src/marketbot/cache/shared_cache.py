"""Answers that are dear to come by, kept in two levels: in this process, and in the shared store for all of them.

Nothing is kept longer than its namespace says, counted from before it was asked for, by the clock of whoever keeps it: a value from the
shared store has the age that the store's own expiry tells, so that no two hosts' clocks are compared. One caller of a process loads
a value, and the others wait for it; among processes the same is tried, but nobody waits for long, and none waits for the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from marketbot.cache.shared import Shared, SharedStoreAway
from marketbot.observability.shared_metrics import Lookup, SharedUse, count_lookup, set_cache_entries
from marketbot.ports import Clock

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "mb:cache:1"
"""The number is the shape's: a version that keeps other shapes under the same names must take another."""
MAX_FLIGHTS = 1_024
"""Loads that others can join; one more is loaded by its caller alone."""
MAX_LOCK_S = 2.0
"""A process that dies while it loads holds the others up no longer than LOCK_POLLS; the lock itself is gone after this time."""
LOCK_POLLS = 5
LOCK_POLL_S = 0.02
UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Namespace(Generic[T]):
    """One kind of value: how many are kept here, how large one may be, and how old it may become at either level.

    ``process_age_s`` is also how long another process may go on with a value after ``forget``; 0 keeps nothing in the process.
    """

    name: str
    shape: Any
    """What the values are, as msgspec reads it. Decimals travel as text, and come back to the last digit."""
    max_entries: int
    max_value_bytes: int
    process_age_s: float
    shared_age_s: float


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value, and at most how many seconds ago it was true."""

    value: T
    age_s: float


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    born_s: float


class SharedCache:
    """All namespaces of a process. Without a shared store it keeps what its own level keeps."""

    def __init__(self, clock: Clock, shared: Shared | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._kept: dict[str, OrderedDict[str, _Kept]] = {}
        self._flights: dict[tuple[str, str], asyncio.Task[Found[Any]]] = {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(kept)} {name}" for name, kept in self._kept.items())
        return f"<SharedCache {sizes or 'empty'}; {len(self._flights)} of {MAX_FLIGHTS} loading>"

    async def get(
        self, space: Namespace[T], key: str, load: Callable[[], Awaitable[T]], *, keep: Callable[[T], bool] = lambda _value: True
    ) -> Found[T]:
        """Return a value no older than its namespace allows, loading it when nobody has it.

        Args:
            load: asks whoever knows; what it raises is raised to all who wait for it, and not kept.
            keep: tells whether what was loaded is an answer at all.
        """
        kept = self._in_process(space, key)
        set_cache_entries(space.name, len(self._kept.get(space.name, ())), space.max_entries)
        if kept is not None:
            count_lookup(Lookup.PROCESS)
            return kept
        flight = self._flights.get((space.name, key))
        if flight is None:
            flying = self._find_or_load(space, key, load, keep)
            if len(self._flights) >= MAX_FLIGHTS:
                return await flying
            flight = self._flights[space.name, key] = asyncio.create_task(flying, name=f"load {space.name}")
            flight.add_done_callback(partial(self._landed, (space.name, key)))
        # One waiter that goes away takes nothing from the others.
        return cast(Found[T], await asyncio.shield(flight))

    async def forget(self, space: Namespace[Any], key: str) -> None:
        """Drop a value that is not true any more, here and in the store; other processes' own level follows within its age."""
        self._kept.get(space.name, OrderedDict()).pop(key, None)
        if self._shared is not None:
            with contextlib.suppress(SharedStoreAway):
                await self._shared.run(SharedUse.CACHE, lambda client: client.delete(_name(space, key)))

    def _landed(self, name: tuple[str, str], flight: asyncio.Task[Any]) -> None:
        self._flights.pop(name, None)
        if not flight.cancelled():
            flight.exception()  # seen, though every waiter may be gone

    async def _find_or_load(
        self, space: Namespace[T], key: str, load: Callable[[], Awaitable[T]], keep: Callable[[T], bool]
    ) -> Found[T]:
        found, lock = await self._in_store_or_lock(space, key)
        if found is not None:
            count_lookup(Lookup.SHARED)
            self._put_in_process(space, key, found)
            return found
        try:
            begun_s = self._clock.monotonic()
            value = await load()
            loaded = Found(value, self._clock.monotonic() - begun_s)
            count_lookup(Lookup.LOADED)
            if keep(value):
                self._put_in_process(space, key, loaded)
                await self._put_in_store(space, key, loaded)
            return loaded
        finally:
            if lock is not None:
                await self._unlock(space, key, lock)

    def _in_process(self, space: Namespace[T], key: str) -> Found[T] | None:
        kept = self._kept.get(space.name)
        entry = None if kept is None else kept.get(key)
        if kept is None or entry is None:
            return None
        age_s = self._clock.monotonic() - entry.born_s
        if age_s >= space.process_age_s:
            del kept[key]
            return None
        kept.move_to_end(key)
        return Found(entry.value, age_s)

    def _put_in_process(self, space: Namespace[T], key: str, found: Found[T]) -> None:
        if found.age_s >= space.process_age_s:
            return
        kept = self._kept.setdefault(space.name, OrderedDict())
        if key not in kept and len(kept) >= space.max_entries:
            kept.popitem(last=False)
        kept[key] = _Kept(found.value, self._clock.monotonic() - found.age_s)
        kept.move_to_end(key)

    async def _in_store_or_lock(self, space: Namespace[T], key: str) -> tuple[Found[T] | None, str | None]:
        """Return what the store has, else this process's right to load it; neither, when the store or the right is not to be had."""
        if self._shared is None:
            return None, None
        ours = secrets.token_hex(8)
        try:
            for _ in range(LOCK_POLLS):
                found = await self._in_store(self._shared, space, key)
                if found is not None:
                    return found, None
                if await self._shared.run(SharedUse.CACHE, partial(_lock, name=_lock_name(space, key), ours=ours)):
                    return None, ours
                await self._clock.sleep(LOCK_POLL_S)
        except SharedStoreAway:
            pass
        return None, None

    async def _in_store(self, shared: Shared, space: Namespace[T], key: str) -> Found[T] | None:
        body, left_ms = await shared.run(SharedUse.CACHE, partial(_read, name=_name(space, key)))
        if body is None or left_ms <= 0 or len(body) > space.max_value_bytes:
            return None
        try:
            value: T = msgspec.msgpack.decode(body, type=space.shape)
        except msgspec.MsgspecError:
            return None
        return Found(value, max(0.0, space.shared_age_s - left_ms / 1000))

    async def _put_in_store(self, space: Namespace[T], key: str, found: Found[T]) -> None:
        left_ms = int((space.shared_age_s - found.age_s) * 1000)
        if self._shared is None or left_ms <= 0:
            return
        body = msgspec.msgpack.encode(found.value)
        if len(body) <= space.max_value_bytes:
            with contextlib.suppress(SharedStoreAway):
                await self._shared.run(SharedUse.CACHE, lambda client: client.set(_name(space, key), body, px=left_ms))

    async def _unlock(self, space: Namespace[Any], key: str, ours: str) -> None:
        if self._shared is not None:
            with contextlib.suppress(SharedStoreAway):
                await self._shared.run(SharedUse.CACHE, partial(_unlock, name=_lock_name(space, key), ours=ours))


async def _read(client: Redis, *, name: str) -> tuple[bytes | None, int]:
    """Read a value and the milliseconds it has left, in one round trip and at one moment."""
    async with client.pipeline(transaction=True) as pipe:
        pipe.get(name)
        pipe.pttl(name)
        body, left_ms = await pipe.execute()
    return body, left_ms


async def _lock(client: Redis, *, name: str, ours: str) -> bool:
    return bool(await client.set(name, ours, nx=True, px=int(MAX_LOCK_S * 1000)))


async def _unlock(client: Redis, *, name: str, ours: str) -> None:
    answer: Any = client.eval(UNLOCK, 1, name, ours)
    await answer


def _name(space: Namespace[Any], key: str) -> str:
    return f"{PREFIX}:{space.name}:{key}"


def _lock_name(space: Namespace[Any], key: str) -> str:
    return f"{PREFIX}:lock:{space.name}:{key}"

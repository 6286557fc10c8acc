"""The connection to the shared store (Valkey or Redis), and the knowledge whether it is there.

Every use has its own way of doing without the store, so a call never waits for long: it is bounded in time, and while the store is
away it fails at once. One probe at a time finds out when the store is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from marketbot.cache.address import check_url
from marketbot.domain.errors import MarketBotError
from marketbot.observability.logs import logger, register_secret
from marketbot.observability.shared_metrics import SharedUse, count_fallback, set_shared_store_up
from marketbot.store.address import is_local

if TYPE_CHECKING:
    from redis.asyncio import Redis

CONNECT_TIMEOUT_S = 0.1
OPERATION_TIMEOUT_S = 0.15
"""Over all: waiting for a connection, making it, the command. A request that needs an answer in 200 ms still gets it without us."""
POOL_SIZE = 16
MAX_WAITING = 512
"""Callers that wait for one of the connections; one more does without the store at once."""
PROBE_EVERY_S = 0.5
T = TypeVar("T")

log = logger(__name__)


class SharedStoreAway(MarketBotError):
    """The shared store does not answer now; the caller does without it."""


def redis_error() -> type[Exception]:
    """Return the client's own exception. The client is imported where a store is in use: it takes 25 MB of a process."""
    from redis.exceptions import RedisError

    return RedisError


def open_redis(url: str, *, connections: int = POOL_SIZE) -> Redis:
    """Make a client that dials on first use. ``rediss`` verifies chain and name; nothing is tried twice.

    Whoever calls it bounds the time. The client's own bound on commands is left off: on Python 3.11 it is a ``wait_for`` that swallows a
    cancellation which comes together with the end of a write.
    """
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    check_url(url)
    return Redis.from_url(
        url,
        max_connections=connections,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )


class Shared:
    """One process's way to the shared store. ``start`` it before use: only then is it noticed when the store is back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = open_redis(url)
        self._slots = asyncio.Semaphore(POOL_SIZE)
        self._waiting = 0
        self._up = True
        self._up_since_s = time.monotonic()
        self._watcher: asyncio.Task[None] | None = None
        password = urlsplit(url).password
        if password:
            register_secret(password)

    def __repr__(self) -> str:
        return f"<Shared {'up' if self._up else 'away'} {self._waiting} of {MAX_WAITING} waiting>"

    @property
    def up(self) -> bool:
        return self._up

    @property
    def up_for_s(self) -> float:
        """Seconds since it was found to be there; 0 while it is away."""
        return time.monotonic() - self._up_since_s if self._up else 0.0

    async def start(self) -> None:
        """Look whether the store is there, and go on looking."""
        if urlsplit(self.url).scheme == "redis" and not is_local(self.url):
            log.warning("shared_store_unencrypted")
        set_shared_store_up(self._up)
        await self._probe()
        self._watcher = asyncio.create_task(self._watch(), name="shared store")

    async def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
            self._watcher = None
        with contextlib.suppress(redis_error(), OSError):
            await self._client.aclose()

    async def run(self, use: SharedUse, operation: Callable[[Redis], Awaitable[T]]) -> T:
        """Do one thing at the store.

        Raises:
            SharedStoreAway: it did not answer in time, or is known to be away. The thing may have been done.
        """
        try:
            return await self._run(operation)
        except SharedStoreAway:
            count_fallback(use)
            raise

    async def _run(self, operation: Callable[[Redis], Awaitable[T]]) -> T:
        if not self._up:
            raise SharedStoreAway("the shared store is away")
        if self._waiting >= MAX_WAITING:
            raise SharedStoreAway("too many wait for the shared store")
        asked = False
        self._waiting += 1
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S), self._slots:
                asked = True
                return await operation(self._client)
        except (redis_error(), OSError, TimeoutError) as error:
            # One that found no free connection says nothing about the store.
            if asked:
                self._lose(error)
            raise SharedStoreAway("the shared store did not answer") from None
        finally:
            self._waiting -= 1

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            await self._probe()

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S), self._slots:
                answer: Any = self._client.ping()
                await answer
        except (redis_error(), OSError, TimeoutError) as error:
            self._lose(error)
        else:
            if not self._up:
                self._up, self._up_since_s = True, time.monotonic()
                set_shared_store_up(True)
                log.info("shared_store_back")

    def _lose(self, error: BaseException) -> None:
        if self._up:
            self._up = False
            set_shared_store_up(False)
            log.warning("shared_store_away", error=type(error).__name__)

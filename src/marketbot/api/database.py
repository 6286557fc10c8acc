"""The API's way to the database: a pool that may not be there yet, and waits that end before the callers' do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from marketbot.intake.refused import StoreAway
from marketbot.store.pool import POOL_SIZE_DEFAULT, Connection, Pool, is_unavailable
from marketbot.store.reads import Reads
from marketbot.store.replicas import Replicas

STORE_TIMEOUT_S = 1.8
LOOKUP_TIMEOUT_S = 1.1
"""Together below the 3 s after which TradingView gives up: it sends again only after a 5xx, so our 503 must come before."""
REOPEN_PAUSE_S = 0.5
"""Between attempts to open the pool while the database is away."""

OpenPool = Callable[[], Awaitable[Pool]]


class Database:
    """Opens its pool when it is first needed, so that the API answers 503 (not nothing at all) while the database is away.

    ``reads`` is for what may be a moment old: it goes to a replica once ``start`` has found one fit, to the primary otherwise.
    """

    def __init__(
        self,
        pool: Pool | None = None,
        open_pool: OpenPool | None = None,
        *,
        replicas: Sequence[str] = (),
        replica_pool_size: int = POOL_SIZE_DEFAULT,
    ) -> None:
        if pool is None and open_pool is None:
            raise ValueError("a pool, or how to open one")
        self._pool = pool
        self._open_pool = open_pool
        self._opening = asyncio.Lock()
        self._tried_at = float("-inf")
        self._replicas = Replicas(replicas, self.connection, pool_size=replica_pool_size) if replicas else None
        self.reads = Reads(self.connection, self._replicas)

    def start(self) -> None:
        """Begin to look after the replicas, if there are any."""
        if self._replicas is not None:
            self._replicas.start()

    def __repr__(self) -> str:
        if self._pool is None:
            return "<Database away>"
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        return f"<Database {size - idle} busy, {idle} idle of {self._pool.get_max_size()}>"

    @asynccontextmanager
    async def connection(self, timeout_s: float = STORE_TIMEOUT_S) -> AsyncIterator[Connection]:
        """Lend a connection, and bound getting and using it.

        Raises:
            StoreAway: for whatever means that the database cannot be used now.
        """
        try:
            async with asyncio.timeout(timeout_s):
                pool = self._pool or await self._open()
                async with pool.acquire() as connection:
                    yield connection
        except Exception as error:
            if is_unavailable(error):
                raise StoreAway(f"the database is away ({type(error).__name__})") from None
            raise

    async def notify(self, channel: str, text: str) -> None:
        """Tell whoever LISTENs.

        Raises:
            StoreAway: nobody was told.
        """
        async with self.connection(LOOKUP_TIMEOUT_S) as connection:
            await connection.execute("SELECT pg_notify($1, $2)", channel, text)

    async def _open(self) -> Pool:
        async with self._opening:
            if self._pool is None:
                if self._open_pool is None or time.monotonic() - self._tried_at < REOPEN_PAUSE_S:
                    raise StoreAway("the database is away")
                self._tried_at = time.monotonic()
                self._pool = await self._open_pool()
            return self._pool

    async def close(self) -> None:
        """Close the replicas' pools, and the pool if this object opened it."""
        if self._replicas is not None:
            await self._replicas.close()
        if self._pool is not None and self._open_pool is not None:
            await self._pool.close()
            self._pool = None

"""A worker's sign of life, and the taking over of the dead."""

from __future__ import annotations

import asyncio

import structlog

from marketbot.store import chunks
from marketbot.store.pool import Connection, Pool, connect, is_unavailable

TAKEOVER_POLL_S = 0.2
SETTLE_EVERY = 5
"""Rounds of take-over between looks for signals that are settled but do not say so."""
RECONNECT_S = 0.2

log = structlog.get_logger(__name__)


class Presence:
    """Holds this worker's number and session lock; gives the chunks of workers that are gone back to the queue."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        self._dsn = dsn
        self._pool = pool
        self._connection: Connection | None = None
        self.worker = 0

    async def enlist(self) -> int:
        self._connection = await connect(self._dsn, name="worker presence")
        self.worker = await chunks.enlist(self._connection, self.worker or None)
        return self.worker

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def run(self) -> None:
        """Keep the lock, renew leases, and take over, until cancelled."""
        rounds = 0
        renewed_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TAKEOVER_POLL_S)
            rounds += 1
            try:
                if self._connection is None or self._connection.is_closed():
                    await self.enlist()
                if loop.time() - renewed_s >= chunks.LEASE_RENEWAL_S:
                    await chunks.renew(self._pool, self.worker)
                    renewed_s = loop.time()
                taken = await chunks.release_of_the_dead(self._pool, self.worker)
                if taken:
                    log.warning("chunks_taken_over", chunks=taken)
                    await self._pool.execute("NOTIFY chunk")
                if rounds % SETTLE_EVERY == 0:
                    await chunks.settle(self._pool)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(RECONNECT_S)

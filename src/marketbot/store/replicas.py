"""Read replicas: which of them answer, how far each is behind, and which one a reader may be sent to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum

import asyncpg
import structlog

from marketbot.observability import metrics
from marketbot.store.address import tls_for
from marketbot.store.pool import Connection, Pool, is_unavailable, open_pool
from marketbot.store.timeouts import REPLICA_READS
from marketbot.store.wal_position import PrimaryLog

REPLICAS_MAX = 8
LAG_MAX_S = 2.0
"""A replica further behind is left out: what a screen shows is at most so old, and half a second more."""
PROBE_EVERY_S = 0.25
PROBE_AGE_MAX_S = 1.5
"""A standing older than this is none: the prober hangs, or the primary cannot be asked what there is to lag behind."""
PROBE_TIMEOUT_S = 0.5
AWAY_PAUSE_S = 1.0
"""Between attempts to reach a replica that could not be reached."""
ACQUIRE_TIMEOUT_S = 0.3
"""A reader waits no longer for a replica's connection: the primary is there."""

# In an order that can only overstate the lag: the primary is asked before the replicas are.
PRIMARY_POSITION = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"
_STANDING = """
SELECT pg_is_in_recovery() AS is_replica, (pg_last_wal_replay_lsn() - '0/0')::bigint AS replayed,
       (SELECT tag FROM installation) AS tag
"""
_TAG = "SELECT tag FROM installation"

log = structlog.get_logger(__name__)

Primary = Callable[[], AbstractAsyncContextManager[Connection]]


class Standing(StrEnum):
    """Whether a replica is read from, and why not."""

    FRESH = "fresh"
    LATE = "late"
    AWAY = "away"
    UNFIT = "unfit"
    """It is no replica (any more), or one of another installation, or our credentials are refused."""


class Replica:
    """One replica as last probed. ``number`` names it in logs and metrics, for its address may hold a password."""

    def __init__(self, number: int, dsn: str, pool_size: int) -> None:
        tls_for(dsn)  # an address that will never do is refused at the start
        self.number = number
        self.standing = Standing.AWAY
        self.lag_s = float("inf")
        self.replayed = 0
        self.probed_s = float("-inf")
        self.retry_s = float("-inf")
        self.pool: Pool | None = None
        self._dsn = dsn
        self._pool_size = pool_size

    def __repr__(self) -> str:
        return f"<Replica {self.number} {self.standing} lag={self.lag_s:.2f}s>"

    async def ask(self) -> asyncpg.Record | None:
        """Ask where it stands; opens the pool when there is none."""
        if self.pool is None:
            self.pool = await open_pool(self._dsn, name="replica reads", size=self._pool_size, timeouts=REPLICA_READS)
        return await self.pool.fetchrow(_STANDING)

    async def close(self) -> None:
        if self.pool is not None:
            self.pool.terminate()
            self.pool = None


class Replicas:
    """Probes replicas and picks one. A dead or late one is left out at once, and comes back by itself.

    Args:
        dsns: of the replicas, at most ``REPLICAS_MAX``.
        primary: lends a connection to the primary; whatever it raises means that the lag is not known.
    """

    def __init__(self, dsns: Sequence[str], primary: Primary, *, pool_size: int) -> None:
        if len(dsns) > REPLICAS_MAX:
            raise ValueError(f"at most {REPLICAS_MAX} replicas")
        self.replicas = [Replica(number, dsn, pool_size) for number, dsn in enumerate(dsns, 1)]
        self._primary = primary
        self._log = PrimaryLog()
        self._tag: str | None = None
        self._turn = 0
        self._prober: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Replicas {self.replicas}>"

    def start(self) -> None:
        if self._prober is None and self.replicas:
            self._prober = asyncio.create_task(self._keep_probing(), name="replicas")

    async def close(self) -> None:
        if self._prober is not None:
            self._prober.cancel()
            await asyncio.wait({self._prober})
            self._prober = None
        for replica in self.replicas:
            await replica.close()

    def choose(self, position: int = 0) -> Replica | None:
        """Return a replica that is fresh and has replayed ``position``, each in turn; None sends the reader to the primary."""
        now_s = time.monotonic()
        fit = [
            replica
            for replica in self.replicas
            if replica.standing is Standing.FRESH and replica.replayed >= position and now_s - replica.probed_s <= PROBE_AGE_MAX_S
        ]
        if not fit:
            return None
        self._turn += 1
        return fit[self._turn % len(fit)]

    @asynccontextmanager
    async def lend(self, replica: Replica) -> AsyncIterator[Connection]:
        """Lend a connection of a chosen replica. Raises what the driver raises; tell ``failed`` about it."""
        if replica.pool is None:
            raise ConnectionError("the replica was left out meanwhile")
        async with replica.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            yield connection

    def failed(self, replica: Replica, error: BaseException) -> None:
        """Leave a replica out until it answers a probe, if the error means that it is away."""
        if is_unavailable(error):
            self._stand(replica, Standing.AWAY, float("inf"), error)

    async def _keep_probing(self) -> None:
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_EVERY_S)

    async def probe(self) -> None:
        """Look once at the primary, then at every replica."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S), self._primary() as connection:
                if self._tag is None:
                    self._tag = await connection.fetchval(_TAG)
                position = await connection.fetchval(PRIMARY_POSITION)
            self._log.note(time.monotonic(), position)
        except Exception as error:  # noqa: BLE001 - whatever it is, it only means that nobody knows the lag now
            if self._log.age_s(time.monotonic()) > PROBE_AGE_MAX_S:
                log.debug("primary_not_asked", error=type(error).__name__)
        await asyncio.gather(*(self._probe(replica) for replica in self.replicas))

    async def _probe(self, replica: Replica) -> None:
        now_s = time.monotonic()
        if now_s < replica.retry_s:
            return
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                row = await replica.ask()
        except Exception as error:  # noqa: BLE001 - a replica must not end the process that can do without it
            self._stand(replica, Standing.AWAY if is_unavailable(error) else Standing.UNFIT, float("inf"), error)
            replica.retry_s = time.monotonic() + AWAY_PAUSE_S
            return
        now_s = time.monotonic()
        foreign = row is not None and self._tag is not None and row["tag"] != self._tag
        if row is None or foreign or not row["is_replica"] or row["replayed"] is None:
            self._stand(replica, Standing.UNFIT, float("inf"))
            return
        replica.replayed = row["replayed"]
        lag_s = self._log.lag_s(now_s, replica.replayed)
        known = self._log.age_s(now_s) <= PROBE_AGE_MAX_S
        self._stand(replica, Standing.FRESH if known and lag_s <= LAG_MAX_S else Standing.LATE, lag_s)

    def _stand(self, replica: Replica, standing: Standing, lag_s: float, error: BaseException | None = None) -> None:
        if standing is not replica.standing:
            tell = log.info if standing is Standing.FRESH else log.warning
            tell(
                "replica_used" if standing is Standing.FRESH else "replica_left_out",
                replica=replica.number,
                why=standing.value,
                error=None if error is None else type(error).__name__,
            )
        replica.standing, replica.lag_s, replica.probed_s = standing, lag_s, time.monotonic()
        metrics.set_replica(replica.number, up=standing is Standing.FRESH, lag_s=lag_s)

"""What the database itself says: who is connected, what runs long, what waits, and what is set."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median_low
from typing import TypeAlias

import asyncpg

from readiness.measurement import Measurement, measured, unmeasured

BIG_TABLE_ROWS = 2_000
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 10.0
APPLICATION = "readiness"

Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


_ACTIVITY = """
SELECT coalesce(application_name, '') AS application, count(*) AS connections,
       max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE state = 'active') AS running_s,
       max(extract(epoch FROM clock_timestamp() - state_change)) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_s
FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1
"""
_SETTINGS = """
SELECT current_setting('max_connections')::int AS max_connections,
       current_setting('log_min_duration_statement') AS slow_log,
       (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming') AS replicas,
       inet_server_addr()::text AS address,
       (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted
"""
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE n_live_tup > $1"
_QUEUE = """
SELECT (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float
        FROM chunk WHERE done_at IS NULL AND claimed_by IS NULL AND lane = 0) AS risk_oldest_s,
       (SELECT count(*) FROM position WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL) AS unprotected
"""


async def connect(dsn: str) -> Db:
    """Open a connection of our own. It reads only, and says so to the server.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: the server is not there or does not let us in.
    """
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        # Our own look at a big table must not count among the full scans that we are looking for.
        server_settings={"application_name": APPLICATION, "default_transaction_read_only": "on", "enable_seqscan": "off"},
    )


@dataclass(slots=True)
class Activity:
    """One look. ``connections`` by application name, ours left out of nothing: they are connections like others."""

    connections: Mapping[str, int]
    longest_ms: float
    idle_in_transaction_s: float
    risk_oldest_s: float
    unprotected: int

    @property
    def total(self) -> int:
        return sum(self.connections.values())


@dataclass(slots=True)
class DatabasePeaks:
    """The worst of all looks."""

    max_connections: int
    connections: int = 0
    of_one_program: int = 0
    program: str = ""
    executors: list[int] = field(default_factory=list)
    longest_ms: float = 0.0
    idle_in_transaction_s: float = 0.0
    risk_oldest_s: float = 0.0
    unprotected: int = 0
    looks: int = 0
    series: list[tuple[float, int]] = field(default_factory=list)

    def see(self, at_s: float, activity: Activity) -> None:
        self.looks += 1
        self.connections = max(self.connections, activity.total)
        for name, count in activity.connections.items():
            if name != APPLICATION and count > self.of_one_program:
                self.of_one_program, self.program = count, name
        self.executors.append(sum(held for name, held in activity.connections.items() if name.startswith("marketbot presence ")))
        self.longest_ms = max(self.longest_ms, activity.longest_ms)
        self.idle_in_transaction_s = max(self.idle_in_transaction_s, activity.idle_in_transaction_s)
        self.risk_oldest_s = max(self.risk_oldest_s, activity.risk_oldest_s)
        self.unprotected = max(self.unprotected, activity.unprotected)
        self.series.append((at_s, activity.total))

    def measurements(self) -> list[Measurement]:
        """Return the peaks; nothing is measured without a look."""
        names = (
            "db_connections_share", "db_connections_per_process", "db_longest_statement_ms", "db_idle_in_transaction_s",
            "queue_risk_oldest_s", "executor_instances",
        )  # fmt: skip
        if not self.looks:
            return [unmeasured(name, "no_looks") for name in names]
        looks = self.looks
        return [
            measured(
                "db_connections_share",
                self.connections / self.max_connections,
                "share",
                "connections",
                used=self.connections,
                most=self.max_connections,
                looks=looks,
            ),
            measured("db_connections_per_process", self.of_one_program, "count", "program", program=self.program, looks=looks),
            measured("db_longest_statement_ms", self.longest_ms, "ms", "activity", looks=looks),
            measured("db_idle_in_transaction_s", self.idle_in_transaction_s, "s", "activity", looks=looks),
            measured("queue_risk_oldest_s", self.risk_oldest_s, "s", "queue", looks=looks),
            measured("executor_instances", median_low(self.executors), "count", "presence", looks=looks),
        ]


async def look(connection: Db) -> Activity:
    """Look once. Our own connection is not counted among the long statements."""
    rows = await connection.fetch(_ACTIVITY)
    queue = await connection.fetchrow(_QUEUE)
    assert queue is not None
    others = [row for row in rows if row["application"] != APPLICATION]
    return Activity(
        {row["application"]: row["connections"] for row in rows},
        max((float(row["running_s"] or 0) for row in others), default=0.0) * 1_000,
        max((float(row["idle_s"] or 0) for row in others), default=0.0),
        float(queue["risk_oldest_s"]),
        int(queue["unprotected"]),
    )


async def max_connections(connection: Db) -> int:
    return int(await connection.fetchval("SELECT current_setting('max_connections')::int"))


async def deadlocks(connection: Db) -> int:
    """Return how many there were so far."""
    return int(await connection.fetchval(_DEADLOCKS))


async def full_scans(connection: Db) -> dict[str, int]:
    """Return, of each table that is big now, how often it was read from end to end so far."""
    return {row["relname"]: int(row["seq_scan"] or 0) for row in await connection.fetch(_SCANS, BIG_TABLE_ROWS)}


def new_deadlocks(before: int, after: int) -> Measurement:
    return measured("db_deadlocks", after - before, "count", "deadlocks")


def new_scans(before: Mapping[str, int], after: Mapping[str, int]) -> Measurement:
    """Count the scans of those tables that were big at the first look: what is read while it is small needs no index."""
    found = {table: after[table] - count for table, count in before.items() if after.get(table, 0) > count}
    if not before:
        return unmeasured("db_full_scans", "no_big_table", rows=BIG_TABLE_ROWS)
    names = ", ".join(f"{table} {count}" for table, count in sorted(found.items())) or "-"
    return measured(
        "db_full_scans", sum(found.values()), "count", "full_scans", tables=len(before), rows=BIG_TABLE_ROWS, names=names
    )


async def settings(connection: Db) -> list[Measurement]:
    """Read what is set at the server."""
    row = await connection.fetchrow(_SETTINGS)
    assert row is not None
    logs = not str(row["slow_log"]).startswith("-1")
    safe, way = _way(row["address"], bool(row["encrypted"]))
    return [
        measured("db_slow_query_log", logs, "yes", "slow_log", setting=str(row["slow_log"])),
        measured("db_replicas", row["replicas"], "count", "replicas"),
        measured("db_transport_safe", safe, "yes", way),
    ]


def _way(address: str | None, encrypted: bool) -> tuple[bool, str]:
    if address is None:
        return True, "way_socket"
    if ipaddress.ip_interface(address).ip.is_loopback:
        return True, "way_loopback"
    return encrypted, "way_encrypted" if encrypted else "way_clear"

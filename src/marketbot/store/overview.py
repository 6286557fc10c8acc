"""What an operator sees at a glance, over all users: signals on their way, accounts by health, queues, processes, the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from marketbot.domain.ids import AccountId, SignalId
from marketbot.store.connections import usage
from marketbot.store.pool import Connection

SIGNALS_SHOWN_MAX = 8
"""The latest signals whose accounts are counted: a thousand accounts each are eight thousand rows, read by their key."""
REASONS_SHOWN_MAX = 6
GAUGES = (Path(__file__).with_name("sql") / "gauges.sql").read_text()

_SIGNALS = """
WITH latest AS MATERIALIZED (SELECT * FROM signal ORDER BY signal_id DESC LIMIT $1)
SELECT g.signal_id, s.name AS source, g.action::text, g.symbol, g.strong, g.price, g.state::text, g.received_at, g.planned_at,
       g.settled_at, c.planned, c.denied, c.pending, c.ordered, c.rejected, c.lapsed, c.protected, c.acked_p50, c.acked_p95
FROM latest g JOIN source s USING (source_id), LATERAL (
    SELECT count(*) AS planned, count(*) FILTER (WHERE i.state = 'denied') AS denied,
           count(*) FILTER (WHERE i.state = 'queued' AND o.signal_id IS NULL) AS pending,
           count(*) FILTER (WHERE o.result = 'ordered') AS ordered,
           count(*) FILTER (WHERE o.result = 'rejected') AS rejected,
           count(*) FILTER (WHERE o.result = 'lapsed') AS lapsed,
           count(o.protected_ms) AS protected,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY o.acked_ms) AS acked_p50,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY o.acked_ms) AS acked_p95
    FROM intent i LEFT JOIN outcome o ON o.signal_id = i.signal_id AND o.account_id = i.account_id
    WHERE i.signal_id = g.signal_id) c
ORDER BY g.signal_id DESC
"""
_REASONS = """
WITH latest AS MATERIALIZED (SELECT signal_id FROM signal ORDER BY signal_id DESC LIMIT $1)
SELECT CASE WHEN i.state = 'denied' THEN 'denied' ELSE o.result::text END AS became, coalesce(i.reason, o.reason) AS reason,
       count(*) AS accounts
FROM latest g JOIN intent i USING (signal_id) LEFT JOIN outcome o ON o.signal_id = i.signal_id AND o.account_id = i.account_id
WHERE coalesce(i.reason, o.reason) IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT $2
"""
_ACCOUNTS = """
SELECT a.venue, a.environment::text, count(*) AS accounts, count(*) FILTER (WHERE a.status = 'ready') AS ready,
       count(*) FILTER (WHERE a.status = 'connecting') AS connecting,
       count(*) FILTER (WHERE a.status = 'quarantined') AS quarantined, count(*) FILTER (WHERE a.paused) AS paused,
       min(r.read_at) AS oldest_balance
FROM account a LEFT JOIN account_reading r USING (account_id) GROUP BY 1, 2 ORDER BY 2, 1
"""
_QUARANTINED = """
SELECT account_id, label, venue, environment::text, status_reason, changed_at FROM account
WHERE status = 'quarantined' ORDER BY changed_at DESC LIMIT $1
"""
_JOBS = """
SELECT (SELECT count(*) FROM job WHERE done_at IS NULL AND dead_at IS NULL AND due_at <= clock_timestamp()) AS due,
       (SELECT count(*) FROM job WHERE dead_at IS NOT NULL) AS dead
"""
_WORKERS = """
SELECT worker, roles, draining, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_s, enlisted_at
FROM worker WHERE ended_at IS NULL ORDER BY worker
"""
_DATABASE = "SELECT pg_database_size(current_database()) AS bytes, pg_is_in_recovery() AS replica"


@dataclass(frozen=True, slots=True)
class SignalProgress:
    """A signal and how far its accounts have come; ``acked_p50`` and ``acked_p95`` are milliseconds since it was received."""

    signal_id: SignalId
    source: str
    action: str
    symbol: str
    strong: bool
    price: Decimal | None
    state: str
    received_at: datetime
    planned_at: datetime | None
    settled_at: datetime | None
    planned: int
    denied: int
    pending: int
    ordered: int
    rejected: int
    lapsed: int
    protected: int
    acked_p50: int | None
    acked_p95: int | None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    became: str
    reason: str
    accounts: int


@dataclass(frozen=True, slots=True)
class MarketHealth:
    """The accounts of one venue in one environment."""

    venue: str
    environment: str
    accounts: int
    ready: int
    connecting: int
    quarantined: int
    paused: int
    oldest_balance: datetime | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An account that its venue, or a check, had set aside; ``changed_at`` is its last change, which mostly was that."""

    account_id: AccountId
    label: str
    venue: str
    environment: str
    status_reason: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """A process at work, and how many seconds ago it gave a sign of life."""

    worker: int
    roles: list[str]
    draining: bool
    silent_s: float
    enlisted_at: datetime


@dataclass(frozen=True, slots=True)
class Load:
    """What waits and what is used now. Lanes: accounts that wait, and for how many seconds the first of them."""

    lanes: tuple[tuple[int, float], ...]
    unprotected: int
    unconfirmed: int
    unconfirmed_s: float
    jobs_due: int
    jobs_dead: int
    connections: int
    connections_usable: int
    database_bytes: int


@dataclass(frozen=True, slots=True)
class Overview:
    signals: list[SignalProgress]
    reasons: list[ReasonCount]
    markets: list[MarketHealth]
    workers: list[WorkerSign]
    load: Load


async def read_progress(connection: Connection) -> tuple[list[SignalProgress], list[ReasonCount]]:
    """Return the latest signals with how far they are, and why accounts of theirs did not trade."""
    signals = [SignalProgress(**dict(row)) for row in await connection.fetch(_SIGNALS, SIGNALS_SHOWN_MAX)]
    reasons = await connection.fetch(_REASONS, SIGNALS_SHOWN_MAX, REASONS_SHOWN_MAX)
    return signals, [ReasonCount(**dict(row)) for row in reasons]


async def read_markets(connection: Connection) -> list[MarketHealth]:
    return [MarketHealth(**dict(row)) for row in await connection.fetch(_ACCOUNTS)]


async def read_quarantined(connection: Connection, limit: int) -> list[Quarantined]:
    """Return the accounts that were set aside last."""
    return [Quarantined(**dict(row)) for row in await connection.fetch(_QUARANTINED, limit)]


async def read_workers(connection: Connection) -> list[WorkerSign]:
    return [WorkerSign(**dict(row)) for row in await connection.fetch(_WORKERS)]


async def read_load(connection: Connection) -> Load:
    gauges = await connection.fetchrow(GAUGES)
    jobs = await connection.fetchrow(_JOBS)
    database = await connection.fetchrow(_DATABASE)
    assert gauges is not None
    assert jobs is not None
    assert database is not None
    connected = await usage(connection)
    return Load(
        lanes=tuple((int(gauges[f"lane_{lane}"]), gauges[f"lane_{lane}_s"]) for lane in (0, 1, 2)),
        unprotected=gauges["unprotected"],
        unconfirmed=gauges["unconfirmed"],
        unconfirmed_s=gauges["unconfirmed_s"],
        jobs_due=jobs["due"],
        jobs_dead=jobs["dead"],
        connections=connected.used,
        connections_usable=connected.usable,
        database_bytes=database["bytes"],
    )


async def read_overview(connection: Connection) -> Overview:
    signals, reasons = await read_progress(connection)
    return Overview(signals, reasons, await read_markets(connection), await read_workers(connection), await read_load(connection))

"""Jobs as rows: asked for within the caller's transaction, claimed with SKIP LOCKED, retried a bounded number of times, then dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from marketbot.store.pool import Connection, Pool

ATTEMPTS_DEFAULT = 8
"""With the pauses of ``jobs.schedule`` the last one is about ten minutes after the first."""
MAX_PAYLOAD_BYTES = 16 * 1024
MAX_FAILED_CHARS = 300
MAX_SHOWN = 500
"""Jobs of one page."""
RECURRING_KEY = "recurring"

_SQL = Path(__file__).with_name("sql")
CLAIM = (_SQL / "claim_jobs.sql").read_text()
END = (_SQL / "end_job.sql").read_text()
STANDING = (_SQL / "jobs_standing.sql").read_text()

_SHOWN = """
SELECT job_id, kind, key, due_at, every, attempts, max_attempts, claimed_by, failed, created_at, done_at, dead_at FROM job
"""

DEAD = f"""
{_SHOWN} WHERE dead_at IS NOT NULL AND (dead_at, job_id) < ($1, $2) AND ($4::text IS NULL OR kind = $4)
ORDER BY dead_at DESC, job_id DESC LIMIT $3
"""


class DeadKey(NamedTuple):
    """A place in the dead letters, the latest first. One that is retried or dropped meanwhile moves no other."""

    dead_at: datetime = datetime(9999, 1, 1, tzinfo=UTC)
    job_id: int = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job as its handler gets it; ``attempts`` counts this one. What it carries is not shown: a message may be private."""

    job_id: int
    kind: str
    key: str | None
    payload: Mapping[str, Any] = field(repr=False)
    due_at: datetime
    every: timedelta | None
    attempts: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as an operator sees it."""

    job_id: int
    kind: str
    key: str | None
    due_at: datetime
    every: timedelta | None
    attempts: int
    max_attempts: int
    claimed_by: int | None
    failed: str | None
    created_at: datetime
    done_at: datetime | None
    dead_at: datetime | None


async def enqueue(
    connection: Connection,
    kind: str,
    payload: Mapping[str, Any],
    *,
    key: str | None = None,
    delay: timedelta = timedelta(0),
    max_attempts: int = ATTEMPTS_DEFAULT,
) -> int | None:
    """Ask for a job within the caller's transaction, so that it is there exactly when the change that wants it is.

    ``key`` makes asking idempotent: None is returned while an open job of the kind has it, one that runs at the moment included. Use it
    for work that is wanted once, not for work that must see what was written after it began.
    """
    if len(orjson.dumps(payload, default=str)) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a job's payload has at most {MAX_PAYLOAD_BYTES} bytes")
    job_id: int | None = await connection.fetchval(
        "INSERT INTO job (kind, key, payload, due_at, max_attempts) VALUES ($1, $2, $3, clock_timestamp() + $4, $5) "
        "ON CONFLICT (kind, key) WHERE done_at IS NULL AND dead_at IS NULL DO NOTHING RETURNING job_id",
        kind,
        key,
        dict(payload),
        delay,
        max_attempts,
    )
    if job_id is not None:
        await connection.execute("NOTIFY job")
    return job_id


async def ensure_recurring(pool: Pool, kind: str, every: timedelta, max_attempts: int) -> None:
    """Make sure that a recurring job is there, once, and comes as often as this version has it."""
    await pool.execute(
        "INSERT INTO job (kind, key, every, max_attempts) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (kind, key) WHERE done_at IS NULL AND dead_at IS NULL "
        "DO UPDATE SET every = excluded.every, max_attempts = excluded.max_attempts WHERE (job.every, job.max_attempts) "
        "IS DISTINCT FROM (excluded.every, excluded.max_attempts)",
        kind,
        RECURRING_KEY,
        every,
        max_attempts,
    )


async def claim(pool: Pool, worker: int, kinds: Sequence[str], limit: int) -> list[ClaimedJob]:
    """Claim up to ``limit`` due jobs, the longest due first."""
    jobs = [ClaimedJob(**dict(row)) for row in await pool.fetch(CLAIM, worker, list(kinds), limit)]
    jobs.sort(key=lambda job: job.due_at)
    return jobs


async def finish(pool: Pool, worker: int, job: ClaimedJob) -> bool:
    """Mark a job done. False when it is not this worker's any more."""
    return await _end(pool, worker, job)


async def put_back(pool: Pool, worker: int, job: ClaimedJob, due_at: datetime, *, failed: str | None, attempts: int) -> bool:
    """Let a job wait for its next attempt, with ``attempts`` behind it. False when it is not this worker's any more."""
    return await _end(pool, worker, job, failed=failed, due_at=due_at, attempts=attempts)


async def bury(pool: Pool, worker: int, job: ClaimedJob, failed: str) -> bool:
    """Give a job up; it waits for an operator. False when it is not this worker's any more."""
    return await _end(pool, worker, job, failed=failed, dead=True)


async def _end(
    pool: Pool,
    worker: int,
    job: ClaimedJob,
    *,
    failed: str | None = None,
    due_at: datetime | None = None,
    dead: bool = False,
    attempts: int | None = None,
) -> bool:
    text = None if failed is None else failed[:MAX_FAILED_CHARS]
    done: str = await pool.execute(END, job.job_id, worker, text, due_at, dead, attempts, job.attempts)
    return done == "UPDATE 1"


async def standing(pool: Pool) -> tuple[int, float]:
    """Return how many dead letters there are, and for how many seconds the oldest due job has waited or run (0: none is due)."""
    row = await pool.fetchrow(STANDING)
    assert row is not None
    return row["dead"], row["oldest_due_s"] or 0.0


async def open_jobs(connection: Connection, limit: int, kind: str | None = None) -> list[JobRow]:
    """Return what waits and runs, the longest due first. Accounts' own jobs, a row an account, only when their kind is asked for."""
    rows = await connection.fetch(
        f"{_SHOWN} WHERE done_at IS NULL AND dead_at IS NULL AND CASE WHEN $2::text IS NULL THEN account_id IS NULL ELSE kind = $2 END "
        "ORDER BY due_at LIMIT $1",
        min(limit, MAX_SHOWN),
        kind,
    )
    return [JobRow(**dict(row)) for row in rows]


async def dead_jobs(connection: Connection, after: DeadKey, limit: int, kind: str | None = None) -> list[JobRow]:
    """Return the dead letters behind a key, the latest first, of one kind where it is named; at most ``MAX_SHOWN``."""
    rows = await connection.fetch(DEAD, after.dead_at, after.job_id, min(limit, MAX_SHOWN), kind)
    return [JobRow(**dict(row)) for row in rows]


async def retry_dead(connection: Connection, job_id: int) -> bool:
    """Let a dead letter begin anew, now. False when there is no such dead letter, or an open job has its key."""
    async with connection.transaction():
        done = await connection.execute(
            "UPDATE job j SET dead_at = NULL, failed = NULL, attempts = 0, due_at = clock_timestamp() "
            "WHERE job_id = $1 AND dead_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM job o WHERE o.kind = j.kind AND o.key = j.key "
            "AND o.done_at IS NULL AND o.dead_at IS NULL)",
            job_id,
        )
        await connection.execute("NOTIFY job")
    return bool(done == "UPDATE 1")


async def drop_dead(connection: Connection, job_id: int) -> bool:
    """Forget a dead letter for ever. False when there is no such dead letter."""
    return bool(await connection.execute("DELETE FROM job WHERE job_id = $1 AND dead_at IS NOT NULL", job_id) == "DELETE 1")

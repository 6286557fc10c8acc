"""Rows about backups: when the last good one was made, and so when the next is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from marketbot.domain.notice import Notice
from marketbot.store.notices import ask
from marketbot.store.pool import Connection

KEPT_FOR = timedelta(days=400)
"""How long the rows of past attempts are kept."""
MAX_DETAIL = 300
RETRY_AFTER = timedelta(minutes=10)
"""How long a scheduled backup that failed is left alone: a full disk stays full."""

# Compared on the server's clock, which all processes and machines share.
_DUE = """
SELECT NOT EXISTS (SELECT FROM backup_run WHERE succeeded AND started_at > clock_timestamp() - $1::interval)
   AND NOT EXISTS (SELECT FROM backup_run WHERE NOT succeeded AND finished_at > clock_timestamp() - $2::interval)
"""
_STANDING = """
SELECT extract(epoch FROM clock_timestamp() - good.started_at)::float8 AS age_s,
       extract(epoch FROM good.finished_at - good.started_at)::float8 AS took_s, good.bytes,
       (SELECT count(*) FROM backup_run b
        WHERE NOT b.succeeded AND (good.started_at IS NULL OR b.started_at > good.started_at)) AS failures
FROM (SELECT) AS always
LEFT JOIN LATERAL (SELECT started_at, finished_at, bytes FROM backup_run WHERE succeeded ORDER BY started_at DESC LIMIT 1) good ON true
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How backups stand; None where there never was a good one. ``failures`` counts since the last good one."""

    age_s: float | None
    took_s: float | None
    bytes: int | None
    failures: int


async def is_due(connection: Connection, every: timedelta) -> bool:
    """Tell whether the last good backup is older than ``every`` and no attempt has failed just now."""
    return bool(await connection.fetchval(_DUE, every, RETRY_AFTER))


async def read_standing(connection: Connection) -> Standing:
    row = await connection.fetchrow(_STANDING)
    assert row is not None
    return Standing(row["age_s"], row["took_s"], row["bytes"], row["failures"])


async def note_good(connection: Connection, made_at: datetime, name: str, size: int) -> None:
    await connection.execute(
        "INSERT INTO backup_run (started_at, succeeded, detail, bytes) VALUES ($1, true, $2, $3)", made_at, name, size
    )
    await connection.execute("DELETE FROM backup_run WHERE started_at < clock_timestamp() - $1::interval", KEPT_FOR)


async def note_failed(connection: Connection, started_at: datetime, detail: str) -> None:
    """Write an attempt down that failed. It is tried again soon; the operator is told once an hour."""
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO backup_run (started_at, succeeded, detail) VALUES ($1, false, $2)", started_at, detail[:MAX_DETAIL]
        )
        await ask(connection, None, Notice.BACKUP_FAILED, f"{started_at:%Y-%m-%dT%H}", {"detail": detail[:MAX_DETAIL]})

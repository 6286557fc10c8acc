"""The log of what intake refused. It never holds a body, only its digest, and never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import SourceId
from marketbot.domain.reasons import RefusalReason
from marketbot.store.pool import Connection

LOOKED_THROUGH_MAX = 2_000
"""The latest refusals that one source's are picked from: a source that nobody refused for so long has none worth showing."""

_LATEST = (
    "SELECT source_id, reason, detail, address, refused_at, refusal_id FROM refusal ORDER BY refused_at DESC LIMIT {limit:d}"
)
OF_SOURCE = f"""
SELECT l.source_id, s.name AS source, l.reason, l.detail, l.address, l.refused_at
FROM ({_LATEST.format(limit=LOOKED_THROUGH_MAX)}) l LEFT JOIN source s USING (source_id)
WHERE $1::bigint IS NULL OR l.source_id = $1 ORDER BY l.refused_at DESC, l.refusal_id DESC LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """``source_id`` is None for a caller that proved nothing."""

    source_id: int | None
    reason: RefusalReason
    detail: str
    address: str
    body_sha256: bytes | None
    refused_at: datetime


async def write_refusals(conn: Connection, rows: Sequence[RefusalRow]) -> None:
    """Append a batch. A source deleted meanwhile leaves its refusals without one."""
    await conn.execute(
        """
        INSERT INTO refusal (source_id, reason, detail, address, body_sha256, refused_at)
        SELECT s.source_id, r.reason, r.detail, r.address, r.body_sha256, r.refused_at
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])
             AS r (source_id, reason, detail, address, body_sha256, refused_at)
        LEFT JOIN source s ON s.source_id = r.source_id
        """,
        [row.source_id for row in rows],
        [row.reason for row in rows],
        [row.detail for row in rows],
        [row.address for row in rows],
        [row.body_sha256 for row in rows],
        [row.refused_at for row in rows],
    )


async def recent_refusals(conn: Connection, limit: int) -> list[RefusalRow]:
    """Return the latest refusals, newest first."""
    rows = await conn.fetch(
        """
        SELECT source_id, reason, detail, address, body_sha256, refused_at FROM refusal
        ORDER BY refused_at DESC, refusal_id DESC LIMIT $1
        """,
        limit,
    )
    return [RefusalRow(**{**dict(row), "reason": RefusalReason(row["reason"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class ShownRefusal:
    """A refusal as operators see it. ``source`` is None for a caller that proved nothing; ``reason`` may be a newer version's word."""

    source_id: SourceId | None
    source: str | None
    reason: str
    detail: str
    address: str
    refused_at: datetime


async def latest_refusals(conn: Connection, source_id: SourceId | None, limit: int) -> list[ShownRefusal]:
    """Return the latest refusals of one source, or of all and of nobody (None), newest first."""
    return [ShownRefusal(**dict(row)) for row in await conn.fetch(OF_SOURCE, source_id, limit)]

"""Whom a source's signals reach: how many accounts follow it, by environment."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.store.pool import Connection
from marketbot.store.sources import MAX_SOURCES

_REACH = """
SELECT a.environment::text, count(*) AS accounts, count(*) FILTER (WHERE a.status = 'ready' AND NOT a.paused) AS trading
FROM source s JOIN follow f USING (source_id) JOIN account a USING (account_id)
WHERE s.name = $1 AND NOT s.internal AND a.disconnected_at IS NULL GROUP BY a.environment ORDER BY a.environment
"""
_ENABLED = "SELECT name FROM source WHERE enabled AND NOT internal ORDER BY name LIMIT $1"


@dataclass(frozen=True, slots=True)
class Reach:
    """``trading`` of the accounts would take an entry now: they are ready and not paused."""

    environment: str
    accounts: int
    trading: int


async def read_reach(connection: Connection, source: str) -> list[Reach]:
    """Return whom a source's next signal reaches, real money first; nothing where nobody follows it."""
    return [Reach(**dict(row)) for row in await connection.fetch(_REACH, source)]


async def enabled_sources(connection: Connection) -> list[str]:
    """Return the names of the sources that take signals."""
    return [row["name"] for row in await connection.fetch(_ENABLED, MAX_SOURCES)]

"""The symbols that venues list, so that intake can tell a real one from a typing error."""

from __future__ import annotations

from collections.abc import Iterable

from marketbot.domain.ids import Symbol
from marketbot.domain.venue import Market
from marketbot.store.pool import Connection

MAX_KNOWN_SYMBOLS = 100_000


async def replace_known_symbols(conn: Connection, market: Market, symbols: Iterable[Symbol]) -> None:
    """Make ``symbols`` what a market lists. Writes only the difference; run it inside the caller's transaction."""
    listed = sorted(set(symbols))
    await conn.execute(
        "DELETE FROM known_symbol WHERE venue = $1 AND environment = $2 AND symbol <> ALL ($3::text[])",
        market.venue,
        market.environment,
        listed,
    )
    await conn.execute(
        "INSERT INTO known_symbol (venue, environment, symbol) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING",
        market.venue,
        market.environment,
        listed,
    )


async def known_symbols(conn: Connection) -> frozenset[Symbol]:
    """Return every symbol that any market lists; empty before the engine has read the first list."""
    rows = await conn.fetch("SELECT DISTINCT symbol FROM known_symbol LIMIT $1", MAX_KNOWN_SYMBOLS)
    return frozenset(Symbol(row["symbol"]) for row in rows)

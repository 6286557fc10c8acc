"""How prices went, minute by minute, of the instruments that accounts hold or that signals were lately about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from marketbot.domain.ids import Symbol
from marketbot.domain.price_bar import Bar
from marketbot.domain.venue import Environment, Market, Venue
from marketbot.store.pool import Connection

KEPT_FOR = timedelta(days=7)
WATCHED_MAX = 100
"""Instruments of one market whose bars are written: a week of them are a million rows."""
LATEST_SIGNALS = 200
"""Their instruments are written too, at every market that is traded, so that a position's chart begins before the position does."""
POINTS_MAX = 400

WATCHED = """
WITH held AS MATERIALIZED (SELECT account_id, symbol FROM position WHERE protection <> 'closed'),
latest AS MATERIALIZED (SELECT symbol FROM signal ORDER BY signal_id DESC LIMIT $2),
wanted AS (
    SELECT a.venue, a.environment, h.symbol, count(*) AS holders FROM held h
    CROSS JOIN LATERAL (SELECT venue, environment FROM account WHERE account_id = h.account_id LIMIT 1) a GROUP BY 1, 2, 3
    UNION ALL
    SELECT DISTINCT m.venue, m.environment::environment, l.symbol, 0
    FROM latest l, unnest($3::text[], $4::text[]) AS m (venue, environment)),
ranked AS (
    SELECT venue, environment, symbol, row_number() OVER (PARTITION BY venue, environment ORDER BY max(holders) DESC, symbol) AS place
    FROM wanted GROUP BY 1, 2, 3)
SELECT venue, environment::text, symbol FROM ranked WHERE place <= $1
"""
# A bar that is there already began with another engine, or before a restart: it keeps how it opened.
WRITE = """
INSERT INTO price_bar AS b (venue, environment, symbol, minute, open, high, low, close)
SELECT n.* FROM unnest($1::text[], $2::environment[], $3::text[], $4::timestamptz[], $5::numeric[], $6::numeric[], $7::numeric[],
    $8::numeric[]) AS n (venue, environment, symbol, minute, open, high, low, close)
ORDER BY 1, 2, 3, 4
ON CONFLICT (venue, environment, symbol, minute) DO UPDATE SET
    high = greatest(b.high, excluded.high), low = least(b.low, excluded.low), close = excluded.close
"""
CHART = """
SELECT date_bin($5::interval, minute, 'epoch') AS at, (array_agg(open ORDER BY minute))[1] AS open, max(high) AS high, min(low) AS low,
       (array_agg(close ORDER BY minute DESC))[1] AS close
FROM price_bar WHERE venue = $1 AND environment = $2::text::environment AND symbol = $3 AND minute >= $4
GROUP BY 1 ORDER BY 1 DESC LIMIT $6
"""
PRUNE = """
DELETE FROM price_bar WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM price_bar WHERE minute < clock_timestamp() - $1::interval LIMIT $2))
"""


class BarKey(NamedTuple):
    """Which bar: a minute of an instrument at a market."""

    market: Market
    symbol: Symbol
    minute: datetime


class Span(StrEnum):
    """How far back a chart goes."""

    HOURS = "6h"
    DAY = "1d"
    WEEK = "7d"

    @property
    def length(self) -> timedelta:
        return _SPANS[self][0]

    @property
    def step(self) -> timedelta:
        """Return how much time one point stands for."""
        return _SPANS[self][1]


_SPANS = {
    Span.HOURS: (timedelta(hours=6), timedelta(minutes=1)),
    Span.DAY: (timedelta(days=1), timedelta(minutes=5)),
    Span.WEEK: (timedelta(days=7), timedelta(minutes=30)),
}


@dataclass(frozen=True, slots=True)
class PricePoint:
    """What a price did from ``at`` on, for a chart's step; in quote per base."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


async def watched(connection: Connection, markets: Sequence[Market]) -> dict[Market, set[Symbol]]:
    """Return the instruments of these markets whose prices are kept, those that most accounts hold before others."""
    venues, environments = [market.venue for market in markets], [market.environment.value for market in markets]
    found: dict[Market, set[Symbol]] = {market: set() for market in markets}
    for row in await connection.fetch(WATCHED, WATCHED_MAX, LATEST_SIGNALS, venues, environments):
        market = Market(Venue(row["venue"]), Environment(row["environment"]))
        if market in found:
            found[market].add(Symbol(row["symbol"]))
    return found


async def write_bars(connection: Connection, bars: Iterable[tuple[BarKey, Bar]]) -> None:
    """Write bars, or widen those that are there."""
    rows = [
        (key.market.venue, key.market.environment.value, key.symbol, key.minute, bar.open, bar.high, bar.low, bar.close)
        for key, bar in bars
    ]
    if rows:
        await connection.execute(WRITE, *(list(column) for column in zip(*rows, strict=True)))


async def read_chart(
    connection: Connection, venue: str, environment: str, symbol: str, span: Span, now: datetime
) -> list[PricePoint]:
    """Return how a price went, oldest first; a minute in which nobody read it is missing."""
    rows = await connection.fetch(CHART, venue, environment, symbol, now - span.length, span.step, POINTS_MAX)
    return [PricePoint(**dict(row)) for row in reversed(rows)]


async def prune_bars(connection: Connection, older_than: timedelta, batch: int) -> int:
    """Delete a batch of bars that are older; return how many."""
    done: str = await connection.execute(PRUNE, older_than, batch)
    return int(done.rsplit(" ", 1)[-1])

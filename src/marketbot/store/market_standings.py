"""How source addresses stand at the venues, told by the engines that use them every few seconds: no request asks an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.breaker import BreakerState
from marketbot.domain.venue import Market
from marketbot.ports import EgressReading
from marketbot.store.pool import Connection

PLACES_MAX = 512
"""Markets times addresses that one engine tells of."""
SHOWN_MAX = 64

WRITE = """
INSERT INTO market_standing AS m (worker, venue, environment, egress, used, share, throttle, blocked_s, breaker)
SELECT $1, n.* FROM unnest($2::text[], $3::text[]::environment[], $4::int[], $5::real[], $6::real[], $7::real[], $8::real[], $9::text[])
    AS n (venue, environment, egress, used, share, throttle, blocked_s, breaker)
ON CONFLICT (worker, venue, environment, egress) DO UPDATE SET used = excluded.used, share = excluded.share,
    throttle = excluded.throttle, blocked_s = excluded.blocked_s, breaker = excluded.breaker, read_at = clock_timestamp()
"""
# An engine that has no part of an address says nothing of it. The worst of what is told counts; the age is the oldest's.
READ = """
SELECT m.venue, m.environment::text, m.egress, count(*)::int AS engines, max(m.used)::numeric AS used, min(m.throttle)::numeric AS throttle,
       greatest(max(m.blocked_s - extract(epoch FROM clock_timestamp() - m.read_at)), 0)::numeric AS blocked_s,
       (array_agg(m.breaker ORDER BY array_position(ARRAY['open', 'half_open', 'closed'], m.breaker)))[1] AS breaker,
       extract(epoch FROM clock_timestamp() - min(m.read_at))::float8 AS age_s
FROM market_standing m JOIN worker w USING (worker)
WHERE w.ended_at IS NULL AND m.share > 0
GROUP BY 1, 2, 3 ORDER BY 2, 1, 3 LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class MarketStanding:
    """One address at one market, over all engines that use it. ``used`` and ``throttle`` are shares, 0 to 1."""

    venue: str
    environment: str
    egress: int
    engines: int
    used: Decimal
    throttle: Decimal
    blocked_s: Decimal
    breaker: BreakerState
    age_s: float


async def write_standings(connection: Connection, worker: int, readings: Mapping[Market, Iterable[EgressReading]]) -> None:
    """Tell how each address stands at each market, as this worker sees it."""
    rows = [
        (
            market.venue,
            market.environment.value,
            egress,
            reading.used,
            reading.share,
            reading.throttle,
            reading.blocked_s,
            reading.breaker.value,
        )
        for market, each in readings.items()
        for egress, reading in enumerate(each)
    ][:PLACES_MAX]
    if rows:
        await connection.execute(WRITE, worker, *(list(column) for column in zip(*rows, strict=True)))


async def read_standings(connection: Connection) -> list[MarketStanding]:
    """Return how addresses stand, mainnet first."""
    return [
        MarketStanding(**{**dict(row), "breaker": BreakerState(row["breaker"])})
        for row in await connection.fetch(READ, SHOWN_MAX)
    ]

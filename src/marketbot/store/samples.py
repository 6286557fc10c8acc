"""What processes counted, minute by minute: written by each of itself, summed over all for an operator's charts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import orjson

from marketbot.store.pool import Connection

KEPT_FOR = timedelta(days=7)
MAX_COUNTS_CHARS = 16_384
"""The schema refuses a longer map; names are a closed set, so one is a few kilobytes at most."""

WRITE = """
INSERT INTO process_sample (at, process, kind, memory_bytes, memory_bound_bytes, connections, connections_usable, counts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb) ON CONFLICT DO NOTHING
"""
GAUGES = """
SELECT date_bin($3::interval, at, 'epoch') AS at, sum(memory_bytes)::bigint AS memory_bytes, count(DISTINCT at) AS minutes,
       max(memory_bytes * 100.0 / nullif(memory_bound_bytes, 0))::float8 AS memory_pct,
       max(connections * 100.0 / nullif(connections_usable, 0))::float8 AS connections_pct
FROM process_sample WHERE at >= $1 AND at < $2 GROUP BY 1 ORDER BY 1
"""
COUNTS = """
SELECT date_bin($3::interval, s.at, 'epoch') AS at, c.key, sum(c.value::bigint)::bigint AS count
FROM process_sample s, jsonb_each_text(s.counts) c WHERE s.at >= $1 AND s.at < $2 GROUP BY 1, 2
"""
PRUNE = """
DELETE FROM process_sample WHERE (at, process) IN (
    SELECT at, process FROM process_sample WHERE at < clock_timestamp() - $1::interval ORDER BY at LIMIT $2)
"""


class Span(StrEnum):
    """How far back an operator looks."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return _SPANS[self][0]

    @property
    def step(self) -> timedelta:
        return _SPANS[self][1]


_SPANS = {Span.HOUR: (timedelta(hours=1), timedelta(minutes=1)), Span.DAY: (timedelta(days=1), timedelta(minutes=15))}


@dataclass(frozen=True, slots=True)
class Sample:
    """One process's minute that ended at ``at``. None is what it does not know."""

    at: datetime
    process: str
    kind: str
    memory_bytes: int | None
    memory_bound_bytes: int | None
    connections: int | None
    connections_usable: int | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Step:
    """All processes together over one step of a chart. ``memory_bytes`` is their sum on average, the shares are of the worst."""

    at: datetime
    memory_bytes: int | None
    memory_pct: float | None
    connections_pct: float | None
    counts: dict[str, int]


async def write_sample(connection: Connection, sample: Sample) -> None:
    """Write one sample; the same one again changes nothing."""
    await connection.execute(
        WRITE,
        sample.at,
        sample.process,
        sample.kind,
        sample.memory_bytes,
        sample.memory_bound_bytes,
        sample.connections,
        sample.connections_usable,
        orjson.dumps(sample.counts).decode(),
    )


async def read_steps(connection: Connection, span: Span, now: datetime) -> list[Step]:
    """Return every step of the span that is over, oldest first; one in which no process wrote has nothing in it."""
    until = _floor(now, span.step)
    since = until - span.length
    gauges = {row["at"]: row for row in await connection.fetch(GAUGES, since, until, span.step)}
    counts: defaultdict[datetime, dict[str, int]] = defaultdict(dict)
    for row in await connection.fetch(COUNTS, since, until, span.step):
        counts[row["at"]][row["key"]] = row["count"]
    steps = []
    for number in range(span.length // span.step):
        at = since + number * span.step
        found = gauges.get(at)
        held = None if found is None or found["memory_bytes"] is None else found["memory_bytes"] // found["minutes"]
        memory_pct, connections_pct = (None, None) if found is None else (found["memory_pct"], found["connections_pct"])
        steps.append(Step(at, held, memory_pct, connections_pct, counts.get(at, {})))
    return steps


async def prune_samples(connection: Connection, older_than: timedelta, batch: int) -> int:
    """Delete a batch of samples that are older; return how many."""
    done: str = await connection.execute(PRUNE, older_than, batch)
    return int(done.rsplit(" ", 1)[-1])


def _floor(at: datetime, step: timedelta) -> datetime:
    return at - timedelta(seconds=at.timestamp() % step.total_seconds())

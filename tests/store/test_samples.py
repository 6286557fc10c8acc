"""Minutes of processes: summed over all of them, whole steps only, and gone after a week; addresses by their engines' latest word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from marketbot.api.operator_series import errors_pct, quantile_ms, series_of, summed
from marketbot.clock import SystemClock
from marketbot.domain.breaker import BreakerState
from marketbot.domain.venue import BYBIT, Environment, Market
from marketbot.observability import metrics
from marketbot.ports import EgressReading
from marketbot.store.market_standings import read_standings, write_standings
from marketbot.store.pool import Pool, open_pool
from marketbot.store.samples import Sample, Span, prune_samples, read_steps, write_sample
from marketbot.workers.samples import EVERY, Sampler

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MIB = 2**20
MARKET = Market(BYBIT, Environment.MAINNET)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with await open_pool(database, name="engine", size=2) as pool:
        yield pool


def sample(minute: int, process: str, mb: int, *, connections: int | None = None, **counts: int) -> Sample:
    named = {name.replace("__", "."): count for name, count in counts.items()}
    return Sample(NOON + timedelta(minutes=minute), process, "api", mb * MIB, 400 * MIB, connections, 100, named)


async def test_processes_are_summed_by_step(pool: Pool) -> None:
    async with pool.acquire() as connection:
        for minute in (-60, -31, -1, 0):
            for process, mb in (("a", 100), ("b", 60)):
                for _ in range(2):  # the same again changes nothing
                    await write_sample(
                        connection, sample(minute, process, mb, connections=50 + minute, signals=1, requests__ok=10)
                    )
        hour = await read_steps(connection, Span.HOUR, NOON + timedelta(seconds=40))
        day = await read_steps(connection, Span.DAY, NOON + timedelta(seconds=40))
    assert (len(hour), len(day)) == (60, 96)
    assert (hour[0].at, hour[-1].at) == (NOON - timedelta(minutes=60), NOON - timedelta(minutes=1))
    assert [number for number, step in enumerate(hour) if step.counts] == [0, 29, 59], (
        "the minute that is not over yet is left out"
    )
    assert hour[-1].counts == {"signals": 2, "requests.ok": 20}
    assert (hour[-1].memory_bytes, hour[-1].memory_pct, hour[-1].connections_pct) == (160 * MIB, 25, 49)
    assert (hour[1].memory_bytes, hour[1].memory_pct, hour[1].counts) == (None, None, {})
    assert [step.memory_bytes for step in day[-4:]] == [160 * MIB, 160 * MIB, None, 160 * MIB]
    assert summed(day)["signals"] == 6


async def test_what_is_drawn_of_steps(pool: Pool) -> None:
    async with pool.acquire() as connection:
        busy = {"stage__queue_wait__4": 90, "stage__queue_wait__7": 10, "denied__MAX_POSITIONS": 5, "lapsed__EXECUTION_WINDOW": 9}
        await write_sample(connection, sample(-2, "a", 100, signals=1, **busy))
        await write_sample(connection, sample(-1, "a", 100, requests__ok=999, requests__error=1, request__7=1000))
        steps = await read_steps(connection, Span.HOUR, NOON)
    series = series_of(steps)
    assert (series.signals[-2:], series.accounts[-2:], series.requests[-2:]) == ([1, 0], [100, 0], [0, 1000])
    assert list(series.outcomes) == ["lapsed.EXECUTION_WINDOW", "denied.MAX_POSITIONS"]
    assert series.errors_pct[-2:] == [None, 0.1]
    waits = series.stages["queue_wait"]
    assert waits.p50[-1] is None
    assert waits.p50[-2] is not None
    assert 10 < waits.p50[-2] <= 25
    assert waits.p95[-2] == 150
    assert quantile_ms(summed(steps), "request", 0.95) == series.response.p95[-1] == 195
    assert errors_pct({}) is None


async def test_a_process_writes_its_own_minute_and_outlives_a_store_that_is_away(pool: Pool) -> None:
    sampler = Sampler(pool.acquire, "engine", SystemClock())
    await sampler.sample(NOON)
    metrics.count_unstored()
    metrics.count_accepted(repeated=False)
    await sampler.sample(NOON + EVERY)
    rows = await pool.fetch("SELECT at, process, kind, memory_bytes, counts FROM process_sample ORDER BY at")
    assert [row["at"] for row in rows] == [NOON - EVERY, NOON]
    assert {(row["process"], row["kind"]) for row in rows} == {(sampler.process, "engine")}
    assert rows[1]["memory_bytes"] > MIB
    assert rows[1]["counts"]["signals"] == 1
    await pool.execute("ALTER TABLE process_sample RENAME TO somewhere_else")
    with pytest.raises(Exception, match="process_sample"):
        await sampler.sample(NOON + 2 * EVERY)
    await pool.close()
    await sampler.sample(NOON + 3 * EVERY)


async def test_old_minutes_go(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO process_sample SELECT now() - make_interval(hours => n), 'a', 'api' FROM generate_series(0, 200) n"
        )
        assert await prune_samples(connection, timedelta(days=7), 20) == 20
        assert await prune_samples(connection, timedelta(days=7), 20) == 13
        assert await connection.fetchval("SELECT count(*) FROM process_sample") == 168


async def test_an_address_is_as_the_worst_engine_says(pool: Pool) -> None:
    worker = "INSERT INTO worker (worker, roles, instance, place, pid, started, egresses)"
    worker += " VALUES ($1, '{executor}', 'x', '', 1, '', '{0,1}')"
    async with pool.acquire() as connection:
        for number in (1, 2, 3):
            await connection.execute(worker, number)
        calm = EgressReading(used=0.2, share=0.5, throttle=1.0, blocked_s=0.0)
        await write_standings(connection, 1, {MARKET: [calm, calm]})
        await write_standings(connection, 1, {MARKET: [calm, EgressReading(0.9, 0.5, 0.25, 30.0, BreakerState.HALF_OPEN)]})
        await write_standings(connection, 2, {MARKET: [calm, EgressReading(0.1, 0.5, 1.0, 0.0, BreakerState.OPEN)]})
        await write_standings(connection, 3, {MARKET: [EgressReading(1.0, 1.0, 0.1, 99.0, BreakerState.OPEN)]})
        await connection.execute("UPDATE worker SET ended_at = now() WHERE worker = 3")
        first, second = await read_standings(connection)
        assert (first.egress, first.engines, first.breaker, first.blocked_s) == (0, 2, BreakerState.CLOSED, 0)
        assert (second.egress, second.breaker, round(second.used, 2), round(second.throttle, 2)) == (
            1, BreakerState.OPEN, Decimal("0.90"), Decimal("0.25"),
        )  # fmt: skip
        assert 25 < second.blocked_s <= 30
        assert 0 <= second.age_s < 60
        # One that has no part of any address, as a planner, says nothing of it.
        await connection.execute("DELETE FROM worker WHERE worker < 3")
        assert await connection.fetchval("SELECT count(*) FROM market_standing") == 1

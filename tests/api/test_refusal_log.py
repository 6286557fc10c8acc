"""The refusals log under a flood, and beside a database that is away or refuses a batch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from marketbot.api import refusal_log
from marketbot.api.database import Database
from marketbot.api.refusal_log import MAX_BATCH, MAX_WAITING, BatchedRefusalLog
from marketbot.domain.ids import SourceId
from marketbot.domain.reasons import RefusalReason
from marketbot.intake.refused import Refused, StoreAway
from marketbot.observability import metrics
from marketbot.store.pool import Pool, open_pool
from marketbot.store.refusals import recent_refusals

from .conftest import until

NOW = datetime(2025, 9, 3, 14, 30, tzinfo=UTC)


def dropped() -> float:
    (line,) = [line for line in metrics.render().decode().splitlines() if line.startswith("marketbot_refusals_dropped_total ")]
    return float(line.split(" ")[1])


def note(log: BatchedRefusalLog, *, source_id: SourceId | None = None, detail: str = "") -> None:
    log.record(source_id, Refused(RefusalReason.BODY_EMPTY, detail), "192.0.2.1", b"x" * 32, NOW)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, name="test", size=2)
    yield opened
    await opened.close()


async def test_a_flood_drops_the_oldest_and_counts_them(pool: Pool) -> None:
    log, before = BatchedRefusalLog(Database(pool)), dropped()
    for number in range(MAX_WAITING + 100):
        note(log, detail=str(number))
    assert dropped() == before + 100
    await log.stop()
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM refusal") == MAX_WAITING
        assert await connection.fetchval("SELECT min(detail::int) FROM refusal") == 100


async def test_rows_wait_while_the_database_is_away(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_log, "AWAY_PAUSE_S", 0.01)
    monkeypatch.setattr(refusal_log, "FLUSH_PAUSE_S", 0.0)
    monkeypatch.setattr("marketbot.api.database.REOPEN_PAUSE_S", 0.0)
    attempts = 0

    async def opened_later() -> Pool:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise ConnectionRefusedError
        return pool

    log = BatchedRefusalLog(Database(open_pool=opened_later))
    for number in range(MAX_BATCH + 1):
        note(log, detail=str(number))
    log.start()
    await until(lambda: written(pool, MAX_BATCH + 1))
    await log.stop()
    async with pool.acquire() as connection:
        latest, *_ = await recent_refusals(connection, 1)
    assert latest.detail == str(MAX_BATCH)
    assert attempts == 4


async def test_a_batch_that_cannot_be_written_does_not_stop_the_next(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_log, "AWAY_PAUSE_S", 0.0)
    log, before = BatchedRefusalLog(Database(pool)), dropped()
    log.start()
    note(log, detail="\x00")  # Postgres takes no NUL
    await until(lambda: dropped() == before + 1)
    note(log, detail="fine", source_id=SourceId(404))
    await until(lambda: written(pool, 1))
    await log.stop()
    assert await pool.fetchval("SELECT source_id FROM refusal") is None


async def test_stopping_beside_a_database_that_is_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> Pool:
        raise StoreAway("away")

    log = BatchedRefusalLog(Database(open_pool=away))
    log.start()
    note(log)
    await log.stop()
    assert "1 of" in repr(log)


async def written(pool: Pool, rows: int) -> bool:
    return bool(await pool.fetchval("SELECT count(*) FROM refusal") == rows)

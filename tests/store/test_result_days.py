"""Totals by day against the results themselves: whoever writes them, whatever was there before, and after a restore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from marketbot.backup.key import BackupKey
from marketbot.backup.make import make_backup
from marketbot.backup.restore import restore
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import Shelf
from marketbot.domain.ids import UserId
from marketbot.settings import Profile
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.installation import open_installation
from marketbot.store.migrate import MIGRATIONS, migrate
from marketbot.store.pool import DirectConnection, connect
from marketbot.store.result_days import read_equity
from marketbot.store.user_home import read_standings

AT = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
BY_DAY = """
SELECT user_id, account_id, (closed_at AT TIME ZONE 'UTC')::date AS day, sum(result) AS result, count(*) AS closed
FROM realized_result GROUP BY 1, 2, 3 ORDER BY 1, 3, 2
"""
RESULT = "INSERT INTO realized_result VALUES ($1, $2, $3, 'long', $4, 1, $5) ON CONFLICT DO NOTHING"


@pytest.fixture
async def store(database: str) -> AsyncIterator[DirectConnection]:
    connection = await connect(database, name="test")
    yield connection
    await connection.close()


async def add(connection: DirectConnection, account_id: int, at: datetime, result: str, symbol: str = "BTCUSDT") -> None:
    await connection.execute(RESULT, account_id, at, symbol, 1 + account_id % 2, Decimal(result))


async def assert_totals_hold(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    kept = [tuple(row) for row in await connection.fetch("SELECT * FROM result_day ORDER BY user_id, day, account_id")]
    assert kept == [tuple(row) for row in await connection.fetch(BY_DAY)]
    return len(kept)


async def test_a_day_is_summed_as_results_come(store: DirectConnection) -> None:
    for seconds, result in ((0, "1.5"), (1, "-4"), (2, "0.000000001")):
        await add(store, 1, AT + timedelta(seconds=seconds), result)
    await add(store, 2, AT, "7")
    for _ in range(2):  # a batch that is written again counts once
        await add(store, 1, AT, "1.5")
    assert await assert_totals_hold(store) == 3
    assert await store.fetchval("SELECT result FROM result_day WHERE account_id = 1 AND day = '2026-03-02'") == Decimal(
        "-3.999999999"
    )


async def test_engines_that_write_for_the_same_accounts_do_not_lose_each_others(database: str, store: DirectConnection) -> None:
    async def engine(number: int) -> None:
        connection = await connect(database, name=f"engine {number}")
        try:
            for turn in range(20):
                accounts = list(range(1, 9)) if number % 2 else list(range(8, 0, -1))
                await connection.execute(
                    "INSERT INTO realized_result SELECT a, $2, 'BTCUSDT', 'long', 1 + a % 2, 1, 1 FROM unnest($1::bigint[]) a",
                    accounts,
                    AT + timedelta(milliseconds=turn * 10 + number),
                )
        finally:
            await connection.close()

    await asyncio.gather(*(engine(number) for number in range(4)))
    await assert_totals_hold(store)
    assert await store.fetchval("SELECT sum(closed) FROM result_day") == 4 * 20 * 8


async def test_what_was_realized_before_is_counted(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    admin = await asyncpg.connect(postgres.dsn)
    name = "before_result_days"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
    older = tmp_path / "older"
    older.mkdir()
    for file in MIGRATIONS.glob("*.sql"):
        if int(file.name[:4]) < 17:
            (older / file.name).write_text(file.read_text())
    try:
        await migrate(postgres.dsn_for(name), older)
        connection = await connect(postgres.dsn_for(name), name="test")
        try:
            for number in range(30):
                await add(connection, 1 + number % 3, AT + timedelta(hours=number * 7), str(number - 12))
            await migrate(postgres.dsn_for(name))
            assert await assert_totals_hold(connection) > 10
            await add(connection, 1, AT + timedelta(hours=1), "5")
            await assert_totals_hold(connection)
        finally:
            await connection.close()
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_a_restore_counts_nothing_twice(
    database: str, store: DirectConnection, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    await open_installation(store, Profile.SIMULATION)
    for number in range(9):
        await add(store, 1 + number % 2, AT + timedelta(hours=number), "2.5")
    shelf, key = Shelf(tmp_path / "backups"), BackupKey(bytes(32))
    made = await make_backup(database, shelf, key, Retention())
    assert made is not None
    admin = await asyncpg.connect(postgres.dsn)
    name = "with_result_days"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
    try:
        await restore(postgres.dsn_for(name), shelf.find("latest"), made.manifest, key, Profile.SIMULATION)
        connection = await connect(postgres.dsn_for(name), name="test")
        try:
            assert await assert_totals_hold(connection) == 3
            await add(connection, 1, AT + timedelta(days=40), "1")
            assert await assert_totals_hold(connection) == 4, "what comes after a restore is summed as before it"
        finally:
            await connection.close()
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_equity_is_told_by_environment_and_begins_where_the_days_before_it_ended(store: DirectConnection) -> None:
    await store.execute("INSERT INTO app_user (name) VALUES ('ana'), ('rui')")
    await store.execute(
        "INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint)"
        " SELECT user_id, environment, 'bybit', environment::environment, 'k', 's', n::text::bytea"
        " FROM (VALUES (1, 2, 'mainnet'), (2, 1, 'testnet'), (3, 2, 'testnet')) a (n, user_id, environment) ORDER BY n"
    )
    for number in range(5):
        await add(store, 1, AT + timedelta(days=number), "10")
        await add(store, 3, AT + timedelta(days=number), "-1")
    await add(store, 99, AT, "1000")  # an account that is gone
    real, practice, gone = await read_equity(store, UserId(2), days=3)
    assert (real.environment, real.before, [day.total for day in real.days]) == ("mainnet", 20, [30, 40, 50])
    assert (practice.environment, practice.before, [day.result for day in practice.days]) == ("testnet", -2, [-1, -1, -1])
    assert (gone.environment, gone.before, len(gone.days)) == ("", 0, 1)
    standings = await read_standings(store, UserId(2), AT + timedelta(days=4))
    assert [(each.environment, each.all_time, each.closed, each.today, each.closed_today) for each in standings] == [
        ("mainnet", 50, 5, 10, 1),
        ("testnet", -5, 5, -1, 1),
        ("", 1000, 1, 0, 0),
    ]
    assert await read_equity(store, UserId(3)) == []

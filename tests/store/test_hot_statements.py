"""Hot statements find their rows by index: on tables that are empty and were never analyzed, and on large ones, known or unknown.

Under the plan that the pool's sessions use (generic, whatever the parameters are), read out of the server itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import count

import asyncpg
import pytest
from tests.store.statements import COLD, HOT, SQL, fill, leading_columns, overheard, plan_of, read_whole, sql_of

from marketbot.domain.ids import AccountId, SignalId, SourceId, Symbol
from marketbot.domain.signal import Action, Signal
from marketbot.store import chunks, planning, signals
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.pool import DirectConnection, Pool, connect, open_pool

SIZE = 300_000
_numbers = count(1)

PLANNING = {
    name: getattr(planning, name)
    for name in (
        "_SIGNAL_TO_PLAN",
        "_OPEN_SIGNALS",
        "_CLOSE_WAITS",
        "_OTHERS_OPEN",
        "_FOLLOWERS_OF_BOTH",
        "_FOLLOWERS_OF_ONE",
        "_COMMANDED",
        "_POSITIONS",
        "_RESULTS",
        "_ON_THEIR_WAY",
        "_OPERATIONS",
        "_ADVANCE",
        "_PLANNED",
        "_SETTLE",
    )
}


def test_every_sql_file_is_called_hot_or_cold() -> None:
    files = {file.stem for file in SQL.glob("*.sql")}
    assert files - set(HOT) - set(COLD) == set(), "say in tests/store/statements.py whether it is hot, and why"
    assert set(HOT) & set(COLD) == set()
    assert (set(HOT) | set(COLD)) - files == set()


def test_every_statement_of_planning_is_looked_at() -> None:
    written = {name for name, value in vars(planning).items() if name.isupper() and isinstance(value, str) and len(value) > 40}
    assert written - set(PLANNING) - {"_BEGIN_PAGE", "_SIGNAL", "_OPEN", "_FOLLOWERS"} == set()


@pytest.fixture(scope="module")
def large(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Make a database with ``SIZE`` orders, once for all tests here."""
    name = f"large_{next(_numbers)}"

    async def make() -> None:
        admin = await asyncpg.connect(postgres.dsn)
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy")
        await admin.close()
        connection = await connect(postgres.dsn_for(name), name="fill", statement_timeout_s=300.0)
        await fill(connection, SIZE)
        await connection.close()

    async def drop() -> None:
        admin = await asyncpg.connect(postgres.dsn)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(make())
        yield postgres.dsn_for(name)
        runner.run(drop())


@pytest.fixture
async def connection(database: str) -> AsyncIterator[DirectConnection]:
    connection = await connect(database, name="engine")
    yield connection
    await connection.close()


async def overhear_functions(pool: Pool) -> dict[str, str]:
    """Run what has its statements inside, for the operator and on the order path, and return them."""
    found: dict[str, str] = {}
    async with pool.acquire() as connection:
        async with overheard(connection) as said:
            await signals.signal_summary(connection, SignalId(1))
            await signals.signal_accounts(connection, SignalId(1), AccountId(0), 100)
        found |= {f"operator {number}": sql for number, sql in enumerate(said)}
    return found


async def assert_by_index(connection: DirectConnection, functions: dict[str, str]) -> None:
    read: dict[str, set[str]] = {}
    leading = await leading_columns(connection)
    for name in HOT:
        read[name] = read_whole(await plan_of(connection, sql_of(name)), leading)
    for name, sql in functions.items():
        read[name] = read_whole(await plan_of(connection, sql), leading)
    async with connection.transaction():
        await connection.fetchval(planning._BEGIN_PAGE, 1)
        for name, sql in PLANNING.items():
            read[name] = read_whole(await plan_of(connection, sql), leading)
    assert {name: tables for name, tables in read.items() if tables} == {}


async def test_on_an_empty_database_that_was_never_analyzed(connection: DirectConnection, database: str) -> None:
    pool = await open_pool(database, name="engine", size=1)
    async with pool:
        await assert_by_index(connection, await overhear_functions(pool))


async def test_on_large_tables_unknown_and_then_known(large: str) -> None:
    connection = await connect(large, name="engine", statement_timeout_s=300.0)
    pool = await open_pool(large, name="engine", size=1)
    try:
        functions = await overhear_functions(pool)
        assert len(functions) == 5, functions  # there is a signal to tell of
        await assert_by_index(connection, functions)
        await connection.execute("ANALYZE")
        await assert_by_index(connection, functions)
    finally:
        await connection.close()
        await pool.close()


async def test_taking_a_signal_reads_no_table_whole(large: str) -> None:
    """The function's own statements are not explained; the server counts what they did."""
    connection = await connect(large, name="api")
    try:
        async with connection.transaction():
            for number in range(2):
                signal = Signal(
                    action=Action.OPEN_LONG, symbol=Symbol("BTCUSDT"), strong=False, price=Decimal(1), leverage=None,
                    sent_at=None, dedup_key=None if number else "given",
                )  # fmt: skip
                secret = await connection.fetchval("SELECT secret_sha256 FROM source")
                taken = await signals.accept_signal(connection, SourceId(1), secret, signal, "body", b"digest")
                assert taken is not None
            assert await connection.fetchval("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'signal'") == 0
    finally:
        await connection.close()


async def test_a_round_of_claiming_touches_what_is_open_and_not_what_was(large: str) -> None:
    connection = await connect(large, name="executor")
    try:
        async with connection.transaction():
            before = await connection.fetchval(_FETCHED)
            assert await connection.fetch(chunks.CLAIM, 1, 1, [], 10) == []
            await connection.execute(chunks.SETTLE)
            assert await connection.fetchval(_FETCHED) - before < 100
    finally:
        await connection.close()


_FETCHED = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables"


async def test_a_plan_that_reads_a_table_whole_is_noticed(connection: DirectConnection) -> None:
    leading = await leading_columns(connection)
    for sql in (
        "SELECT count(*) FROM orders WHERE qty = $1",
        "SELECT * FROM orders WHERE account_id = $1",
        "SELECT * FROM intent ORDER BY signal_id",
        "UPDATE position SET qty = 1 WHERE entry_price = $1",
    ):
        assert read_whole(await plan_of(connection, sql), leading), sql

"""The migration runner, on scratch files and a real server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from marketbot.store import migrate as module
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import MIGRATION_LOCK_KEY, MIGRATIONS, MigrationError, migrate, pending, read_migrations
from marketbot.store.pool import connect

FIRST = "CREATE TABLE book (id int PRIMARY KEY);\nINSERT INTO book VALUES (1);"
SECOND = "ALTER TABLE book ADD COLUMN title text;"


@pytest.fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give a database without any migration."""
    name = "without_migrations"
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        yield postgres.dsn_for(name)
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, sql in files.items():
        (directory / f"{name.removeprefix('m')}.sql").write_text(sql)
    return directory


async def applied(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row["version"] for row in await connection.fetch("SELECT version FROM schema_migration ORDER BY 1")]
    finally:
        await connection.close()


async def test_applies_in_order_then_nothing(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST, m0002_second=SECOND)
    assert [str(m) for m in await pending(empty, files)] == ["0001_first", "0002_second"]
    assert [str(m) for m in await migrate(empty, files)] == ["0001_first", "0002_second"]
    assert await migrate(empty, files) == []
    assert await pending(empty, files) == []
    assert await applied(empty) == [1, 2]


async def test_only_the_new_file_is_applied(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST)
    await migrate(empty, files)
    write(files, m0002_second=SECOND)
    assert [m.version for m in await migrate(empty, files)] == [2]


async def test_works_on_a_given_connection(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST)
    connection = await connect(empty, name="test")
    try:
        assert len(await migrate(connection, files)) == 1
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    finally:
        await connection.close()


async def test_changed_file_is_refused(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST)
    await migrate(empty, files)
    write(files, m0001_first=FIRST + "\n-- afterthought", m0002_second=SECOND)
    with pytest.raises(MigrationError, match="0001_first has changed"):
        await migrate(empty, files)
    assert await applied(empty) == [1]


async def test_line_ends_are_no_change(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST)
    await migrate(empty, files)
    (files / "0001_first.sql").write_bytes(FIRST.replace("\n", "\r\n").encode())
    assert await migrate(empty, files) == []


async def test_older_program_accepts_a_newer_database(empty: str, tmp_path: Path) -> None:
    await migrate(empty, write(tmp_path / "new", m0001_first=FIRST, m0002_second=SECOND))
    assert await migrate(empty, write(tmp_path / "old", m0001_first=FIRST)) == []


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"m0001_first": FIRST, "m0003_third": SECOND}, "0002 is missing"),
        ({"m0001_first": FIRST, "m0001_again": SECOND}, "used twice"),
        ({"m0002_second": SECOND}, "0001 is missing"),
        ({"m1_first": FIRST}, "not named like"),
        ({"m0001_first": FIRST + "\nCOMMIT;\nSELECT 1;"}, "begins or ends a transaction"),
    ],
)
def test_bad_directories_are_refused(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    with pytest.raises(MigrationError, match=sentence):
        read_migrations(write(tmp_path / "sql", **files))


def test_function_bodies_may_hold_begin_and_end(tmp_path: Path) -> None:
    body = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  NULL;\nEND;\n$$;"
    assert len(read_migrations(write(tmp_path / "sql", m0001_first=body))) == 1


async def test_failed_file_leaves_nothing_behind(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST, m0002_bad="CREATE TABLE half ();\nSELECT no_such_thing;")
    with pytest.raises(MigrationError, match=r"0002_bad failed.*no_such_thing"):
        await migrate(empty, files)
    assert await applied(empty) == [1]
    connection = await asyncpg.connect(empty)
    try:
        assert await connection.fetchval("SELECT to_regclass('half')") is None
    finally:
        await connection.close()


async def test_concurrent_runners_apply_each_file_once(empty: str, tmp_path: Path) -> None:
    files = write(tmp_path / "sql", m0001_first=FIRST, m0002_second=SECOND)
    results = await asyncio.gather(*(migrate(empty, files) for _ in range(5)))
    assert sorted(len(done) for done in results) == [0, 0, 0, 0, 2]


async def test_second_runner_gives_up_in_the_end(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUNNER_WAIT_S", 0.2)
    holder = await asyncpg.connect(empty)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK_KEY)
        with pytest.raises(MigrationError, match="Another process"):
            await migrate(empty, write(tmp_path / "sql", m0001_first=FIRST))
    finally:
        await holder.close()


async def test_waits_out_a_table_lock(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(module, "LOCK_BACKOFF_S", 0.01)
    files = write(tmp_path / "sql", m0001_first=FIRST)
    await migrate(empty, files)
    write(files, m0002_second=SECOND)
    holder = await asyncpg.connect(empty)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.fetch("SELECT * FROM book")
        attempts: list[str] = []

        async def release_after_two(delay_s: float) -> None:
            attempts.append(f"{delay_s}")
            if len(attempts) == 2:
                await transaction.rollback()

        monkeypatch.setattr(module.asyncio, "sleep", release_after_two)
        assert [m.version for m in await migrate(empty, files)] == [2]
        assert len(attempts) == 2
    finally:
        await holder.close()


async def test_table_lock_held_for_ever_is_told(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.02)
    monkeypatch.setattr(module, "LOCK_BACKOFF_S", 0.001)
    files = write(tmp_path / "sql", m0001_first=FIRST)
    await migrate(empty, files)
    write(files, m0002_second=SECOND)
    holder = await asyncpg.connect(empty)
    try:
        async with holder.transaction():
            await holder.fetch("SELECT * FROM book")
            with pytest.raises(MigrationError, match="could not get its table locks in 10 attempts"):
                await migrate(empty, files)
    finally:
        await holder.close()
    assert await applied(empty) == [1]


async def test_the_shipped_migrations_apply_to_an_empty_database(empty: str) -> None:
    assert len(await migrate(empty)) == len(read_migrations(MIGRATIONS)) > 0

"""The pool against a real server: bounds, codecs, released connections, and what counts as away."""

import asyncio
import socket
import ssl
import uuid
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from marketbot.store import pool as module
from marketbot.store.address import hosts, is_local, tls_for
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.pool import POOL_SIZE_MAX, Unavailable, away_as_unavailable, connect, is_unavailable, open_pool
from marketbot.store.timeouts import REQUESTS, Timeouts


async def test_native_types_come_back_as_sent(database: str) -> None:
    pool = await open_pool(database, name="test", size=2)
    async with pool:
        row = await pool.fetchrow(
            "SELECT $1::jsonb AS document, $2::numeric AS price, $3::uuid AS id, $4::json AS plain",
            {"price": Decimal("0.10"), "list": [1, None, "ã"]},
            Decimal("12345678901234567890.000000000001"),
            uuid.UUID(int=7),
            [True],
        )
    assert row is not None
    assert row["document"] == {"price": "0.10", "list": [1, None, "ã"]}
    assert row["price"] == Decimal("12345678901234567890.000000000001")
    assert row["id"] == uuid.UUID(int=7)
    assert row["plain"] == [True]


async def test_jsonb_is_stored_as_a_document(database: str) -> None:
    connection = await connect(database, name="test")
    try:
        assert await connection.fetchval("SELECT jsonb_typeof($1::jsonb)", {"a": 1}) == "object"
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("SELECT $1::jsonb", {"a": object()})
    finally:
        await connection.close()


async def test_sessions_carry_our_name_and_time_outs(database: str) -> None:
    pool = await open_pool(database, name="planner")
    async with pool:
        assert await pool.fetchval("SHOW application_name") == "marketbot planner"
        assert await pool.fetchval("SHOW statement_timeout") == "20s"
        assert await pool.fetchval("SHOW timezone") == "UTC"


async def test_pool_never_grows_past_its_size(database: str) -> None:
    pool = await open_pool(database, name="bounded", size=3)
    async with pool:
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(12)))
        assert pool.get_size() == 3


@pytest.mark.parametrize("size", [0, POOL_SIZE_MAX + 1])
async def test_size_outside_its_bounds_is_refused(database: str, size: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 50"):
        await open_pool(database, name="test", size=size)


async def test_release_rolls_back_an_open_transaction(database: str) -> None:
    pool = await open_pool(database, name="test", size=1)
    async with pool:
        async with pool.acquire() as connection:
            await connection.execute("CREATE TABLE kept (n int)")
            await connection.execute("BEGIN")
            await connection.execute("INSERT INTO kept VALUES (1)")
        assert await pool.fetchval("SELECT count(*) FROM kept") == 0


async def test_refused_connection_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unavailable) as caught:
            await open_pool(f"postgresql://someone:hidden-word@127.0.0.1:{port}/x", name="test")
    assert "hidden-word" not in str(caught.value)


async def test_missing_socket_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await connect("postgresql://someone@/x?host=/nonexistent/directory", name="test")


async def test_silent_server_is_unavailable_within_the_connect_time_out() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable):
            await asyncio.wait_for(connect(f"postgresql://a@127.0.0.1:{port}/x?sslmode=disable", name="test"), 10)


async def test_full_server_is_unavailable(place: Path) -> None:
    settings = {"max_connections": "5", "max_wal_senders": "0", "superuser_reserved_connections": "0"}
    async with EmbeddedPostgres(place, settings=settings) as server:
        crowd = [await connect(server.dsn, name="crowd") for _ in range(5)]
        try:
            with pytest.raises(Unavailable):
                await connect(server.dsn, name="one too many")
        finally:
            for connection in crowd:
                await connection.close()


async def test_pool_outlives_the_death_of_the_server(place: Path) -> None:
    async with EmbeddedPostgres(place) as server:
        pool = await open_pool(server.dsn, name="test", size=4)
        async with pool:
            assert await asyncio.gather(*(pool.fetchval("SELECT 1") for _ in range(4))) == [1] * 4
            await server.kill()
            with pytest.raises(Unavailable), away_as_unavailable():
                await pool.fetchval("SELECT 1")
            await asyncio.wait_for(server.restarted.wait(), 30)
            assert await asyncio.gather(*(pool.fetchval("SELECT 1") for _ in range(4))) == [1] * 4


async def test_a_server_that_hangs_up_between_two_statements_of_a_borrowed_connection_is_unavailable(database: str) -> None:
    killer = await connect(database, name="killer")
    pool = await open_pool(database, name="test", size=1)
    try:
        async with pool.acquire() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await killer.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            with pytest.raises(Unavailable), away_as_unavailable():
                await connection.fetchval("SELECT 1")
            with pytest.raises(Unavailable), away_as_unavailable():
                await connection.fetchval("SELECT 1")
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        await pool.close()
        await killer.close()


async def test_statement_time_out_is_unavailable(database: str) -> None:
    connection = await connect(database, name="test", statement_timeout_s=0.05)
    try:
        with pytest.raises(Unavailable), away_as_unavailable():
            await connection.fetchval("SELECT pg_sleep(5)")
    finally:
        await connection.close()


async def test_terminated_session_is_unavailable(database: str) -> None:
    victim, killer = await connect(database, name="victim"), await connect(database, name="killer")
    try:
        await killer.execute("SELECT pg_terminate_backend($1, 5000)", victim.get_server_pid())
        with pytest.raises(Unavailable), away_as_unavailable():
            await victim.fetchval("SELECT 1")
    finally:
        victim.terminate()
        await killer.close()


async def test_mistakes_of_ours_are_not_unavailable(database: str) -> None:
    connection = await connect(database, name="test")
    try:
        for statement in ("SELECT 1/0", "SELECT nothing", "SELECT FROM nowhere"):
            with pytest.raises(asyncpg.PostgresError) as caught, away_as_unavailable():
                await connection.fetchval(statement)
            assert not is_unavailable(caught.value)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionRefusedError(), True),
        (FileNotFoundError(), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError("starting up"), True),
        (asyncpg.AdminShutdownError("shutting down"), True),
        (asyncpg.CrashShutdownError("crash of another process"), True),
        (asyncpg.TooManyConnectionsError("full"), True),
        (asyncpg.DiskFullError("no space"), True),
        (asyncpg.ReadOnlySQLTransactionError("standby"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("pool is closing"), True),
        (asyncpg.InterfaceError("cannot perform operation: another operation is in progress"), False),
        (asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"), True),
        (asyncpg.InvalidPasswordError("wrong"), False),
        (asyncpg.UniqueViolationError("twice"), False),
        (PermissionError(), False),
        (ValueError(), False),
    ],
)
def test_what_counts_as_away(error: Exception, away: bool) -> None:
    assert is_unavailable(error) is away


@pytest.mark.parametrize(
    ("dsn", "expected", "local"),
    [
        ("postgresql://u:p@db.example.com:5432/x", ["db.example.com"], False),
        ("postgresql://u@/x?host=/run/pg&port=5432", ["/run/pg"], True),
        ("postgresql://u:p@127.0.0.1:1/x", ["127.0.0.1"], True),
        ("postgresql://u:p@[::1]:1/x", ["::1"], True),
        ("postgresql://localhost/x", ["localhost"], True),
        ("postgresql://u:p%40q@10.0.0.1/x", ["10.0.0.1"], False),
        ("postgresql://u@127.0.0.1:1,db.example.com:2/x", ["127.0.0.1", "db.example.com"], False),
        ("postgresql:///x", [], True),
    ],
)
def test_hosts_of_a_dsn(monkeypatch: pytest.MonkeyPatch, dsn: str, expected: list[str], local: bool) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert hosts(dsn) == expected
    assert is_local(dsn) is local


def test_remote_server_is_verified_in_full_by_default() -> None:
    context = tls_for("postgresql://u:p@db.example.com/x")
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize("mode", ["require", "prefer", "allow", "nonsense"])
def test_unverified_tls_is_refused_with_a_sentence(mode: str) -> None:
    with pytest.raises(ValueError, match="sslmode") as caught:
        tls_for(f"postgresql://u:hidden-word@db.example.com/x?sslmode={mode}")
    assert "hidden-word" not in str(caught.value)


def test_local_server_needs_no_tls() -> None:
    assert tls_for("postgresql://u@/x?host=/run/pg") is None
    assert tls_for("postgresql://u:p@127.0.0.1/x?sslmode=require") is None


async def test_waiting_for_a_connection_is_bounded(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACQUIRE_TIMEOUT_S", 0.05)
    pool = await open_pool(database, name="test", size=1)
    async with pool:
        async with pool.acquire() as held:
            for wait in (pool.fetchval("SELECT 1"), pool.execute("SELECT 1")):
                with pytest.raises(Unavailable), away_as_unavailable():
                    await wait
            assert await held.fetchval("SELECT 1") == 1
        assert await pool.fetchval("SELECT 1") == 1


async def test_each_kind_of_connection_has_its_own_time_outs(database: str) -> None:
    asked = "SELECT ARRAY[current_setting('statement_timeout'), current_setting('lock_timeout')]"
    pool = await open_pool(database, name="api", timeouts=REQUESTS)
    async with pool:
        assert await pool.fetchval(asked) == ["2s", "1500ms"]
    pool = await open_pool(database, name="engine")
    async with pool:
        assert await pool.fetchval(asked) == ["20s", "15s"]


async def test_a_lock_that_somebody_holds_is_waited_for_a_while_and_then_unavailable(database: str) -> None:
    holder = await connect(database, name="holder")
    pool = await open_pool(
        database, name="test", size=1, timeouts=Timeouts(statement_s=30.0, lock_s=0.05, idle_in_transaction_s=30.0)
    )
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE signal IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(asyncpg.LockNotAvailableError) as caught:
                await pool.fetchval("SELECT count(*) FROM signal")
            assert is_unavailable(caught.value)
    finally:
        await pool.close()
        await holder.close()

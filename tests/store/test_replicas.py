"""Reads from a real streaming replica: fresh, late, dead and back, and never before the reader's own writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from tests.store.embedded_server import until

from marketbot.domain.venue import Profile
from marketbot.store import replicas as module
from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from marketbot.store.embedded.replica import make_replica
from marketbot.store.installation import open_installation
from marketbot.store.migrate import migrate
from marketbot.store.pool import Connection, Pool, Unavailable, connect, open_pool
from marketbot.store.reads import Reads
from marketbot.store.replicas import REPLICAS_MAX, Replicas, Standing
from marketbot.store.wal_position import read_token

PATIENCE_S = 60.0
ANA, BIA = 7, 8


@dataclass
class Pair:
    """A primary, its replica, and reads that know both."""

    primary: EmbeddedPostgres
    replica: EmbeddedPostgres
    pool: Pool
    replicas: Replicas
    reads: Reads

    @property
    def standing(self) -> Standing:
        return self.replicas.replicas[0].standing

    async def until(self, standing: Standing) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await self.replicas.probe()
                if self.standing is standing:
                    return
                await asyncio.sleep(0.02)

    async def command(self, statement: str) -> None:
        """Tell the replica's server something as its operator."""
        connection = await connect(self.replica.dsn, name="operator")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def write(self, user_id: int, number: int) -> str | None:
        async with self.pool.acquire() as connection:
            await connection.execute("UPDATE note SET number = $2 WHERE user_id = $1", user_id, number)
            return await self.reads.wrote(connection, user_id)

    async def see(self, user_id: int, *, reader: int | None = None, after: int = 0) -> tuple[int, bool]:
        """Return the number that a reader sees, and whether a replica showed it."""

        async def look(connection: Connection) -> tuple[int, bool]:
            row = await connection.fetchrow("SELECT number, pg_is_in_recovery() FROM note WHERE user_id = $1", user_id)
            assert row is not None
            return row[0], row[1]

        return await self.reads.read(look, user_id=reader, after=after)


@pytest.fixture
async def pair(new_place: Callable[[Path], Path], place: Path) -> AsyncIterator[Pair]:
    async with EmbeddedPostgres(place) as primary:
        await migrate(primary.dsn)
        pool = await open_pool(primary.dsn, name="test", size=4)
        async with pool:
            await open_installation(pool, Profile.SIMULATION)
            await pool.execute("CREATE TABLE note (user_id int PRIMARY KEY, number int NOT NULL)")
            await pool.execute("INSERT INTO note VALUES ($1, 0), ($2, 0)", ANA, BIA)

            @asynccontextmanager
            async def lend() -> AsyncIterator[Connection]:
                async with pool.acquire() as connection:
                    yield connection

            async with await make_replica(primary, new_place(place.parent)) as replica:
                replicas = Replicas([replica.dsn], lend, pool_size=4)
                found = Pair(primary, replica, pool, replicas, Reads(lend, replicas))
                await found.until(Standing.FRESH)
                yield found
                await replicas.close()


async def test_what_is_written_on_the_primary_is_read_on_the_replica(pair: Pair) -> None:
    token = await pair.write(ANA, 1)
    assert token is not None
    position = read_token(token)
    assert position is not None
    async with asyncio.timeout(PATIENCE_S):
        while pair.replicas.choose(position) is None:
            await pair.replicas.probe()
    assert await pair.see(ANA, reader=ANA) == (1, True)
    async with pair.reads.acquire(ANA) as connection:
        assert await connection.fetchval("SELECT pg_is_in_recovery()")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await pair.command("UPDATE note SET number = 9")


async def test_a_user_reads_their_own_write_before_the_replica_has_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAG_MAX_S", float("inf"))  # so that lag alone leaves nobody out
    monkeypatch.setattr(module, "PROBE_AGE_MAX_S", float("inf"))
    await pair.command("SELECT pg_wal_replay_pause()")
    token = await pair.write(ANA, 2)
    await pair.replicas.probe()
    assert pair.standing is Standing.FRESH
    assert await pair.see(ANA, reader=BIA) == (0, True)  # somebody else may see what was
    assert await pair.see(ANA, reader=ANA) == (2, False)
    async with pair.reads.acquire(ANA) as connection:
        assert not await connection.fetchval("SELECT pg_is_in_recovery()")
    # In another process the token says as much.
    assert token is not None
    position = read_token(token)
    assert position is not None
    assert await pair.see(ANA, after=position) == (2, False)

    await pair.command("SELECT pg_wal_replay_resume()")
    async with asyncio.timeout(PATIENCE_S):
        while pair.replicas.choose(position) is None:
            await pair.replicas.probe()
    assert await pair.see(ANA, reader=ANA) == (2, True)


async def test_who_was_told_of_a_change_sees_it_whoever_made_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAG_MAX_S", float("inf"))
    monkeypatch.setattr(module, "PROBE_AGE_MAX_S", float("inf"))
    await pair.command("SELECT pg_wal_replay_pause()")
    async with pair.pool.acquire() as connection:
        await connection.execute("UPDATE note SET number = 7 WHERE user_id = $1", ANA)
    await pair.replicas.probe()
    assert await pair.see(ANA, reader=ANA) == (0, True)
    await pair.reads.saw_changes([ANA])
    assert await pair.see(ANA, reader=ANA) == (7, False)
    assert await pair.see(ANA, reader=BIA) == (0, True)
    await pair.reads.saw_changes(None)
    assert await pair.see(ANA, reader=BIA) == (7, False)
    await pair.command("SELECT pg_wal_replay_resume()")


async def test_a_late_replica_is_left_out_and_comes_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAG_MAX_S", 0.05)
    await pair.command("SELECT pg_wal_replay_pause()")
    await pair.write(BIA, 3)
    await pair.until(Standing.LATE)
    assert await pair.see(BIA) == (3, False)
    await pair.command("SELECT pg_wal_replay_resume()")
    await pair.until(Standing.FRESH)
    assert await pair.see(BIA) == (3, True)


async def test_no_read_fails_when_the_replica_is_killed_under_them(pair: Pair) -> None:
    seen: list[bool] = []
    stop = asyncio.Event()

    async def keep_reading() -> None:
        while not stop.is_set():
            _, from_replica = await pair.see(ANA)
            seen.append(from_replica)

    pair.replicas.start()
    readers = [asyncio.create_task(keep_reading()) for _ in range(3)]
    try:
        await until(lambda: any(seen))
        await pair.replica.kill()
        before = len(seen)
        await until(lambda: not all(seen[before:]))  # the primary answers
        await pair.replica.restarted.wait()
        back = len(seen)
        await until(lambda: any(seen[back:]))  # and the replica again, by itself
    finally:
        stop.set()
        # A read that failed ends its reader here.
        await asyncio.gather(*readers)


async def test_a_replica_that_is_away_from_the_start_or_for_long_costs_nothing(pair: Pair) -> None:
    await pair.replica.stop()
    assert await pair.see(ANA) == (0, False)  # chosen, found dead, and answered all the same
    assert pair.standing is Standing.AWAY
    async with pair.reads.acquire() as connection:
        assert not await connection.fetchval("SELECT pg_is_in_recovery()")
    await pair.replica.start()
    await pair.until(Standing.FRESH)
    assert await pair.see(ANA) == (0, True)


async def test_a_borrowed_connection_that_dies_is_unavailable_and_the_next_read_succeeds(pair: Pair) -> None:
    async def read_on() -> None:
        async with pair.reads.acquire() as connection:
            await pair.replica.stop()
            await connection.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await read_on()
    assert await pair.see(ANA) == (0, False)


async def test_a_replica_that_was_promoted_is_none_any_more(pair: Pair) -> None:
    await pair.command("SELECT pg_promote()")
    await pair.until(Standing.UNFIT)
    assert await pair.see(ANA) == (0, False)


async def test_a_replica_of_another_installation_is_not_read(pair: Pair) -> None:
    pair.replicas._tag = "other0"
    await pair.replicas.probe()
    assert pair.standing is Standing.UNFIT
    assert await pair.see(ANA) == (0, False)


async def test_a_primary_that_cannot_be_asked_makes_the_lag_unknown(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_AGE_MAX_S", 0.0)
    await pair.primary.stop()
    await pair.replicas.probe()
    assert pair.standing is Standing.LATE
    assert pair.replicas.choose() is None


async def test_an_error_of_the_reader_is_the_readers(pair: Pair) -> None:
    runs = 0

    async def mistaken(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        raise ValueError("of ours")

    with pytest.raises(ValueError, match="of ours"):
        await pair.reads.read(mistaken)
    assert runs == 1
    assert pair.standing is Standing.FRESH


async def test_a_schema_behind_the_primarys_is_no_failure(pair: Pair) -> None:
    await pair.command("SELECT pg_wal_replay_pause()")
    await pair.pool.execute("CREATE TABLE fresh AS SELECT 1 AS number")

    async def look(connection: Connection) -> int:
        number: int = await connection.fetchval("SELECT number FROM fresh")
        return number

    assert pair.replicas.choose() is not None
    assert await pair.reads.read(look) == 1
    await pair.command("SELECT pg_wal_replay_resume()")


async def test_without_replicas_everything_is_the_primarys(database: str) -> None:
    pool = await open_pool(database, name="test", size=1)
    async with pool:
        reads = Reads(pool.acquire)
        async with reads.acquire(ANA, after=2**63) as connection:
            assert await connection.fetchval("SELECT 1") == 1
            assert await reads.wrote(connection, ANA) is None


async def test_a_place_that_holds_no_replica_is_not_overwritten(place: Path) -> None:
    async with EmbeddedPostgres(place) as primary:
        with pytest.raises(EmbeddedPostgresError, match="no replica"):
            await make_replica(primary, place)


def test_addresses_that_will_never_do_are_refused_at_the_start() -> None:
    for dsns in (["postgresql://u:hidden-word@db.example.com/x?sslmode=require"], ["postgresql://u@/x"] * (REPLICAS_MAX + 1)):
        with pytest.raises(ValueError) as caught:
            Replicas(dsns, lambda: None, pool_size=1)  # type: ignore[arg-type,return-value]
        assert "hidden-word" not in str(caught.value)

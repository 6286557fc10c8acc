"""The order queue: who claims what, and what becomes of the chunks of a worker that dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.store.queue import MARKET, make_chunk, make_signal

from marketbot.domain.ids import ChunkId, SignalId
from marketbot.domain.lane import Lane
from marketbot.domain.venue import BYBIT, Environment, Market
from marketbot.store import chunks
from marketbot.store.pool import Pool, connect, open_pool

ANNA, BRUNO = 1, 2
OTHER_MARKET = Market(BYBIT, Environment.MAINNET)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with await open_pool(database, name="test", size=4) as opened:
        yield opened


async def new_signal(pool: Pool) -> SignalId:
    async with pool.acquire() as connection:
        return await make_signal(connection)


async def new_chunk(pool: Pool, signal_id: SignalId, lane: Lane = Lane.MAINNET, market: Market = MARKET) -> ChunkId:
    async with pool.acquire() as connection:
        return ChunkId(await make_chunk(connection, signal_id, lane, market=market))


async def claimed(pool: Pool, worker: int, lane: Lane = Lane.MAINNET, limit: int = 100, *full: Market) -> list[ChunkId]:
    return [chunk.chunk_id for chunk in await chunks.claim(pool, worker, lane, full=full, limit=limit)]


async def state(pool: Pool, signal_id: SignalId) -> str:
    found: str = await pool.fetchval("SELECT state FROM signal WHERE signal_id = $1", signal_id)
    return found


async def test_a_lane_is_claimed_oldest_first_and_nothing_of_the_others(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    first = await new_chunk(pool, signal_id)
    await new_chunk(pool, signal_id, Lane.TESTNET)
    urgent = await new_chunk(pool, signal_id, Lane.RISK_REDUCING)
    second, third = await new_chunk(pool, signal_id), await new_chunk(pool, signal_id)
    assert await chunks.waiting(pool) == {Lane.RISK_REDUCING: 1, Lane.MAINNET: 3, Lane.TESTNET: 1}
    assert await claimed(pool, ANNA, Lane.RISK_REDUCING) == [urgent]
    assert await claimed(pool, ANNA, limit=2) == [first, second]
    assert await claimed(pool, ANNA) == [third]
    assert await chunks.waiting(pool) == {Lane.TESTNET: 1}


async def test_a_full_market_is_passed_over(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    full, free = await new_chunk(pool, signal_id), await new_chunk(pool, signal_id, market=OTHER_MARKET)
    assert await claimed(pool, ANNA, Lane.MAINNET, 100, MARKET) == [free]
    assert await claimed(pool, ANNA) == [full]


async def test_a_chunk_that_another_is_claiming_is_skipped_without_waiting(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    locked, free = await new_chunk(pool, signal_id), await new_chunk(pool, signal_id)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM chunk WHERE chunk_id = $1 FOR UPDATE", locked)
        assert await asyncio.wait_for(claimed(pool, BRUNO), 5) == [free]
    assert await claimed(pool, BRUNO) == [locked]


async def test_two_workers_never_get_the_same_chunk(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    made = [await new_chunk(pool, signal_id) for _ in range(20)]
    taken = await asyncio.gather(*(claimed(pool, worker, limit=3) for worker in (ANNA, BRUNO) for _ in range(5)))
    flat = [chunk_id for few in taken for chunk_id in few]
    assert len(flat) == len(set(flat))
    flat += await claimed(pool, ANNA)
    assert sorted(flat) == made


async def test_a_killed_worker_s_chunks_are_taken_over_when_its_connection_ends(pool: Pool, database: str) -> None:
    life = await connect(database, name="anna")
    anna = await chunks.enlist(life)
    signal_id = await new_signal(pool)
    chunk_id = await new_chunk(pool, signal_id)
    assert await claimed(pool, anna) == [chunk_id]
    assert await chunks.release_of_the_dead(pool, BRUNO + anna) == 0, "she lives"
    life.terminate()

    async with asyncio.timeout(10):
        while await chunks.release_of_the_dead(pool, BRUNO + anna) == 0:  # noqa: ASYNC110 - the server notices the end
            await asyncio.sleep(0.01)
    [again] = await chunks.claim(pool, BRUNO + anna, Lane.MAINNET, full=[], limit=1)
    assert (again.chunk_id, again.attempts) == (chunk_id, 2)


async def test_a_worker_never_releases_its_own_chunks(pool: Pool) -> None:
    await new_chunk(pool, await new_signal(pool))
    await claimed(pool, ANNA)
    assert await chunks.release_of_the_dead(pool, ANNA) == 0


async def test_a_worker_whose_host_vanished_is_taken_over_when_its_lease_ends(pool: Pool, database: str) -> None:
    life = await connect(database, name="anna")
    try:
        anna = await chunks.enlist(life)
        await new_chunk(pool, await new_signal(pool))
        await claimed(pool, anna)
        await pool.execute("UPDATE chunk SET lease_until = now() - interval '1 ms'")
        await chunks.renew(pool, anna)
        assert await chunks.release_of_the_dead(pool, BRUNO + anna) == 0, "she renewed"
        left = await pool.fetchval("SELECT lease_until - now() FROM chunk")
        assert timedelta(0) < left <= chunks.LEASE
        await pool.execute("UPDATE chunk SET lease_until = now() - interval '1 ms'")
        assert await chunks.release_of_the_dead(pool, BRUNO + anna) == 1
    finally:
        await life.close()


async def test_what_was_given_back_is_claimed_again_as_another_attempt(pool: Pool) -> None:
    chunk_id = await new_chunk(pool, await new_signal(pool))
    await claimed(pool, ANNA)
    await chunks.give_back(pool, BRUNO, chunk_id)
    assert await claimed(pool, BRUNO) == [], "only its holder gives it back"
    await chunks.give_back(pool, ANNA, chunk_id)
    [again] = await chunks.claim(pool, BRUNO, Lane.MAINNET, full=[], limit=1)
    assert again.attempts == 2


async def finish(pool: Pool, worker: int, signal_id: SignalId, chunk_id: ChunkId) -> None:
    """Do what a dispatcher does with a chunk whose runs have ended."""
    await chunks.finish(pool, worker, chunk_id)
    await chunks.settle_signal(pool, signal_id)


async def test_the_last_chunk_settles_its_signal(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    first, last = await new_chunk(pool, signal_id), await new_chunk(pool, signal_id)
    await claimed(pool, ANNA)
    await finish(pool, ANNA, signal_id, first)
    assert await state(pool, signal_id) == "planned"
    await finish(pool, ANNA, signal_id, last)
    assert await state(pool, signal_id) == "settled"
    settled_at = await pool.fetchval("SELECT settled_at FROM signal")
    await finish(pool, ANNA, signal_id, last)
    assert await pool.fetchval("SELECT settled_at FROM signal") == settled_at
    assert await claimed(pool, BRUNO) == []


async def test_a_chunk_that_was_taken_away_is_not_finished_by_its_former_holder(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    chunk_id = await new_chunk(pool, signal_id)
    await claimed(pool, ANNA)
    await chunks.give_back(pool, ANNA, chunk_id)
    assert await claimed(pool, BRUNO) == [chunk_id]
    await finish(pool, ANNA, signal_id, chunk_id)
    assert await state(pool, signal_id) == "planned"
    await finish(pool, BRUNO, signal_id, chunk_id)
    assert await state(pool, signal_id) == "settled"


async def test_two_last_chunks_that_end_at_the_same_moment_settle_their_signal(pool: Pool) -> None:
    for _ in range(10):
        signal_id = await new_signal(pool)
        made = [await new_chunk(pool, signal_id) for _ in range(5)]
        await claimed(pool, ANNA)
        await asyncio.gather(*(finish(pool, ANNA, signal_id, chunk_id) for chunk_id in made))
        assert await state(pool, signal_id) == "settled"


async def test_a_signal_whose_worker_died_right_after_its_last_chunk_is_settled(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    chunk_id = await new_chunk(pool, signal_id)
    await claimed(pool, ANNA)
    await pool.execute(chunks.FINISH, chunk_id, ANNA)
    assert await state(pool, signal_id) == "planned"
    await chunks.settle(pool)
    assert await state(pool, signal_id) == "settled"


async def test_a_signal_without_chunks_is_settled(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    await chunks.settle(pool)
    assert await state(pool, signal_id) == "settled"

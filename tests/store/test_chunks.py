"""The order queue: who claims what, and what becomes of the chunks of a worker that dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.store.queue import MARKET, make_chunk, make_signal

from marketbot.domain.ids import AccountId, ChunkId, SignalId
from marketbot.domain.lane import Lane
from marketbot.domain.venue import BYBIT, Environment, Market
from marketbot.store import chunks
from marketbot.store.pool import Pool, open_pool

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
    assert await chunks.waiting(pool, ANNA) == {Lane.RISK_REDUCING: 1, Lane.MAINNET: 3, Lane.TESTNET: 1}
    assert await claimed(pool, ANNA, Lane.RISK_REDUCING) == [urgent]
    assert await claimed(pool, ANNA, limit=2) == [first, second]
    assert await claimed(pool, ANNA) == [third]
    assert await chunks.waiting(pool, ANNA) == {Lane.TESTNET: 1}


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


async def test_a_chunk_that_is_meant_for_somebody_is_claimed_by_nobody_else(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    for_anna, for_bruno, for_anybody = [await new_chunk(pool, signal_id) for _ in range(3)]
    await pool.execute(
        "INSERT INTO worker (worker, roles, instance, place, pid, started, egresses) "
        "SELECT n, '{executor}', 'x' || n, '', 1, '', '{0}' FROM unnest($1::int[]) AS u (n)",
        [ANNA, BRUNO],
    )
    await pool.execute("UPDATE chunk SET for_worker = $2 WHERE chunk_id = $1", for_anna, ANNA)
    await pool.execute("UPDATE chunk SET for_worker = $2 WHERE chunk_id = $1", for_bruno, BRUNO)
    assert await chunks.waiting(pool, BRUNO) == {Lane.MAINNET: 2}
    assert await claimed(pool, BRUNO) == [for_bruno, for_anybody]
    assert await claimed(pool, ANNA) == [for_anna]


async def test_accounts_of_others_go_back_into_the_queue_as_often_tried_as_they_were(pool: Pool) -> None:
    signal_id = await new_signal(pool)
    async with pool.acquire() as connection:
        chunk_id = ChunkId(await make_chunk(connection, signal_id, account_ids=[AccountId(n) for n in range(1, 7)]))
    await claimed(pool, ANNA)
    await chunks.split(pool, BRUNO, chunk_id, {AccountId(1): ANNA})
    assert await pool.fetchval("SELECT count(*) FROM chunk") == 1, "only its holder divides it"
    await chunks.split(pool, ANNA, chunk_id, {AccountId(2): BRUNO, AccountId(4): BRUNO, AccountId(5): 0})
    rows = await pool.fetch("SELECT account_ids, for_worker, attempts, claimed_by FROM chunk ORDER BY chunk_id")
    assert sorted(tuple(row) for row in rows if row["claimed_by"] is None and row["for_worker"]) == [([2, 4], BRUNO, 0, None)]
    assert sorted(tuple(row) for row in rows if row["claimed_by"] is None and not row["for_worker"]) == [([5], None, 0, None)]
    assert [tuple(row) for row in rows if row["claimed_by"]] == [([1, 3, 6], None, 1, ANNA)]

    await chunks.give_back(pool, ANNA, chunk_id)
    await pool.execute("DELETE FROM chunk WHERE chunk_id <> $1", chunk_id)
    await claimed(pool, BRUNO)
    await chunks.split(pool, BRUNO, chunk_id, {AccountId(3): ANNA})
    [again] = await chunks.claim(pool, ANNA, Lane.MAINNET, full=[], limit=1)
    assert (again.account_ids, again.attempts) == ((AccountId(3),), 2), "Anna may have sent it: she looks first"


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

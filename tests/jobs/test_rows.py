"""Jobs as rows: asked for with a change or not at all, had by one worker at a time, bounded in their tries."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from marketbot.store import jobs
from marketbot.store.pool import Pool

from .conftest import Keepers

KINDS = ["note"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Undone(Exception):
    pass


async def test_a_job_is_there_exactly_when_the_change_that_wants_it_is(pool: Pool, keepers: Keepers) -> None:
    worker = await keepers.enlist()
    with suppress(Undone):
        async with pool.acquire() as connection, connection.transaction():
            assert await jobs.enqueue(connection, "note", {"to": "ana"}) is not None
            raise Undone
    assert await jobs.claim(pool, worker, KINDS, 10) == []
    async with pool.acquire() as connection, connection.transaction():
        await jobs.enqueue(connection, "note", {"to": "ana"})
    (job,) = await jobs.claim(pool, worker, KINDS, 10)
    assert (job.kind, job.payload, job.attempts) == ("note", {"to": "ana"}, 1)
    assert "ana" not in repr(job)


async def test_asking_twice_under_a_key_is_asking_once_until_it_is_done(pool: Pool, keepers: Keepers) -> None:
    worker = await keepers.enlist()
    async with pool.acquire() as connection:
        asked = await asyncio.gather(*[_ask(pool) for _ in range(8)])
        assert len([number for number in asked if number is not None]) == 1
        (job,) = await jobs.claim(pool, worker, KINDS, 10)
        assert await jobs.enqueue(connection, "note", {}, key="ana") is None
        assert await jobs.finish(pool, worker, job)
        assert await jobs.enqueue(connection, "note", {}, key="ana") is not None


async def _ask(pool: Pool) -> int | None:
    async with pool.acquire() as connection:
        return await jobs.enqueue(connection, "note", {}, key="ana")


async def test_every_job_is_had_once_by_workers_that_claim_side_by_side(pool: Pool, keepers: Keepers) -> None:
    workers = [await keepers.enlist() for _ in range(4)]
    async with pool.acquire() as connection:
        for number in range(100):
            await jobs.enqueue(connection, "note", {"number": number})
    had: list[int] = []

    async def take(worker: int) -> None:
        while claimed := await jobs.claim(pool, worker, KINDS, 7):
            had.extend(job.payload["number"] for job in claimed)

    await asyncio.gather(*[take(worker) for worker in workers])
    # A claim that found its candidates taken comes back empty: what is left is still there for the next.
    await take(workers[0])
    assert sorted(had) == list(range(100))


async def test_what_is_not_due_or_unknown_stays(pool: Pool, keepers: Keepers) -> None:
    worker = await keepers.enlist()
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, "note", {}, delay=timedelta(hours=1))
        await jobs.enqueue(connection, "of_a_later_version", {})
    assert await jobs.claim(pool, worker, KINDS, 10) == []


async def test_a_job_of_a_worker_that_has_ended_is_free_and_the_ended_one_says_nothing_more(pool: Pool, keepers: Keepers) -> None:
    first, second = await keepers.enlist(), await keepers.enlist()
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, "note", {})
    (late,) = await jobs.claim(pool, first, KINDS, 10)
    assert await jobs.claim(pool, second, KINDS, 10) == []
    await keepers.end(first)
    (job,) = await jobs.claim(pool, second, KINDS, 10)
    assert (job.job_id, job.attempts) == (late.job_id, 2)
    assert not await jobs.finish(pool, first, late)
    assert not await jobs.bury(pool, first, late, "late")
    assert await jobs.finish(pool, second, job)


async def test_dead_letters_are_listed_retried_and_dropped(pool: Pool, keepers: Keepers) -> None:
    worker = await keepers.enlist()
    async with pool.acquire() as connection:
        for key in ("ana", "bia"):
            await jobs.enqueue(connection, "note", {}, key=key)
        for job in await jobs.claim(pool, worker, KINDS, 10):
            assert await jobs.bury(pool, worker, job, "x" * 1_000)
        assert (await jobs.standing(pool))[0] == 2
        dead = {job.key: job for job in await jobs.dead_jobs(connection, jobs.DeadKey(), 10)}
        assert len(dead["ana"].failed or "") == jobs.MAX_FAILED_CHARS
        assert await jobs.claim(pool, worker, KINDS, 10) == []
        # A new job under a dead one's key is no repeat; the dead one may not come back beside it.
        assert await jobs.enqueue(connection, "note", {}, key="bia") is not None
        assert not await jobs.retry_dead(connection, dead["bia"].job_id)
        assert await jobs.retry_dead(connection, dead["ana"].job_id)
        assert not await jobs.retry_dead(connection, dead["ana"].job_id)
        assert not await jobs.drop_dead(connection, dead["ana"].job_id)
        assert await jobs.drop_dead(connection, dead["bia"].job_id)
        assert {(job.key, job.attempts) for job in await jobs.claim(pool, worker, KINDS, 10)} == {("ana", 1), ("bia", 1)}
        assert await jobs.dead_jobs(connection, jobs.DeadKey(), 10) == []


async def test_a_recurring_job_is_there_once_whoever_asks(pool: Pool, keepers: Keepers) -> None:
    worker = await keepers.enlist()
    await asyncio.gather(*[jobs.ensure_recurring(pool, "note", timedelta(hours=1), 3) for _ in range(4)])
    (job,) = await jobs.claim(pool, worker, KINDS, 10)
    await jobs.ensure_recurring(pool, "note", timedelta(hours=2), 3)
    assert await jobs.put_back(pool, worker, job, NOW, failed=None, attempts=0)
    (again,) = await jobs.claim(pool, worker, KINDS, 10)
    assert (again.job_id, again.every, again.attempts) == (job.job_id, timedelta(hours=2), 1)


async def test_a_payload_has_a_bound(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(ValueError, match="at most"):
            await jobs.enqueue(connection, "note", {"text": "x" * jobs.MAX_PAYLOAD_BYTES})

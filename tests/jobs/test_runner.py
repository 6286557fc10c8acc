"""The loop that does jobs, over a real database and a real line of nudges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from marketbot.clock import SystemClock
from marketbot.jobs.kinds import Kind, Kinds
from marketbot.observability import metrics
from marketbot.observability.logs import register_secret
from marketbot.store import jobs
from marketbot.store.jobs import ClaimedJob
from marketbot.store.listen import Line
from marketbot.store.pool import Pool
from marketbot.workers import jobs as module
from marketbot.workers.jobs import MAX_RUNNING, JobRunner

from .conftest import PATIENCE_S, Keepers, until


@asynccontextmanager
async def running(dsn: str, pool: Pool, worker: int, *kinds: Kind) -> AsyncIterator[JobRunner]:
    runner = JobRunner(pool, Kinds(kinds), SystemClock(), lambda: worker)
    line = Line(dsn)
    listener = line.listener(["job"])
    async with line:
        task = asyncio.create_task(runner.run(listener))
        try:
            yield runner
            assert not task.done(), "the loop goes on whatever becomes of a job"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def ask(pool: Pool, kind: str, wanted: int = 1, **payload: Any) -> None:
    async with pool.acquire() as connection:
        for _ in range(wanted):
            await jobs.enqueue(connection, kind, payload, max_attempts=payload.get("tries", 8))


async def row(pool: Pool) -> Any:
    return await pool.fetchrow("SELECT * FROM job ORDER BY job_id LIMIT 1")


async def test_a_job_is_done_as_soon_as_it_is_asked_for(
    database: str, pool: Pool, keepers: Keepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", PATIENCE_S * 4)  # the nudge alone can wake it in time
    done: asyncio.Queue[ClaimedJob] = asyncio.Queue()

    async def note(job: ClaimedJob) -> None:
        await done.put(job)

    async with running(database, pool, await keepers.enlist(), Kind("note", note)):
        for number in range(3):
            await ask(pool, "note", number=number)
            async with asyncio.timeout(PATIENCE_S):
                assert (await done.get()).payload == {"number": number}

        async def all_done() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 3 FROM job WHERE done_at IS NOT NULL AND claimed_by IS NULL"))

        await until(all_done)


async def test_a_failing_job_is_tried_again_later_and_its_words_are_redacted(database: str, pool: Pool, keepers: Keepers) -> None:
    register_secret("hunter2-hunter2")

    async def note(_job: ClaimedJob) -> None:
        raise RuntimeError("the password was hunter2-hunter2")

    async with running(database, pool, await keepers.enlist(), Kind("note", note)):
        await ask(pool, "note")

        async def failed() -> bool:
            return (await row(pool))["failed"] is not None

        await until(failed)
        found = await row(pool)
    assert found["failed"] == "RuntimeError: the password was ***"
    assert (found["attempts"], found["claimed_by"], found["dead_at"]) == (1, None, None)
    assert found["due_at"] > found["created_at"]


async def test_one_that_always_fails_or_hangs_becomes_a_dead_letter(database: str, pool: Pool, keepers: Keepers) -> None:
    async def note(_job: ClaimedJob) -> None:
        await asyncio.Event().wait()

    async with running(database, pool, await keepers.enlist(), Kind("note", note, timeout_s=0.05)):
        await ask(pool, "note", tries=1)

        async def dead() -> bool:
            return (await row(pool))["dead_at"] is not None

        await until(dead)
    assert (await row(pool))["failed"] == "it took longer than 0.05 s"
    shown = metrics.render().decode()
    assert 'marketbot_jobs_total{kind="note",result="gave_up"}' in shown


async def test_one_that_killed_its_worker_each_time_is_not_tried_once_more(database: str, pool: Pool, keepers: Keepers) -> None:
    async def note(_job: ClaimedJob) -> None:
        raise AssertionError("it must not be run")

    await ask(pool, "note", tries=2)
    for _ in range(2):
        worker = await keepers.enlist()
        assert len(await jobs.claim(pool, worker, ["note"], 1)) == 1
        await keepers.end(worker)
    async with running(database, pool, await keepers.enlist(), Kind("note", note)):

        async def dead() -> bool:
            return (await row(pool))["dead_at"] is not None

        await until(dead)
    assert "its worker ended" in (await row(pool))["failed"]


async def test_no_more_than_the_bound_run_at_once(database: str, pool: Pool, keepers: Keepers) -> None:
    at_work = most = ended = 0
    go = asyncio.Event()

    async def note(_job: ClaimedJob) -> None:
        nonlocal at_work, most, ended
        at_work += 1
        most = max(most, at_work)
        await go.wait()
        at_work -= 1
        ended += 1

    await ask(pool, "note", 3 * MAX_RUNNING)
    async with running(database, pool, await keepers.enlist(), Kind("note", note)):

        async def full() -> bool:
            return at_work == MAX_RUNNING

        await until(full)
        assert await pool.fetchval("SELECT count(*) FROM job WHERE claimed_by IS NOT NULL") == MAX_RUNNING
        go.set()

        async def all_ended() -> bool:
            return ended == 3 * MAX_RUNNING

        await until(all_ended)
    assert most == MAX_RUNNING


async def test_what_recurs_runs_once_for_all_missed_times_and_on_one_keeper(database: str, pool: Pool, keepers: Keepers) -> None:
    runs: list[int] = []

    def kind(worker: int) -> Kind:
        async def tick(_job: ClaimedJob) -> None:
            runs.append(worker)

        return Kind("tick", tick, every=timedelta(hours=1))

    first, second = await keepers.enlist(), await keepers.enlist()
    await jobs.ensure_recurring(pool, "tick", timedelta(hours=1), 8)
    await pool.execute("UPDATE job SET due_at = due_at - interval '30 hours'")
    async with running(database, pool, first, kind(first)), running(database, pool, second, kind(second)):

        async def run() -> bool:
            return bool(await pool.fetchval("SELECT due_at > now() AND claimed_by IS NULL FROM job"))

        await until(run)
        await pool.execute("NOTIFY job")
        assert await jobs.claim(pool, first, ["tick"], 1) == []
    assert len(runs) == 1
    assert await pool.fetchval("SELECT count(*) FROM job") == 1


async def test_what_recurs_and_fails_for_good_comes_again_at_its_usual_time(database: str, pool: Pool, keepers: Keepers) -> None:
    async def tick(_job: ClaimedJob) -> None:
        raise RuntimeError("no")

    async with running(database, pool, await keepers.enlist(), Kind("tick", tick, every=timedelta(hours=1), max_attempts=1)):

        async def failed() -> bool:
            found = await row(pool)
            return found is not None and found["failed"] is not None

        await until(failed)
        found = await row(pool)
    assert (found["dead_at"], found["attempts"]) == (None, 0)
    assert timedelta(minutes=30) < found["due_at"] - found["created_at"] <= timedelta(hours=1)


async def test_a_drain_finishes_what_was_begun_and_hands_the_interruptible_back(
    database: str, pool: Pool, keepers: Keepers
) -> None:
    go, begun = asyncio.Event(), asyncio.Queue[str]()

    async def note(_job: ClaimedJob) -> None:
        await begun.put("note")
        await go.wait()

    async def prune(_job: ClaimedJob) -> None:
        await begun.put("prune")
        await asyncio.Event().wait()

    worker = await keepers.enlist()
    runner = JobRunner(pool, Kinds([Kind("note", note), Kind("prune", prune, interruptible=True)]), SystemClock(), lambda: worker)
    await ask(pool, "note")
    await ask(pool, "prune")
    line = Line(database)
    listener = line.listener(["job"])
    async with line, asyncio.timeout(PATIENCE_S):
        task = asyncio.create_task(runner.run(listener))
        assert {await begun.get(), await begun.get()} == {"note", "prune"}
        runner.drain()
        await ask(pool, "note")
        go.set()
        await task
    rows = await pool.fetch("SELECT kind, attempts, claimed_by, done_at IS NOT NULL AS done FROM job ORDER BY job_id")
    assert [tuple(each) for each in rows] == [("note", 1, None, True), ("prune", 0, None, False), ("note", 0, None, False)]


async def test_the_way_a_job_ended_is_written_once_the_store_is_back(database: str, pool: Pool, keepers: Keepers) -> None:
    go, begun = asyncio.Event(), asyncio.Event()

    async def note(_job: ClaimedJob) -> None:
        begun.set()
        await go.wait()

    await ask(pool, "note")
    async with running(database, pool, await keepers.enlist(), Kind("note", note)):
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
        async with pool.acquire() as connection, connection.transaction():
            # What a row lock keeps for longer than the statement may wait looks like a store that is away.
            await connection.execute("SELECT 1 FROM job FOR UPDATE")
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database() AND backend_type = 'client backend'"
            )
            go.set()

        async def done() -> bool:
            return (await row(pool))["done_at"] is not None

        await until(done)

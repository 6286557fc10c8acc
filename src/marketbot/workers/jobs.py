"""The loop that does jobs: a bounded number at once, each within its kind's time, and no failure of one stops it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from marketbot.domain.errors import MarketBotError
from marketbot.jobs.kinds import Kind, Kinds, TryLater
from marketbot.jobs.schedule import next_due, retry_delay_s
from marketbot.observability import metrics
from marketbot.observability.logs import REDACTION
from marketbot.observability.metrics import JobResult
from marketbot.ports import Clock
from marketbot.store import jobs
from marketbot.store.jobs import ClaimedJob
from marketbot.store.listen import Listener
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.workers import WorkerEndedError

MAX_RUNNING = 12
"""Jobs under way at once in one process, most of which wait for somebody to answer; one holds a connection of the pool for a statement at a
time. One of them listens to the bot for as long as it lives."""
POLL_S = 2.0
"""The slow poll that finds what has become due, what a lost nudge left, and what a dead worker had."""
AWAY_S = 0.5

log = structlog.get_logger(__name__)


class JobRunner:
    """Claims due jobs for a worker and runs their handlers."""

    def __init__(self, pool: Pool, kinds: Kinds, clock: Clock, worker: Callable[[], int]) -> None:
        self._pool = pool
        self._kinds = kinds
        self._clock = clock
        self._worker = worker
        self._running: dict[asyncio.Task[None], Kind] = {}
        self._freed = asyncio.Event()
        self._draining = asyncio.Event()
        self._ensured = False

    def __repr__(self) -> str:
        return f"<JobRunner {len(self._running)} of {MAX_RUNNING} running>"

    def drain(self) -> None:
        """Claim nothing more; ``run`` returns when what was begun has ended. Interruptible jobs are put back at once."""
        self._draining.set()
        for task, kind in self._running.items():
            if kind.interruptible:
                task.cancel()

    async def run(self, listener: Listener) -> None:
        """Do jobs until drained or cancelled.

        Raises:
            WorkerEndedError: this worker was taken for dead; others have its jobs.
        """
        try:
            while not self._draining.is_set():
                try:
                    if await self._round():
                        continue
                except Exception as error:
                    if not is_unavailable(error):
                        raise
                    log.warning("jobs_wait_for_store", error=type(error).__name__)
                    await asyncio.sleep(AWAY_S)
                await self._rest(listener)
            while self._running:
                await asyncio.wait(set(self._running))
                self._collect()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _round(self) -> bool:
        """Start what is due, as far as there is room; tell whether there may be more."""
        if not self._ensured:
            for kind in self._kinds:
                if kind.every is not None:
                    await jobs.ensure_recurring(self._pool, kind.name, kind.every, kind.max_attempts)
            self._ensured = True
        self._collect()
        metrics.set_jobs(*await jobs.standing(self._pool))
        room = MAX_RUNNING - len(self._running)
        claimed = await jobs.claim(self._pool, self._worker(), self._kinds.names, room) if room else []
        for job in claimed:
            kind = self._kinds[job.kind]
            if self._draining.is_set() and kind.interruptible:
                # Claimed while the drain began. A task cancelled before its first step would not hand it back.
                await self._hand_back(job)
                continue
            task = asyncio.create_task(self._work(kind, job), name=f"job {job.kind} {job.job_id}")
            self._running[task] = kind
            task.add_done_callback(lambda _task: self._freed.set())
        return bool(claimed) and len(self._running) < MAX_RUNNING

    def _collect(self) -> None:
        """Take ended tasks out; raise what no handler may raise."""
        self._freed.clear()
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            if not task.cancelled():
                task.result()

    async def _rest(self, listener: Listener) -> None:
        """Wait for a nudge, for room, for the drain, or for the poll's time."""
        waits = [
            asyncio.create_task(listener.wait("job", POLL_S)),
            asyncio.create_task(self._freed.wait()),
            asyncio.create_task(self._draining.wait()),
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _work(self, kind: Kind, job: ClaimedJob) -> None:
        if job.attempts > job.max_attempts:
            # Its worker died with it each time: once more would only kill one more.
            await self._fail(job, "its worker ended before it did, at every attempt")
            return
        try:
            async with asyncio.timeout(kind.timeout_s) as limit:
                await kind.handler(job)
        except asyncio.CancelledError:
            await self._hand_back(job)
            raise
        except WorkerEndedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its own failure, not the loop's
            timed_out = isinstance(error, TimeoutError) and limit.expired()
            text = (
                f"it took longer than {kind.timeout_s:g} s" if timed_out else REDACTION.text(f"{type(error).__name__}: {error}")
            )
            await self._fail(job, text, error.after_s if isinstance(error, TryLater) else 0.0)
            return
        if job.every is None:
            await self._write(lambda: jobs.finish(self._pool, self._worker(), job))
        else:
            due_at = next_due(job.due_at, job.every, self._clock.now())
            await self._write(lambda: jobs.put_back(self._pool, self._worker(), job, due_at, failed=None, attempts=0))
        metrics.count_job(job.kind, JobResult.DONE)

    async def _fail(self, job: ClaimedJob, failed: str, after_s: float = 0.0) -> None:
        """Let it be tried again, after ``after_s`` at the earliest, or give it up. A recurring one is never given up for good: it comes
        again at its usual time."""
        now = self._clock.now()
        given_up = job.attempts >= job.max_attempts
        if not given_up:
            delay_s = max(after_s, retry_delay_s(job.attempts, random.random()))  # noqa: S311 - not a secret
            due_at = now + timedelta(seconds=delay_s)
            await self._write(
                lambda: jobs.put_back(self._pool, self._worker(), job, due_at, failed=failed, attempts=job.attempts)
            )
        elif job.every is not None:
            again_at = next_due(job.due_at, job.every, now)
            await self._write(lambda: jobs.put_back(self._pool, self._worker(), job, again_at, failed=failed, attempts=0))
        else:
            await self._write(lambda: jobs.bury(self._pool, self._worker(), job, failed))
        metrics.count_job(job.kind, JobResult.GAVE_UP if given_up else JobResult.FAILED)
        tell = log.error if given_up else log.warning
        tell("job_failed", job_id=job.job_id, kind=job.kind, attempt=job.attempts, given_up=given_up, failed=failed)

    async def _hand_back(self, job: ClaimedJob) -> None:
        """Give an interrupted job to the next keeper, without an attempt lost. Failing that, it is free when this worker has ended."""
        try:
            await jobs.put_back(self._pool, self._worker(), job, job.due_at, failed=None, attempts=job.attempts - 1)
        except Exception as error:
            if not (is_unavailable(error) or isinstance(error, MarketBotError)):
                raise
        metrics.count_job(job.kind, JobResult.INTERRUPTED)

    async def _write(self, end: Callable[[], Awaitable[bool]]) -> None:
        """Write how a job ended, however long the store is away: while this worker lives nobody else would."""
        while True:
            try:
                await end()
                return
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(AWAY_S)

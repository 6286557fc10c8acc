"""``jobs``: what waits and runs, what was given up, and what becomes of that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from marketbot.cli.actor import note
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.domain.audit_entry import Action
from marketbot.settings import Settings
from marketbot.store import jobs
from marketbot.store.jobs import JobRow
from marketbot.store.pool import Connection

_OPEN_COLUMNS = ("job_id", "kind", "key", "due_at", "every", "attempts", "max_attempts", "claimed_by", "failed")
_DEAD_COLUMNS = ("job_id", "kind", "key", "attempts", "created_at", "dead_at", "failed")


async def list_jobs(output: Output, settings: Settings, limit: int, kind: str | None) -> None:
    """Show open jobs, the longest due first."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        found = await jobs.open_jobs(store.connection, limit, kind)
    _show(output, "Jobs", found, _OPEN_COLUMNS)


async def list_dead(output: Output, settings: Settings, limit: int) -> None:
    """Show up to ``limit`` dead letters, the latest first, read a page at a time."""
    found: list[JobRow] = []
    async with open_store(settings) as store:
        output.mark(store.profile)
        after = jobs.DeadKey()
        while page := await jobs.dead_jobs(store.connection, after, limit - len(found)):
            found += page
            last = page[-1]
            assert last.dead_at is not None
            after = jobs.DeadKey(last.dead_at, last.job_id)
    _show(output, "Dead letters", found, _DEAD_COLUMNS)


async def retry_job(output: Output, settings: Settings, job_id: int) -> None:
    """Let a dead letter begin anew, now."""
    await _change(output, settings, job_id, jobs.retry_dead, Action.JOB_RETRIED, "is due again now")


async def drop_job(output: Output, settings: Settings, job_id: int) -> None:
    """Forget a dead letter for ever."""
    await _change(output, settings, job_id, jobs.drop_dead, Action.JOB_DROPPED, "is gone")


async def _change(
    output: Output,
    settings: Settings,
    job_id: int,
    change: Callable[[Connection, int], Awaitable[bool]],
    action: Action,
    told: str,
) -> None:
    async with open_store(settings) as store:
        output.mark(store.profile)
        async with store.connection.transaction():
            if not await change(store.connection, job_id):
                raise CommandFailed(
                    FailureReason.NOT_FOUND,
                    f"Job {job_id} is no dead letter (or an open job does the same); see marketbot jobs dead.",
                )
            await note(store.connection, action, "job", job_id)
    output.show({"job_id": job_id, "result": told}, lambda console: console.print(f"Job {job_id} {told}."))


def _show(output: Output, title: str, found: list[JobRow], columns: tuple[str, ...]) -> None:
    rows = [asdict(job) for job in found]
    for row in rows:
        row["every"] = None if row["every"] is None else str(row["every"])
    output.show({"jobs": rows}, output.table(title, columns, [tuple(row[column] for column in columns) for row in rows]))

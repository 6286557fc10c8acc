"""Processes at work on one database: signs of life, fencing of those that are gone, and who owns which slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from marketbot.dispatch.ownership import SlotMap, Word
from marketbot.domain.errors import MarketBotError
from marketbot.domain.ids import AccountId
from marketbot.store.pool import Connection, DirectConnection, Pool

WORKER_LOCK_CLASS = 0x6D62_0001
"""The first key of the session advisory lock that says "this worker lives"; the worker's number is the second."""
KEPT = "1 day"
"""How long the row of a worker that has ended is kept."""

_SQL = Path(__file__).with_name("sql")
LIVE = (_SQL / "live_workers.sql").read_text()


class WorkerEndedError(MarketBotError):
    """This process was taken for dead, and others have its work: it must write nothing more and start anew."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a worker tells of itself. ``place`` names a kernel and its table of processes; empty where that is not known."""

    roles: tuple[str, ...]
    instance: str
    """A random name that ends the name of each of its sessions."""
    place: str
    pid: int
    started: str
    egresses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker that has not ended, as this session sees it."""

    worker: int
    roles: tuple[str, ...]
    place: str
    pid: int
    started: str
    egresses: tuple[int, ...]
    draining: bool
    seen_at: datetime
    enlisted_since_start: bool
    locked: bool
    connected: bool


async def enlist(connection: DirectConnection, process: Process, worker: int | None = None) -> int:
    """Take a worker's number, or one's own again after the connection was lost; hold its lock as long as this connection lives.

    Raises:
        WorkerEndedError: the number was taken for dead meanwhile.
    """
    if worker is None:
        number: int = await connection.fetchval("SELECT nextval('worker_number')::int")
        await connection.execute("SELECT pg_advisory_lock($1, $2)", WORKER_LOCK_CLASS, number)
        await connection.execute(
            "INSERT INTO worker (worker, roles, instance, place, pid, started, egresses) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            number,
            list(process.roles),
            process.instance,
            process.place,
            process.pid,
            process.started,
            list(process.egresses),
        )
        await connection.execute(f"DELETE FROM worker WHERE ended_at < now() - interval '{KEPT}'")
        return number
    await connection.execute("SELECT pg_advisory_lock($1, $2)", WORKER_LOCK_CLASS, worker)
    await _touch(connection, worker, "enlisted_at = clock_timestamp(), seen_at = clock_timestamp()")
    return worker


async def beat(connection: Connection, worker: int) -> None:
    """Give a sign of life.

    Raises:
        WorkerEndedError: it comes too late.
    """
    async with connection.transaction():
        # A disk that is slow for a moment must not make everybody look dead; what a crash of the server loses here it loses for all.
        await connection.execute("SET LOCAL synchronous_commit = off")
        await _touch(connection, worker, "seen_at = clock_timestamp()")


async def drain(connection: Connection, worker: int) -> None:
    """Ask for no more work: others claim from now on what waits for this worker."""
    async with connection.transaction():
        await _touch(connection, worker, "draining = true")
        await connection.execute("NOTIFY chunk")


async def ensure_alive(connection: Connection, worker: int) -> None:
    """Refuse a session to a worker that has ended.

    Raises:
        WorkerEndedError: it has.
    """
    if not await connection.fetchval("SELECT true FROM worker WHERE worker = $1 AND ended_at IS NULL", worker):
        raise WorkerEndedError(f"Worker {worker} was taken for dead.")


async def live_workers(connection: Connection) -> list[LiveWorker]:
    """Return the workers that have not ended, with what this session can see of each."""
    return [
        LiveWorker(**{**row, "roles": tuple(row["roles"]), "egresses": tuple(row["egresses"])})
        for row in await connection.fetch(LIVE, WORKER_LOCK_CLASS)
    ]


async def end(connection: Connection, worker: int, *, cut_off: bool = True) -> int:
    """End a worker, and give what it had in hand back to the queue; return how many chunks. Idempotent.

    ``cut_off``: its sessions are ended before its work is given away, and it gets no new one, so that what it still does after that
    reaches no row. A worker that ends itself needs none of this.
    """
    await connection.execute("UPDATE worker SET ended_at = clock_timestamp() WHERE worker = $1 AND ended_at IS NULL", worker)
    if cut_off:
        await _end_sessions(connection, worker)
    async with connection.transaction():
        claimed = await connection.fetch(
            "UPDATE chunk SET claimed_by = NULL WHERE claimed_by = $1 AND done_at IS NULL RETURNING chunk_id", worker
        )
        await connection.execute("NOTIFY chunk")
    return len(claimed)


async def _end_sessions(connection: Connection, worker: int) -> None:
    await connection.execute(
        "SELECT pg_terminate_backend(s.pid, 1000) FROM pg_stat_activity s JOIN worker w ON w.worker = $1 "
        "WHERE s.datname = current_database() AND s.application_name LIKE '%' || w.instance AND s.pid <> pg_backend_pid()",
        worker,
    )


async def read_slots(connection: Connection | Pool, known_version: int) -> tuple[int, SlotMap] | None:
    """Return the map and its version; None when it is the one that is known."""
    row = await connection.fetchrow("SELECT version, owners, heirs FROM slot_map WHERE version <> $1", known_version)
    return None if row is None else (row["version"], SlotMap(tuple(row["owners"]), tuple(row["heirs"])))


async def lock_slots(connection: Connection) -> SlotMap:
    """Return the map as it is, locked until the transaction ends."""
    row = await connection.fetchrow("SELECT owners, heirs FROM slot_map FOR UPDATE")
    assert row is not None
    return SlotMap(tuple(row["owners"]), tuple(row["heirs"]))


async def write_slots(connection: Connection, slots: SlotMap) -> None:
    await connection.execute(
        "UPDATE slot_map SET version = version + 1, owners = $1, heirs = $2", list(slots.owners), list(slots.heirs)
    )


async def leave_word(connection: Connection, words: Iterable[Word]) -> None:
    """Tell the next owners what is known of their slots; in the hand-over's transaction."""
    await connection.executemany(
        "INSERT INTO slot_handover (slot, ensured, spent) VALUES ($1, $2, $3::text::jsonb) "
        "ON CONFLICT (slot) DO UPDATE SET ensured = excluded.ensured, spent = excluded.spent, written_at = clock_timestamp()",
        [
            (word.slot, list(word.ensured), None if word.spent is None else orjson.dumps(dict(word.spent)).decode())
            for word in words
        ],
    )


async def take_word(connection: Connection, slots: Sequence[int]) -> list[Word]:
    """Return what former owners told of these slots, once."""
    rows = await connection.fetch(
        "DELETE FROM slot_handover WHERE slot = ANY ($1::int[]) RETURNING slot, ensured, spent::text", list(slots)
    )
    return [
        Word(
            row["slot"],
            [AccountId(number) for number in row["ensured"]],
            None if row["spent"] is None else orjson.loads(row["spent"]),
        )
        for row in rows
    ]


async def _touch(connection: Connection, worker: int, change: str) -> None:
    found = await connection.fetchval(
        f"UPDATE worker SET {change} WHERE worker = $1 AND ended_at IS NULL RETURNING worker", worker
    )
    if found is None:
        raise WorkerEndedError(f"Worker {worker} was taken for dead.")

"""The order queue: chunk rows that workers claim with SKIP LOCKED, lane by lane, and give back when they die."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from marketbot.domain.ids import AccountId, ChunkId, SignalId
from marketbot.domain.lane import Lane
from marketbot.domain.venue import Environment, Market, Venue
from marketbot.execution.run import ClaimedChunk
from marketbot.store.pool import Connection, Pool

WORKER_LOCK_CLASS = 0x6D62_0001
"""The first key of the session advisory lock that says "this worker lives"; the worker's number is the second."""
LEASE = timedelta(seconds=15)
"""How long a worker whose host vanished keeps its chunks; a killed process is noticed at once, by its lock."""
LEASE_RENEWAL_S = 5.0

_SQL = Path(__file__).with_name("sql")
CLAIM = (_SQL / "claim_chunks.sql").read_text()
WAITING = (_SQL / "waiting_lanes.sql").read_text()
FINISH = (_SQL / "finish_chunk.sql").read_text()
SETTLE_ONE = (_SQL / "settle_signal.sql").read_text()
SETTLE = (_SQL / "settle_signals.sql").read_text()
RENEW = (_SQL / "renew_leases.sql").read_text()
RELEASE = (_SQL / "release_chunks.sql").read_text()


async def enlist(connection: Connection, worker: int | None = None) -> int:
    """Take a worker's number (or the given one again) and hold its lock for as long as this direct connection lives."""
    number: int = worker if worker is not None else await connection.fetchval("SELECT nextval('worker_number')")
    await connection.execute("SELECT pg_advisory_lock($1, $2)", WORKER_LOCK_CLASS, number)
    return number


async def claim(pool: Pool, worker: int, lane: Lane, *, full: Sequence[Market], limit: int) -> list[ClaimedChunk]:
    """Claim up to ``limit`` chunks of a lane; committed when this returns, so the orders in them count as submitted."""
    rows = await pool.fetch(CLAIM, worker, LEASE, int(lane), [str(market) for market in full], limit)
    chunks = [
        ClaimedChunk(
            chunk_id=ChunkId(row["chunk_id"]),
            signal_id=SignalId(row["signal_id"]),
            lane=Lane(row["lane"]),
            market=Market(Venue(row["venue"]), Environment(row["environment"])),
            account_ids=tuple(AccountId(number) for number in row["account_ids"]),
            attempts=row["attempts"],
        )
        for row in rows
    ]
    chunks.sort(key=lambda chunk: chunk.chunk_id)
    return chunks


async def waiting(pool: Pool) -> dict[Lane, int]:
    """Return how many chunks wait, by lane."""
    return {Lane(row["lane"]): row["chunks"] for row in await pool.fetch(WAITING)}


async def finish(pool: Pool, worker: int, chunk_id: ChunkId) -> None:
    """Mark a chunk done. Idempotent; a chunk that was taken away is left alone."""
    await pool.execute(FINISH, chunk_id, worker)


async def settle_signal(pool: Pool, signal_id: SignalId) -> None:
    """Mark a signal settled if its last chunk is done. Idempotent."""
    await pool.execute(SETTLE_ONE, signal_id)


async def give_back(pool: Pool, worker: int, chunk_id: ChunkId) -> None:
    """Return a claimed chunk to the queue; whoever takes it next looks its orders up first."""
    await pool.execute(
        "UPDATE chunk SET claimed_by = NULL, lease_until = NULL WHERE chunk_id = $1 AND claimed_by = $2 AND done_at IS NULL",
        chunk_id,
        worker,
    )


async def settle(pool: Pool) -> None:
    await pool.execute(SETTLE)


async def renew(pool: Pool, worker: int) -> None:
    await pool.execute(RENEW, worker, LEASE)


async def release_of_the_dead(pool: Pool, worker: int) -> int:
    """Give the chunks of workers that are gone back to the queue; return how many."""
    return len(await pool.fetch(RELEASE, worker, WORKER_LOCK_CLASS))

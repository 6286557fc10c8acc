"""The order queue: chunk rows that workers claim with SKIP LOCKED, lane by lane, and give back when they die."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from marketbot.domain.ids import AccountId, ChunkId, SignalId
from marketbot.domain.lane import Lane
from marketbot.domain.venue import Environment, Market, Venue
from marketbot.execution.run import ClaimedChunk
from marketbot.store.pool import Pool

_SQL = Path(__file__).with_name("sql")
CLAIM = (_SQL / "claim_chunks.sql").read_text()
WAITING = (_SQL / "waiting_lanes.sql").read_text()
FINISH = (_SQL / "finish_chunk.sql").read_text()
SETTLE_ONE = (_SQL / "settle_signal.sql").read_text()
SETTLE = (_SQL / "settle_signals.sql").read_text()
SPLIT = (_SQL / "split_chunk.sql").read_text()


async def claim(pool: Pool, worker: int, lane: Lane, *, full: Sequence[Market], limit: int) -> list[ClaimedChunk]:
    """Claim up to ``limit`` chunks of a lane; committed when this returns, so the orders in them count as submitted."""
    rows = await pool.fetch(CLAIM, worker, int(lane), [str(market) for market in full], limit)
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


async def waiting(pool: Pool, worker: int) -> dict[Lane, int]:
    """Return how many chunks wait for this worker, by lane."""
    return {Lane(row["lane"]): row["chunks"] for row in await pool.fetch(WAITING, worker)}


async def split(pool: Pool, worker: int, chunk_id: ChunkId, others: Mapping[AccountId, int]) -> None:
    """Take accounts out of a claimed chunk and put them back into the queue, each for the worker named (0: for anybody).

    What had been tried for them before this claim is remembered, so that whoever takes them looks their orders up first.
    """
    await pool.execute(SPLIT, chunk_id, worker, list(others), list(others.values()))
    await pool.execute("NOTIFY chunk")


async def finish(pool: Pool, worker: int, chunk_id: ChunkId) -> None:
    """Mark a chunk done. Idempotent; a chunk that was taken away is left alone."""
    await pool.execute(FINISH, chunk_id, worker)


async def settle_signal(pool: Pool, signal_id: SignalId) -> None:
    """Mark a signal settled if its last chunk is done. Idempotent."""
    await pool.execute(SETTLE_ONE, signal_id)


async def give_back(pool: Pool, worker: int, chunk_id: ChunkId) -> None:
    """Return a claimed chunk to the queue; whoever takes it next looks its orders up first."""
    await pool.execute(
        "UPDATE chunk SET claimed_by = NULL WHERE chunk_id = $1 AND claimed_by = $2 AND done_at IS NULL",
        chunk_id,
        worker,
    )


async def settle(pool: Pool) -> None:
    await pool.execute(SETTLE)

"""The recurring job that deletes what is older than it must be kept, slowly enough that no order waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from marketbot.jobs.kinds import Kind
from marketbot.store import idempotency, price_bars, retention, samples
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Connection, Pool

NAME = "retention"
EVERY = timedelta(hours=1)
TIMEOUT_S = 3_000.0
MAX_BATCHES_A_RUN = 20_000
"""Of each part; with the pauses about half an hour. What is left then waits for the next run."""
PAUSE_S = 0.05
"""Between two batches: a batch takes about as long, so at most half of one connection's time is spent on it."""
LOGINS_KEPT = timedelta(days=30)
"""Sessions, links and invitations after their end: for somebody who asks who came in from where, and no longer (addresses are personal)."""
AUDIT_ADDRESSES_KEPT = timedelta(days=180)
"""From where audited commands and logins came. Brazil's Marco Civil (art. 15) has providers keep this for six months; the entries stay."""
REFUSAL_ADDRESSES_KEPT = timedelta(days=30)
"""From where refused deliveries came, also where the refusals themselves are kept for longer."""
LETTERS_KEPT = timedelta(days=30)
"""Letters and messages to people that could not be sent: nobody wants one a month late, and they tell of people."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long rows are kept after their work is over; None is for ever. What is open is kept whatever its age.

    ``order_history`` covers what each account did about a signal: decisions, orders, their events, outcomes. Readings of balances,
    realized results, positions and the signals' own rows stay.
    """

    order_history: timedelta | None
    refusals: timedelta | None
    chunks: timedelta | None
    jobs: timedelta | None


def retention_kind(pool: Pool, keep: Retention, *, pause_s: float = PAUSE_S) -> Kind:
    """Return the kind of job that prunes, over this pool."""

    async def prune(_job: ClaimedJob) -> None:
        await Pruning(pool, keep, pause_s).run()

    return Kind(NAME, prune, timeout_s=TIMEOUT_S, every=EVERY, interruptible=True)


class Pruning:
    """One run. Each batch takes a connection of its own and gives it back."""

    def __init__(self, pool: Pool, keep: Retention, pause_s: float) -> None:
        self._pool = pool
        self._keep = keep
        self._pause_s = pause_s

    def __repr__(self) -> str:
        return f"<Pruning {self._keep}>"

    async def run(self) -> None:
        """Prune every part, as far as one run goes."""
        keep = self._keep
        gone = {
            "chunks": 0 if keep.chunks is None else await self._chunks(keep.chunks),
            "accounts": 0 if keep.order_history is None else await self._order_history(keep.order_history),
            "refusals": 0 if keep.refusals is None else await self._plain(retention.prune_refusals, keep.refusals),
            "jobs": 0 if keep.jobs is None else await self._plain(retention.prune_jobs, keep.jobs),
            "refusal_addresses": await self._plain(retention.blank_refusal_addresses, REFUSAL_ADDRESSES_KEPT),
            "audit_addresses": await self._plain(retention.prune_audit_addresses, AUDIT_ADDRESSES_KEPT),
            "letters": await self._plain(retention.prune_dead_letters, LETTERS_KEPT),
            "logins": await self._plain(retention.prune_logins, LOGINS_KEPT),
            "price_bars": await self._plain(
                lambda connection, age: price_bars.prune_bars(connection, age, retention.ROWS_BATCH), price_bars.KEPT_FOR
            ),
            "samples": await self._plain(
                lambda connection, age: samples.prune_samples(connection, age, retention.ROWS_BATCH), samples.KEPT_FOR
            ),
            "idempotency_keys": await self._plain(idempotency.prune_keys, idempotency.KEPT_FOR),
        }
        if any(gone.values()):
            log.info("rows_pruned", **gone)

    async def _order_history(self, older_than: timedelta) -> int:
        total = batches = 0
        while batches < MAX_BATCHES_A_RUN:
            async with self._pool.acquire() as connection:
                signals = await retention.begin_signals(connection, older_than)
            if not signals:
                break
            for signal_id in signals:
                accounts = 1
                while accounts:
                    async with self._pool.acquire() as connection:
                        accounts = await retention.prune_accounts(connection, signal_id)
                        if not accounts:
                            await retention.end_signal(connection, signal_id)
                    total, batches = total + accounts, batches + 1
                    await asyncio.sleep(self._pause_s)
        return total

    async def _chunks(self, older_than: timedelta) -> int:
        total, after = 0, 0
        for _ in range(MAX_BATCHES_A_RUN):
            async with self._pool.acquire() as connection:
                gone, last = await retention.prune_chunks(connection, after, older_than)
            total += gone
            if last is None:
                break
            after = last
            await asyncio.sleep(self._pause_s)
        return total

    async def _plain(self, prune: Callable[[Connection, timedelta], Awaitable[int]], older_than: timedelta) -> int:
        total = 0
        for _ in range(MAX_BATCHES_A_RUN):
            async with self._pool.acquire() as connection:
                gone = await prune(connection, older_than)
            if not gone:
                break
            total += gone
            await asyncio.sleep(self._pause_s)
        return total

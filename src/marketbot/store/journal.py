"""Execution's journal: rows are gathered for a moment and committed together, appended, never updated in bulk.

Rows are copied in; where one of them is there already the batch is inserted anew with ON CONFLICT DO NOTHING, so a chunk that is run
twice is written once. When the store is
away the batch is kept and tried again; the bound on what is kept makes writers wait in ``durable``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import structlog

from marketbot.domain.execution_report import OrderReport
from marketbot.domain.key_reason import KeyReason
from marketbot.domain.live import Changed, tell_nobody
from marketbot.domain.order import OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.execution.run import IntentRun, LegRun
from marketbot.ports import Tell
from marketbot.store.journal_rows import (
    EVENT_COLUMNS,
    OUTCOME_COLUMNS,
    Row,
    event_lines,
    one_piece,
    outcome_lines,
    position_arrays,
)
from marketbot.store.pool import Pool, is_unavailable

GATHER_S = 0.008
"""How long the first row of a batch waits for company."""
FULL_BATCH_ROWS = 1_000
"""A batch of this size is written at once."""
KEPT_ROWS_MAX = 200_000
"""Rows kept while the store is away; beyond it no new chunk is claimed (see ``is_full``)."""
RETRY_DELAYS_S = (0.05, 0.1, 0.25, 0.5, 1.0)
DETAIL_MAX_CHARS = 300

_SQL = Path(__file__).with_name("sql")
ORDER_EVENTS = (_SQL / "append_order_events.sql").read_text()
OUTCOMES = (_SQL / "append_outcomes.sql").read_text()
POSITIONS = (_SQL / "upsert_positions.sql").read_text()
PLAN_ORDER = (_SQL / "plan_order.sql").read_text()
SET_LEVERAGE = (_SQL / "set_leverage.sql").read_text()
QUARANTINE = (_SQL / "quarantine.sql").read_text()

log = structlog.get_logger(__name__)


class _Batch:
    """Rows that are committed together."""

    __slots__ = ("done", "events", "outcomes", "positions")

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.outcomes: list[Row] = []
        self.positions: dict[tuple[int, str, str], Row] = {}
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def rows(self) -> int:
        return len(self.events) + len(self.outcomes) + len(self.positions)


class PostgresJournal:
    """Implements ``execution.journal.Journal`` on a pool; ``start`` before use, ``close`` writes out what is left.

    ``tell`` hears whose orders and positions moved, once that is committed.
    """

    def __init__(self, pool: Pool, on_commit: Callable[[int, float], None] | None = None, tell: Tell = tell_nobody) -> None:
        self._pool = pool
        self._tell = tell
        self._on_commit = on_commit
        self._batch: _Batch | None = None
        self._kept = 0
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._write_batches())

    async def close(self) -> None:
        self._closing = True
        self._work.set()
        if self._task is not None:
            await self._task

    @property
    def is_full(self) -> bool:
        return self._kept >= KEPT_ROWS_MAX

    def __repr__(self) -> str:
        return f"<PostgresJournal kept={self._kept}>"

    def order_moved(self, run: IntentRun, leg: LegRun, left: OrderState, at: datetime, report: OrderReport | None = None) -> None:
        leg.seq += 1
        fault = report.fault if report is not None else None
        (self._batch or self._open()).events.append(
            (
                run.signal_id,
                run.account_id,
                leg.leg,
                leg.attempt,
                leg.seq,
                run.user_id,
                left,
                leg.state,
                leg.venue_order_id,
                leg.filled_qty or None,
                leg.average_price or None,
                fault.error_class if fault is not None else None,
                fault.code if fault is not None else None,
                fault.text[:DETAIL_MAX_CHARS] if fault is not None else None,
                at,
            )
        )
        self._kept += 1

    def position(
        self,
        run: IntentRun,
        state: ProtectionState,
        at: datetime,
        *,
        qty: Decimal,
        entry_price: Decimal,
        closed_by: str | None = None,
        exit_price: Decimal | None = None,
    ) -> None:
        closed = state is ProtectionState.CLOSED
        (self._batch or self._open()).positions[run.account_id, run.symbol, run.side] = (
            run.account_id,
            run.symbol,
            run.side,
            run.user_id,
            run.signal_id,
            state,
            qty,
            entry_price,
            run.stop_price,
            run.target_price,
            run.filled_at or at,
            at if state is ProtectionState.PROTECTED else None,
            at if closed else None,
            closed_by,
            exit_price,
        )
        self._kept += 1

    def finished(
        self, run: IntentRun, result: str, at: datetime, *, reason: str | None = None, detail: str | None = None
    ) -> None:
        (self._batch or self._open()).outcomes.append(
            (
                run.signal_id,
                run.account_id,
                run.user_id,
                result,
                reason,
                detail[:DETAIL_MAX_CHARS] if detail else None,
                run.claimed_ms,
                run.sent_ms,
                run.acked_ms,
                run.protected_ms,
                run.attempts,
                at,
            )
        )
        self._kept += 1

    async def order_planned(self, run: IntentRun, leg: LegRun, at: datetime) -> None:
        await self._insist(
            PLAN_ORDER,
            (
                run.signal_id,
                run.account_id,
                leg.leg,
                leg.attempt,
                run.user_id,
                leg.client_order_id,
                run.symbol,
                run.side,
                run.qty,
                leg.trigger_price,
                at,
            ),
        )

    async def leverage_set(self, run: IntentRun, leverage: Decimal) -> None:
        await self._insist(SET_LEVERAGE, (run.account_id, run.user_id, run.symbol, leverage))

    async def quarantine(self, run: IntentRun, reason: str) -> None:
        told = reason[:DETAIL_MAX_CHARS]
        await self._insist(QUARANTINE, (run.account_id, run.user_id, told, KeyReason.KEY_REFUSED.value, {"text": told}))
        self._tell([run.user_id], Changed.ACCOUNTS)

    async def durable(self) -> None:
        batch = self._batch
        if batch is not None:
            await asyncio.shield(batch.done)
        elif self._writing is not None:
            await asyncio.shield(self._writing.done)

    _writing: _Batch | None = None

    def _open(self) -> _Batch:
        batch = self._batch = _Batch()
        self._work.set()
        return batch

    async def _write_batches(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if self._batch is not None:
                if self._batch.rows < FULL_BATCH_ROWS and not self._closing:
                    await asyncio.sleep(GATHER_S)
                batch = self._close_batch()
                await self._write(batch)
                self._writing = None
                batch.done.set_result(None)
            if self._batch is not None:
                self._work.set()
            elif self._closing:
                return

    def _close_batch(self) -> _Batch:
        assert self._batch is not None
        self._writing, self._batch = self._batch, None
        return self._writing

    async def _write(self, batch: _Batch) -> None:
        loop = asyncio.get_running_loop()
        rows = batch.rows
        tries = 0
        while True:
            started_s = loop.time()
            try:
                positions = list(batch.positions.values())
                if not await self._copy(batch.events, batch.outcomes, positions):
                    await self._commit(batch.events, batch.outcomes, positions)
                break
            except Exception as error:  # noqa: BLE001 - a batch must not be lost, whatever went wrong
                if not is_unavailable(error):
                    log.critical("journal_batch_refused", error=str(error), rows=rows)
                    await self._write_one_by_one(batch)
                    break
                log.warning("journal_waits_for_store", error=type(error).__name__, rows=rows)
                await asyncio.sleep(RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)])
                tries += 1
        self._kept = max(0, self._kept - rows)
        if self._batch is None:
            self._kept = 0
        if self._on_commit is not None:
            self._on_commit(rows, loop.time() - started_s)
        self._tell_of(batch)

    def _tell_of(self, batch: _Batch) -> None:
        """Pass on whom the batch concerns; the columns are those of ``journal_rows``."""
        if batch.events:
            self._tell({row[5] for row in batch.events}, Changed.ORDERS)
        if batch.positions:
            self._tell({row[3] for row in batch.positions.values()}, Changed.POSITIONS)
        if batch.outcomes:
            self._tell({row[2] for row in batch.outcomes}, Changed.SIGNALS, {row[0] for row in batch.outcomes})

    async def _commit(self, events: list[Row], outcomes: list[Row], positions: list[Row]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if events:
                await connection.execute(ORDER_EVENTS, *zip(*events, strict=True))
            if positions:
                await connection.execute(POSITIONS, *position_arrays(positions))
            if outcomes:
                await connection.execute(OUTCOMES, *zip(*outcomes, strict=True))

    async def _copy(self, events: list[Row], outcomes: list[Row], positions: list[Row]) -> bool:
        """Commit rows that are new, the cheap way; False, and nothing written, when one of them is there already."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if events:
                    await connection.copy_to_table(
                        "order_event", source=one_piece(event_lines(events)), columns=EVENT_COLUMNS, format="text"
                    )
                if positions:
                    await connection.execute(POSITIONS, *position_arrays(positions))
                if outcomes:
                    await connection.copy_to_table(
                        "outcome", source=one_piece(outcome_lines(outcomes)), columns=OUTCOME_COLUMNS, format="text"
                    )
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def _write_one_by_one(self, batch: _Batch) -> None:
        """Keep the good rows of a batch that holds a bad one; a row the schema refuses is a bug, and says so loudly."""
        single: list[tuple[list[Row], list[Row], list[Row]]] = [([row], [], []) for row in batch.events]
        single += [([], [], [row]) for row in batch.positions.values()]
        single += [([], [row], []) for row in batch.outcomes]
        for events, outcomes, positions in single:
            tries = 0
            while True:
                try:
                    await self._commit(events, outcomes, positions)
                    break
                except Exception as error:  # noqa: BLE001 - as above
                    if not is_unavailable(error):
                        row = (events or outcomes or positions)[0]
                        log.critical("journal_row_refused", error=str(error), signal_id=row[0], account_id=row[1])
                        break
                    await asyncio.sleep(RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)])
                    tries += 1

    async def _insist(self, statement: str, arguments: Row) -> None:
        """Run one statement, waiting for the store as long as it takes: what follows may only happen once it is stored."""
        tries = 0
        while True:
            try:
                await self._pool.execute(statement, *arguments)
                return
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)])
                tries += 1

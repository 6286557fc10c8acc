"""Writes refusals in batches, behind the answers. A flood drops the oldest rows, counted, and never slows a signal."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime

from marketbot.api.database import Database
from marketbot.domain.ids import SourceId
from marketbot.intake.refused import Refused, StoreAway
from marketbot.observability.logs import logger
from marketbot.observability.metrics import count_refusals_dropped, count_refused
from marketbot.store.refusals import RefusalRow, write_refusals

MAX_WAITING = 4096
MAX_BATCH = 500
FLUSH_PAUSE_S = 0.2
"""Between two batches, so that a flood costs at most a few batches a second."""
AWAY_PAUSE_S = 1.0
LAST_FLUSH_TIMEOUT_S = 2.0

log = logger(__name__)


class BatchedRefusalLog:
    """Counts a refusal at once and writes it soon."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[RefusalRow] = deque()
        self._nudge = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<BatchedRefusalLog {len(self._waiting)} of {MAX_WAITING} waiting>"

    def record(
        self, source_id: SourceId | None, refused: Refused, address: str, body_sha256: bytes | None, refused_at: datetime
    ) -> None:
        count_refused(refused.reason)
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            count_refusals_dropped(1)
        self._waiting.append(RefusalRow(source_id, refused.reason, refused.detail, address, body_sha256, refused_at))
        self._nudge.set()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="refusal log")

    async def stop(self) -> None:
        """Write what waits, within a bounded time."""
        with suppress(TimeoutError, StoreAway):
            async with asyncio.timeout(LAST_FLUSH_TIMEOUT_S):
                # A batch that is being written is let through: broken off, it might be written twice.
                async with self._writing:
                    if self._task is not None:
                        self._task.cancel()
                        with suppress(asyncio.CancelledError):
                            await self._task
                while self._waiting:
                    await self._write_batch()

    async def _run(self) -> None:
        while True:
            await self._nudge.wait()
            self._nudge.clear()
            try:
                while self._waiting:
                    async with self._writing:
                        await self._write_batch()
                    await asyncio.sleep(FLUSH_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - the outermost loop: the log must outlive whatever one batch meets
                log.warning("refusals_not_written", error=type(error).__name__, waiting=len(self._waiting))
                await asyncio.sleep(AWAY_PAUSE_S)
                self._nudge.set()

    async def _write_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            async with self._database.connection() as connection:
                await write_refusals(connection, batch)
        except (StoreAway, asyncio.CancelledError):
            room = MAX_WAITING - len(self._waiting)
            kept = batch[len(batch) - min(room, len(batch)) :]
            count_refusals_dropped(len(batch) - len(kept))
            self._waiting.extendleft(reversed(kept))
            raise
        except Exception:
            # Another try would meet the same: such a batch must not stand in the way of the next.
            count_refusals_dropped(len(batch))
            raise

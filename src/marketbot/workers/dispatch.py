"""The loop that claims chunks and has them executed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from marketbot.accounts.keyring import Keyring
from marketbot.dispatch.slots import Slots, claims
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.venue import Market
from marketbot.execution.executor import Executor
from marketbot.execution.run import ClaimedChunk, IntentRun
from marketbot.store import chunks
from marketbot.store.listen import Listener
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.runs import load_runs

POLL_S = 0.25
"""The slow poll that finds what a lost nudge left."""
AGAIN_AFTER_S = 1.0
"""The wait before a chunk that failed here is given back to the queue."""

log = structlog.get_logger(__name__)


class Dispatcher:
    """Claims within the slots' bounds and runs each chunk as a task of its own."""

    def __init__(
        self,
        pool: Pool,
        executor: Executor,
        keyring: Keyring,
        instruments: Callable[[Market, Symbol], Instrument | None],
        *,
        tag: str,
        worker: Callable[[], int],
        window: Callable[[], timedelta],
        may_claim: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._executor = executor
        self._keyring = keyring
        self._instruments = instruments
        self._tag = tag
        self._worker = worker
        self._window = window
        self._may_claim = may_claim
        self.slots = Slots()
        self.open: dict[int, ClaimedChunk] = {}
        self._took_over = False
        self._left_waiting = False
        """Whether the last round left chunks in the queue for want of room, so that room is a reason for another."""
        self._drain_s: float | None = None
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Tell whether orders are on their way, or may be: what a killed engine left has not been looked for yet."""
        return not self._took_over or bool(self.open)

    def drain(self, within_s: float) -> None:
        """Claim nothing more; ``run`` returns once what is on its way has ended, or after ``within_s``."""
        self._drain_s = within_s
        self._wake.set()

    async def run(self, listener: Listener) -> None:
        """Claim until drained or cancelled; chunks still in hand then are cancelled and go back by way of the worker's lock."""
        nudges = asyncio.create_task(self._forward_nudges(listener))
        try:
            while self._drain_s is None:
                if not await self._claim_round():
                    await self._wake.wait()
                    self._wake.clear()
            if self._tasks:
                log.info("draining", chunks=len(self._tasks), within_s=self._drain_s)
                _, left = await asyncio.wait(self._tasks, timeout=self._drain_s)
                log.info("drained", chunks_left=len(left))
        finally:
            nudges.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(nudges, *self._tasks, return_exceptions=True)

    async def _forward_nudges(self, listener: Listener) -> None:
        while True:
            await listener.wait("chunk", POLL_S)
            self._wake.set()

    async def _claim_round(self) -> bool:
        """Claim what there is room for; True when something was claimed."""
        if not self._may_claim():
            return False
        try:
            if not self._took_over:
                # What a killed engine had begun comes before anything new of the same accounts: a position may be without a stop.
                await chunks.release_of_the_dead(self._pool, self._worker())
            waiting = await chunks.waiting(self._pool)
            claimed = 0
            for lane, limit in claims(self.slots.by_lane, waiting):
                if self._drain_s is not None:
                    break
                found = await chunks.claim(self._pool, self._worker(), lane, full=self.slots.full_markets(), limit=limit)
                begun_before = [self._start(chunk) for chunk in found if chunk.attempts > 1]
                # Only once these stand in line for their accounts may newer work do so.
                await asyncio.gather(*(loaded.wait() for loaded in begun_before))
                for chunk in found:
                    if chunk.attempts == 1:
                        self._start(chunk)
                claimed += len(found)
            self._took_over = True
            self._left_waiting = claimed < sum(waiting.values())
            return claimed > 0
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.warning("dispatch_waits_for_store", error=type(error).__name__)
            await asyncio.sleep(POLL_S)
            return False

    def _start(self, chunk: ClaimedChunk) -> asyncio.Event:
        """Run a chunk as a task of its own; the event is set once its runs are loaded, or cannot be."""
        self.slots.take(chunk.lane, chunk.market, len(chunk.account_ids))
        self.open[chunk.chunk_id] = chunk
        loaded = asyncio.Event()
        task = asyncio.create_task(self._run_chunk(chunk, loaded), name=f"chunk-{chunk.chunk_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return loaded

    async def _run_chunk(self, chunk: ClaimedChunk, loaded: asyncio.Event) -> None:
        held = len(chunk.account_ids)

        def free_slot() -> None:
            nonlocal held
            if held:
                held -= 1
                self.slots.free(chunk.lane, chunk.market)
                if held == 0 and self._left_waiting:
                    self._wake.set()

        try:
            try:
                if chunk.lane is Lane.RISK_REDUCING:
                    self._executor.note_held(chunk.account_ids)
                runs = await self._load(chunk)
            finally:
                loaded.set()
            for _ in range(len(chunk.account_ids) - len(runs)):
                free_slot()
            await self._executor.run(runs, free_slot)
            await self._finish(chunk)
        except Exception as error:  # noqa: BLE001 - one chunk's failure must not stop the others
            # What is stored is the truth: the chunk is given back and begun again from there.
            level = log.warning if is_unavailable(error) else log.exception
            level("chunk_interrupted", chunk_id=chunk.chunk_id, signal_id=chunk.signal_id, error=str(error))
            await asyncio.sleep(AGAIN_AFTER_S)
            await self._give_back(chunk)
        finally:
            self.slots.free(chunk.lane, chunk.market, held)
            self.open.pop(chunk.chunk_id, None)
            if self._left_waiting:
                self._wake.set()

    async def _load(self, chunk: ClaimedChunk) -> list[IntentRun]:
        credentials = await self._keyring.credentials(chunk.account_ids)
        return await load_runs(
            self._pool, chunk, tag=self._tag, credentials=credentials, instruments=self._instruments, window=self._window()
        )

    async def _finish(self, chunk: ClaimedChunk) -> None:
        while True:
            try:
                await chunks.finish(self._pool, self._worker(), chunk.chunk_id)
                self.open.pop(chunk.chunk_id, None)
                # Whoever ends last sees the others' ends, for each is committed before it asks.
                if all(other.signal_id != chunk.signal_id for other in self.open.values()):
                    await chunks.settle_signal(self._pool, chunk.signal_id)
                return
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(POLL_S)

    async def _give_back(self, chunk: ClaimedChunk) -> None:
        while True:
            try:
                await chunks.give_back(self._pool, self._worker(), chunk.chunk_id)
                return
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(POLL_S)

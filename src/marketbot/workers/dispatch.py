"""The loop that claims chunks and has them executed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from marketbot.accounts.keyring import Keyring
from marketbot.dispatch.slots import Slots, claims
from marketbot.domain.ids import AccountId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.venue import Market
from marketbot.execution.executor import Executor
from marketbot.execution.run import ClaimedChunk, IntentRun
from marketbot.observability.traces import Span, span
from marketbot.store import chunks
from marketbot.store.listen import Listener
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.runs import load_runs
from marketbot.store.workers import read_slots
from marketbot.workers.ownership import Ownership

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
        ownership: Ownership,
        window: Callable[[], timedelta],
        may_claim: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._executor = executor
        self._keyring = keyring
        self._instruments = instruments
        self._tag = tag
        self._ownership = ownership
        self._window = window
        self._may_claim = may_claim
        self.slots = Slots()
        self.open: dict[int, ClaimedChunk] = {}
        self._loading: dict[ClaimedChunk, Sequence[AccountId]] = {}
        self._has_looked = False
        self._left_waiting = False
        """Whether the last round left chunks in the queue for want of room, so that room is a reason for another."""
        self._drain_s: float | None = None
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Tell whether orders are on their way, or may be: what a killed engine left has not been looked for yet."""
        return not self._has_looked or bool(self.open)

    def accounts_being_loaded(self) -> Iterator[AccountId]:
        """Yield the accounts that this worker has decided to act for and whose runs have not begun."""
        for accounts in self._loading.values():
            yield from accounts

    def wake(self) -> None:
        """Look for work: the slots that this worker holds have changed."""
        self._wake.set()

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
        if not self._may_claim() or not self._ownership.is_settled:
            return False
        worker = self._ownership.worker
        try:
            waiting = await chunks.waiting(self._pool, worker)
            claimed = 0
            for lane, limit in claims(self.slots.by_lane, waiting):
                if self._drain_s is not None:
                    break
                found = await chunks.claim(self._pool, worker, lane, full=self.slots.full_markets(), limit=limit)
                begun_before = [self._start(chunk) for chunk in found if chunk.attempts > 1]
                # Only once these stand in line for their accounts may newer work do so.
                await asyncio.gather(*(loaded.wait() for loaded in begun_before))
                for chunk in found:
                    if chunk.attempts == 1:
                        self._start(chunk)
                claimed += len(found)
            self._has_looked = True
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
        with span(
            Span.CHUNK,
            chunk_id=chunk.chunk_id,
            signal_id=chunk.signal_id,
            lane=chunk.lane.name.lower(),
            market=str(chunk.market),
            accounts=len(chunk.account_ids),
            attempt=chunk.attempts,
        ):
            await self._work_off(chunk, loaded)

    async def _work_off(self, chunk: ClaimedChunk, loaded: asyncio.Event) -> None:
        held = len(chunk.account_ids)

        def free_slot() -> None:
            nonlocal held
            if held:
                held -= 1
                self.slots.free(chunk.lane, chunk.market)
                if held == 0 and self._left_waiting:
                    self._wake.set()

        handed: asyncio.Task[None] | None = None
        part = chunk
        try:
            try:
                part, coming = await self._take_mine(chunk)
                runs = await self._load(part)
            finally:
                loaded.set()
            for _ in range(held - len(runs)):
                free_slot()
            if coming:
                handed = asyncio.create_task(self._run_handed(replace(chunk, account_ids=coming)))
            await self._execute(part, runs, free_slot)
            if handed is not None:
                await handed
            await self._finish(chunk)
        except Exception as error:  # noqa: BLE001 - one chunk's failure must not stop the others
            # What is stored is the truth: the chunk is given back and begun again from there.
            level = log.warning if is_unavailable(error) else log.exception
            level("chunk_interrupted", chunk_id=chunk.chunk_id, signal_id=chunk.signal_id, error=str(error))
            await asyncio.sleep(AGAIN_AFTER_S)
            await self._give_back(chunk)
        finally:
            if handed is not None:
                handed.cancel()
                await asyncio.gather(handed, return_exceptions=True)
            self._loading.pop(part, None)
            self.slots.free(chunk.lane, chunk.market, held)
            self.open.pop(chunk.chunk_id, None)
            if self._left_waiting:
                self._wake.set()

    async def _take_mine(self, chunk: ClaimedChunk) -> tuple[ClaimedChunk, tuple[AccountId, ...]]:
        """Return the part of a chunk that is this worker's, and the accounts that are being handed to it.

        The part counts as being loaded from here on. What is another worker's goes back to the queue, for that worker.
        """
        if self._ownership.is_sole:
            self._loading[chunk] = chunk.account_ids
            return chunk, ()
        credentials = await self._keyring.credentials(chunk.account_ids)

        def egress_of(account_id: AccountId) -> int:
            return credentials[account_id].egress if account_id in credentials else 0

        me, exits = self._ownership.worker, chunk.lane is Lane.RISK_REDUCING
        mine, coming, others = list[AccountId](), list[AccountId](), dict[AccountId, int]()
        for account_id in chunk.account_ids:
            egress = egress_of(account_id)
            now, later = self._ownership.owner(egress, account_id), self._ownership.next_owner(egress, account_id)
            # An exit is its account's owner's until the hand-over; entries wait for it, or a slot would never be idle.
            if now == me and (exits or later == me):
                mine.append(account_id)
            elif later == me:
                coming.append(account_id)
            else:
                others[account_id] = later
        part = replace(chunk, account_ids=tuple(mine))
        self._loading[part] = part.account_ids
        if others and (fresh := await read_slots(self._pool, self._ownership.version)) is not None:
            # This worker's copy of the map is late, and it may be the one that is meant.
            for account_id in others:
                others[account_id] = fresh[1].next_owner(egress_of(account_id), account_id)
            coming += [account_id for account_id, later in others.items() if later == me]
            others = {account_id: later for account_id, later in others.items() if later != me}
        if others:
            await chunks.split(self._pool, me, chunk.chunk_id, others)
        return part, tuple(coming)

    async def _load(self, part: ClaimedChunk) -> list[IntentRun]:
        if part.lane is Lane.RISK_REDUCING:
            self._executor.note_held(part.account_ids)
        credentials = await self._keyring.credentials(part.account_ids)
        return await load_runs(
            self._pool, part, tag=self._tag, credentials=credentials, instruments=self._instruments, window=self._window()
        )

    async def _execute(self, part: ClaimedChunk, runs: Sequence[IntentRun], free_slot: Callable[[], None]) -> None:
        self._loading.pop(part, None)  # from here the executor knows them
        await self._executor.run(runs, free_slot)

    async def _run_handed(self, coming: ClaimedChunk) -> None:
        """Run accounts as their slots come in; those that go elsewhere after all go back to the queue."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                changed = self._ownership.changed
                part, later = await self._take_mine(coming)
                running.add(asyncio.create_task(self._execute(part, await self._load(part), _no_slot)))
                if not later:
                    break
                coming = replace(coming, account_ids=later)
                await changed.wait()
            for task in running:
                await task
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _finish(self, chunk: ClaimedChunk) -> None:
        while True:
            try:
                await chunks.finish(self._pool, self._ownership.worker, chunk.chunk_id)
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
                await chunks.give_back(self._pool, self._ownership.worker, chunk.chunk_id)
                return
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(POLL_S)


def _no_slot() -> None:
    """Accounts that waited for their slot gave their place among those on their way back before."""

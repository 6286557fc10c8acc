"""A worker's sign of life, the taking over of the dead, and the handing over among the living."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from marketbot.dispatch.ownership import NOBODY, Candidate, SlotMap, Word, share_out
from marketbot.domain.ids import AccountId
from marketbot.observability import metrics
from marketbot.store import chunks, workers
from marketbot.store.pool import Connection, DirectConnection, Pool, connect, is_unavailable
from marketbot.store.workers import LiveWorker, Process
from marketbot.workers.ownership import Ownership
from marketbot.workers.process import is_gone

POLL_S = 0.2
BEAT_S = 1.0
LEASE_S = 6.0
"""How long a worker that cannot be seen to have died is believed to live after its last sign. A position that it opened may be
without a stop for so long: with the look-up and the stop itself that stays within ten seconds."""
LEASE_MARGIN_S = 1.0
"""So much earlier the worker itself stops to believe it: clocks do not run alike."""
SETTLE_EVERY = 5
"""Rounds between looks for signals that are settled but do not say so."""
RECONNECT_S = 0.2
EXECUTOR = "executor"
_LIFE_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that goes on while the machine sleeps: a lease must not seem young after that."""

log = structlog.get_logger(__name__)


class Work(Protocol):
    """What a worker has in hand, and what it knows of accounts that their next owner should not have to find out again."""

    def slots_at_work(self) -> set[int]: ...

    def ensured_in(self, slots: Collection[int]) -> Iterable[tuple[int, Collection[AccountId]]]:
        """Return, by slot, the accounts that were compared with their venue."""
        ...

    def overspent_in(self, slots: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """Return, by slot and market, what was spent beyond the share that is left. The slots were given away just before."""
        ...

    def taken(self, slots: Collection[int], words: Sequence[Word]) -> None:
        """Learn what the former owners of these slots knew, those who left word; ``changed`` follows at once."""
        ...

    def changed(self) -> None:
        """The slots held are others now."""
        ...


class Presence:
    """Holds this worker's number, lock and lease; ends workers that are gone; takes and hands over slots."""

    def __init__(
        self, dsn: str, pool: Pool, process: Process, ownership: Ownership, *, life_clock: Callable[[], float] | None = None
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self.process = process
        self.ownership = ownership
        self.work: Work | None = None
        """Set before ``run`` by an executor."""
        self._life_clock = life_clock or (lambda: time.clock_gettime(_LIFE_CLOCK))
        self._connection: DirectConnection | None = None
        self._lease_until_s = 0.0
        self._beaten_at_s = 0.0
        self._silent: dict[int, tuple[datetime, float]] = {}
        self._divided: tuple[SlotMap, list[Candidate]] | None = None
        """The map and the executors that were last found to fit."""
        self._drains = self._drains_known = False
        self.worker = NOBODY

    @property
    def holds_lease(self) -> bool:
        """Tell whether nobody can have taken this worker for dead yet. Without it no entry may leave."""
        return self._life_clock() < self._lease_until_s

    async def enlist(self) -> int:
        """Take a number, or go on under one's own, and do the first round.

        Raises:
            WorkerEndedError: this worker was taken for dead.
        """
        asked_at_s = self._life_clock()
        self._connection = await connect(self._dsn, name=f"presence {self.process.instance}")
        self._connection.add_termination_listener(lambda _connection: self._lose_lease())
        self.worker = await workers.enlist(self._connection, self.process, self.worker or None)
        self.ownership.worker = self.worker
        self._silent.clear()
        self._renew(asked_at_s)
        await self.go_round()
        return self.worker

    async def close(self) -> None:
        """Give back what is held, at once and in order, so that nobody has to find out."""
        connection, self._connection = self._connection, None
        self._lease_until_s = 0.0
        if connection is None:
            return
        # Not by the session of the rounds: the last of them may have been cancelled in the middle of a transaction.
        connection.terminate()
        try:
            last = await connect(self._dsn, name=f"presence {self.process.instance}")
            try:
                await self._let_go(last)
            finally:
                last.terminate()
        except Exception as error:
            if not is_unavailable(error):
                raise

    def drain(self) -> None:
        """Take no more work, from the next round on; what is held goes to the others as it becomes idle."""
        self._drains = True

    async def run(self) -> None:
        """Keep the lease, take over and hand over, until cancelled.

        Raises:
            WorkerEndedError: this worker was taken for dead; nothing it does counts any more.
        """
        rounds = 0
        while True:
            await asyncio.sleep(POLL_S)
            rounds += 1
            try:
                if self._connection is None or self._connection.is_closed():
                    await self.enlist()
                await self.go_round()
                if rounds % SETTLE_EVERY == 0:
                    await chunks.settle(self._pool)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(RECONNECT_S)

    async def go_round(self) -> None:
        """Do one round: beat, bury, learn, divide, hand over. Never two at once: they share a session."""
        connection = self._connection
        assert connection is not None
        asked_at_s = self._life_clock()
        if asked_at_s - self._beaten_at_s >= BEAT_S:
            await workers.beat(connection, self.worker)
            self._renew(asked_at_s)
        if self._drains and not self._drains_known:
            await workers.drain(connection, self.worker)
            self._drains_known = True
        living = await self._bury(connection, await workers.live_workers(connection))
        await self._learn(connection)
        if EXECUTOR not in self.process.roles:
            return
        divided = (self.ownership.map, _candidates(living))
        if divided != self._divided:  # dividing thousands of slots takes milliseconds, and hardly ever does anything change
            if share_out(*divided) != self.ownership.map:
                await self._divide(connection)
                await self._learn(connection)
            else:
                self._divided = divided
        await self._hand_over(connection)

    async def _bury(self, connection: Connection, seen: list[LiveWorker]) -> list[LiveWorker]:
        """End the workers that are gone; return the living."""
        now_s = self._life_clock()
        before, self._silent = self._silent, {}
        living = []
        for each in seen:
            since = before.get(each.worker)
            if since is None or since[0] != each.seen_at:
                since = (each.seen_at, now_s)
            self._silent[each.worker] = since
            if each.worker == self.worker or (reason := self._why_gone(each, now_s - since[1])) is None:
                living.append(each)
                continue
            taken = await workers.end(connection, each.worker)
            metrics.count_takeover()
            log.warning("worker_taken_over", worker=each.worker, reason=reason, chunks=taken)
        return living

    def _why_gone(self, other: LiveWorker, silent_s: float) -> str | None:
        if is_gone(other.place, other.pid, other.started):
            return "its process has ended"
        # After the server itself was away, a worker that has not come back yet looks the same and is alive.
        if other.enlisted_since_start and not other.locked and not other.connected:
            return "its sessions have ended"
        return "its lease is over" if silent_s >= LEASE_S else None

    async def _learn(self, connection: Connection) -> None:
        found = await workers.read_slots(connection, self.ownership.version)
        if found is None:
            return
        new = set(found[1].held_by(self.worker)) - set(self.ownership.slots())
        if new and self.work is not None:
            self.work.taken(new, await workers.take_word(connection, sorted(new)))
        self._adopt(*found)

    async def _divide(self, connection: DirectConnection) -> None:
        async with connection.transaction():
            held = await workers.lock_slots(connection)
            wanted = share_out(held, _candidates(await workers.live_workers(connection)))
            if wanted != held:
                await workers.write_slots(connection, wanted)
                log.info("slots_divided", slots={worker: wanted.owners.count(worker) for worker in sorted(set(wanted.owners))})

    async def _hand_over(self, connection: DirectConnection) -> None:
        """Hand over the slots that are to go and in which nothing is in hand."""
        leaving = set(self.ownership.map.leaving(self.worker))
        if not leaving:
            return
        idle = leaving - (self.work.slots_at_work() if self.work is not None else set())
        if not idle:
            return
        ensured = dict(self.work.ensured_in(idle)) if self.work is not None else {}
        # Nothing may begin in them from here on, so it is forgotten before it is told; should telling fail, the store is asked again.
        self._adopt(0, self.ownership.map.handed_over(self.worker, idle))
        # Counted after the share became smaller: what is spent from here on stays within it.
        spent = self.work.overspent_in(idle) if self.work is not None else {}
        words = [Word(slot, ensured.get(slot, ()), spent.get(slot)) for slot in sorted(idle)]
        async with connection.transaction():
            held = await workers.lock_slots(connection)
            await workers.leave_word(connection, words)
            await workers.write_slots(connection, held.handed_over(self.worker, idle))
            await connection.execute("NOTIFY chunk")
        log.info("slots_handed_over", slots=len(idle))

    async def _let_go(self, connection: DirectConnection) -> None:
        """End this worker; slots without an heir are free for whoever divides them next."""
        await workers.end(connection, self.worker, cut_off=False)
        async with connection.transaction():
            held = await workers.lock_slots(connection)
            living = [each for each in await workers.live_workers(connection) if each.worker != self.worker]
            await workers.write_slots(connection, share_out(held, _candidates(living)))

    def _adopt(self, version: int, slots: SlotMap) -> None:
        self.ownership.learn(version, slots)
        metrics.set_worker_slots(len(self.ownership.slots()))
        if self.work is not None:
            self.work.changed()

    def _renew(self, asked_at_s: float) -> None:
        self._beaten_at_s = asked_at_s
        self._lease_until_s = asked_at_s + LEASE_S - LEASE_MARGIN_S

    def _lose_lease(self) -> None:
        """Without its session others may see this worker as gone at any moment."""
        self._lease_until_s = 0.0


def _candidates(living: Iterable[LiveWorker]) -> list[Candidate]:
    return [Candidate(each.worker, frozenset(each.egresses), each.draining) for each in living if EXECUTOR in each.roles]

"""Runs claimed chunks: every account of a chunk at once, each on its own, none waiting for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from marketbot.domain.ids import AccountId
from marketbot.domain.lane import Lane
from marketbot.domain.reasons import LapseReason
from marketbot.domain.side import Leg
from marketbot.execution.closing import run_exit
from marketbot.execution.desk import Desk, KeyLostError
from marketbot.execution.entry import run_entry
from marketbot.execution.locks import AccountLocks
from marketbot.execution.run import IntentRun

if TYPE_CHECKING:
    from collections.abc import Sequence


ENSURE_AGAIN_S = 1.0


class _Slot:
    """An account's place among those on their way, given back once: at its first answer, or when it waits for something else."""

    __slots__ = ("_freed", "_give_back")

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self._freed = False

    def free(self) -> None:
        if not self._freed:
            self._freed = True
            self._give_back()


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    runs: Sequence[IntentRun]
    tasks: Sequence[asyncio.Task[None]]


class Reconciliation(Protocol):
    """Whether an account has been compared with its venue since this process started."""

    def is_ensured(self, account_id: AccountId) -> bool: ...

    async def ensure(self, account_id: AccountId) -> bool:
        """Compare it now, once for all who ask; False when the venue could not be read."""
        ...


class Executor:
    """Brings every run of a chunk to its outcome; a run ends only with one."""

    def __init__(
        self, desk: Desk, locks: AccountLocks, reconciliation: Reconciliation, reload: Callable[[IntentRun], Awaitable[None]]
    ) -> None:
        """``reload`` reads anew what an exit's stop and target have become."""
        self.desk = desk
        self.locks = locks
        self._reconciliation = reconciliation
        self._reload = reload
        self._outdated: set[AccountId] = set()  # no more than there are accounts
        self._at_work: set[_Batch] = set()

    def note_held(self, account_ids: Iterable[AccountId]) -> None:
        """Call before runs are read: of an account that somebody holds, what is read may change before its turn comes."""
        self._outdated.update(each for each in account_ids if self.locks.is_held(each))

    def accounts_at_work(self) -> Iterator[tuple[int, AccountId]]:
        """Yield, with their egress, the accounts whose runs have not ended."""
        for batch in self._at_work:
            for run, task in zip(batch.runs, batch.tasks, strict=True):
                if not task.done():
                    yield run.credential.egress, run.account_id

    async def run(self, runs: Sequence[IntentRun], free_slot: Callable[[], None]) -> None:
        """Return once every run has its outcome stored. ``free_slot`` is called once per run, early."""
        if not runs:
            return
        tasks = [asyncio.create_task(self._run_one(run, free_slot)) for run in runs]
        batch = _Batch(runs, tasks)
        self._at_work.add(batch)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        finally:
            self._at_work.discard(batch)
        await self.desk.journal.durable()

    async def _run_one(self, run: IntentRun, free_slot: Callable[[], None]) -> None:
        slot = _Slot(free_slot)
        try:
            if run.lane is Lane.RISK_REDUCING:
                slot.free()
                self.note_held([run.account_id])
                async with self.locks.hold(run.account_id):
                    if run.account_id in self._outdated:
                        self._outdated.discard(run.account_id)
                        await self.desk.journal.durable()
                        await self._reload(run)
                    await run_exit(self.desk, run)
                return
            if not self._reconciliation.is_ensured(run.account_id):
                slot.free()
                await self._ensure(run)
            async with self.locks.hold(run.account_id):
                await run_entry(self.desk, run, slot.free)
        except KeyLostError:
            self._give_up(run)
        finally:
            slot.free()

    async def _ensure(self, run: IntentRun) -> None:
        """Have the account compared with its venue before its first entry; an entry whose window passes meanwhile will lapse.

        What another attempt at the chunk may have sent is looked up by the run itself, so a resumed one does not wait.
        """
        while not run.resumed and not await self._reconciliation.ensure(run.account_id):
            if self.desk.entry_is_barred(run) is not None:
                return
            await self.desk.clock.sleep(ENSURE_AGAIN_S)

    def _give_up(self, run: IntentRun) -> None:
        """End a run whose account nobody can act for; a position it holds stays on the list of unprotected ones."""
        entry = run.legs.get(Leg.ENTRY)
        held = run.lane is Lane.RISK_REDUCING or (entry is not None and entry.filled_qty > 0)
        reason = LapseReason.ACCOUNT_QUARANTINED
        if held:
            self.desk.watch.emergency(run, reason)
        self.desk.journal.finished(
            run, "ordered" if entry is not None and held else "lapsed", self.desk.clock.now(), reason=reason
        )
        self.desk.watch.finished(run, "lapsed", reason)

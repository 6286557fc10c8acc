"""Runs claimed chunks: every account of a chunk at once, each on its own, none waiting for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from marketbot.domain.ids import AccountId
from marketbot.domain.lane import Lane
from marketbot.domain.reasons import LapseReason
from marketbot.domain.side import Leg
from marketbot.execution.closing import run_exit
from marketbot.execution.desk import Desk, KeyLostError
from marketbot.execution.entry import run_entry
from marketbot.execution.run import IntentRun

if TYPE_CHECKING:
    from collections.abc import Sequence


ENSURE_AGAIN_S = 1.0


class _Hold:
    """An account's lock, with those who hold it or wait for it: it is forgotten with the last of them."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class _Turn:
    __slots__ = ("_account_id", "_held", "_hold")

    def __init__(self, held: dict[AccountId, _Hold], account_id: AccountId) -> None:
        self._held = held
        self._account_id = account_id
        hold = held.get(account_id)
        self._hold = hold if hold is not None else _Hold()

    async def __aenter__(self) -> None:
        # Between making and entering, others may have come and gone: what counts is who holds the account now.
        self._hold = self._held.setdefault(self._account_id, self._hold)
        self._hold.users += 1
        try:
            await self._hold.lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._hold.lock.release()
        self._leave()

    def _leave(self) -> None:
        self._hold.users -= 1
        if self._hold.users == 0:
            del self._held[self._account_id]


class AccountLocks:
    """One piece of work an account at a time: two signals, or a signal and reconciliation, never interleave their orders."""

    def __init__(self) -> None:
        self._held: dict[AccountId, _Hold] = {}

    def hold(self, account_id: AccountId) -> _Turn:
        """Return a context in which no other holder of this account is."""
        return _Turn(self._held, account_id)

    def is_held(self, account_id: AccountId) -> bool:
        return account_id in self._held

    def __len__(self) -> int:
        return len(self._held)


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


class Reconciliation(Protocol):
    """Whether an account has been compared with its venue since this process started."""

    def is_ensured(self, account_id: AccountId) -> bool: ...

    async def ensure(self, account_id: AccountId) -> bool:
        """Compare it now, once for all who ask; False when the venue could not be read."""
        ...


class Executor:
    """Brings every run of a chunk to its outcome; a run ends only with one."""

    def __init__(self, desk: Desk, locks: AccountLocks, reconciliation: Reconciliation) -> None:
        self.desk = desk
        self.locks = locks
        self._reconciliation = reconciliation

    async def run(self, runs: Sequence[IntentRun], free_slot: Callable[[], None]) -> None:
        """Return once every run has its outcome stored. ``free_slot`` is called once per run, early."""
        tasks = [asyncio.create_task(self._run_one(run, free_slot)) for run in runs]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        await self.desk.journal.durable()

    async def _run_one(self, run: IntentRun, free_slot: Callable[[], None]) -> None:
        slot = _Slot(free_slot)
        try:
            if run.lane is Lane.RISK_REDUCING:
                slot.free()
                async with self.locks.hold(run.account_id):
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

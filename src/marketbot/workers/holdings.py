"""What an executor has in hand and knows, slot by slot: what presence must ask before it lets go of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from marketbot.accounts.keyring import Keyring
from marketbot.dispatch.ownership import SLOTS_PER_EGRESS, Word, part_spent, told_spent
from marketbot.domain.ids import AccountId
from marketbot.execution.executor import Executor
from marketbot.reconciliation.reconcile import Reconciler
from marketbot.workers.dispatch import Dispatcher
from marketbot.workers.ownership import Ownership


class Holdings:
    """Fulfils ``presence.Work`` over the parts that act for accounts.

    ``overspent`` returns what was spent beyond this process's shares, by market and address; ``on_change`` is given what former owners
    told of that, likewise.
    """

    def __init__(
        self,
        ownership: Ownership,
        dispatcher: Dispatcher,
        executor: Executor,
        reconciler: Reconciler,
        keyring: Keyring,
        overspent: Callable[[], Mapping[str, Sequence[int]]],
        on_change: Callable[[Mapping[str, Mapping[int, int]]], None],
    ) -> None:
        self._ownership = ownership
        self._dispatcher = dispatcher
        self._executor = executor
        self._reconciler = reconciler
        self._keyring = keyring
        self._overspent = overspent
        self._on_change = on_change
        self._told: Mapping[str, Mapping[int, int]] = {}

    def slots_at_work(self) -> set[int]:
        """Return the slots with an account that is being loaded, run or reconciled."""
        at_work = self._ownership.slots_of(self._executor.accounts_at_work())
        for account_id in (*self._dispatcher.accounts_being_loaded(), *self._executor.locks.held()):
            at_work.update(self._slots_of(account_id))
        return at_work

    def ensured_in(self, slots: Collection[int]) -> Iterator[tuple[int, Collection[AccountId]]]:
        """Give the word for accounts of these slots and forget it here."""
        found: dict[int, list[AccountId]] = defaultdict(list)
        for account_id in self._reconciler.ensured():
            egress = self._keyring.egress_of(account_id)
            if egress is not None and (slot := self._ownership.map.slot_of(egress, account_id)) in slots:
                found[slot].append(account_id)
        for accounts in found.values():
            self._reconciler.forget_ensured(accounts)
        yield from found.items()

    def overspent_in(self, slots: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        return part_spent(self._overspent(), slots)

    def taken(self, slots: Collection[int], words: Sequence[Word]) -> None:
        self._reconciler.assume_ensured([account_id for word in words for account_id in word.ensured])
        self._told = told_spent(words, slots)

    def changed(self) -> None:
        told, self._told = self._told, {}
        self._on_change(told)

    def _slots_of(self, account_id: AccountId) -> Iterable[int]:
        """Return the slot of an account; every one that it could be in when its address is not at hand."""
        egress = self._keyring.egress_of(account_id)
        if egress is not None:
            return (self._ownership.map.slot_of(egress, account_id),)
        return range(account_id % SLOTS_PER_EGRESS, len(self._ownership.map.owners), SLOTS_PER_EGRESS)

"""What an executor has in hand and knows, slot by slot: what presence must ask before it lets go of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator

from marketbot.accounts.keyring import Keyring
from marketbot.dispatch.ownership import SLOTS_PER_EGRESS
from marketbot.domain.ids import AccountId
from marketbot.execution.executor import Executor
from marketbot.reconciliation.reconcile import Reconciler
from marketbot.workers.dispatch import Dispatcher
from marketbot.workers.ownership import Ownership


class Holdings:
    """Fulfils ``presence.Work`` over the parts that act for accounts."""

    def __init__(
        self,
        ownership: Ownership,
        dispatcher: Dispatcher,
        executor: Executor,
        reconciler: Reconciler,
        keyring: Keyring,
        on_change: Callable[[], None],
    ) -> None:
        self._ownership = ownership
        self._dispatcher = dispatcher
        self._executor = executor
        self._reconciler = reconciler
        self._keyring = keyring
        self._on_change = on_change

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

    def taken(self, ensured: Collection[AccountId]) -> None:
        self._reconciler.assume_ensured(ensured)

    def changed(self) -> None:
        self._on_change()

    def _slots_of(self, account_id: AccountId) -> Iterable[int]:
        """Return the slot of an account; every one that it could be in when its address is not at hand."""
        egress = self._keyring.egress_of(account_id)
        if egress is not None:
            return (self._ownership.map.slot_of(egress, account_id),)
        return range(account_id % SLOTS_PER_EGRESS, len(self._ownership.map.owners), SLOTS_PER_EGRESS)

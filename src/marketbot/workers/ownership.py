"""What this process knows of who acts for which account, and who waits for that to change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from fractions import Fraction

from marketbot.dispatch.ownership import NOBODY, SlotMap
from marketbot.domain.ids import AccountId
from marketbot.ports import Where


class Ownership:
    """This process's copy of the map. It may be late: a slot leaves an owner only by its own hand, or when it has been ended."""

    def __init__(self) -> None:
        self.worker = NOBODY
        self.map = SlotMap()
        self.version = 0
        self._is_sole = False
        self.changed = asyncio.Event()
        """Set when the map changes, and another one from then on: take it before looking at the map, wait for it after."""

    def __repr__(self) -> str:
        return f"<Ownership worker={self.worker} holds={len(self.map.held_by(self.worker))} of {len(self.map.owners)}>"

    @property
    def is_settled(self) -> bool:
        """Tell whether every slot has an owner."""
        return bool(self.map.owners) and NOBODY not in self.map.owners

    @property
    def is_sole(self) -> bool:
        """Tell whether everything is this worker's and stays so: nobody need be asked about an account then."""
        return self._is_sole

    @property
    def owns_first_slot(self) -> bool:
        """Tell whether this worker does what one of all is to do; nobody does for a moment while slots change hands."""
        return self.worker != NOBODY and self.map.owners[:1] == (self.worker,)

    def learn(self, version: int, slots: SlotMap) -> None:
        self.version, self.map = version, slots
        self._is_sole = self.worker != NOBODY and set(slots.owners) == {self.worker} and set(slots.heirs) == {NOBODY}
        self.changed.set()
        self.changed = asyncio.Event()

    def owns(self, egress: int, account_id: AccountId) -> bool:
        """Tell whether this worker may act for the account now."""
        return self._is_sole or (bool(self.map.owners) and self.map.owners[self.map.slot_of(egress, account_id)] == self.worker)

    def keeps(self, egress: int, account_id: AccountId) -> bool:
        """Tell whether this worker may act for the account and goes on doing so."""
        return self._is_sole or (self.owns(egress, account_id) and self.map.next_owner(egress, account_id) == self.worker)

    def next_owner(self, egress: int, account_id: AccountId) -> int:
        """Return who acts for the account once what is being handed over has been; nobody while that is not decided."""
        return self.map.next_owner(egress, account_id)

    def owner(self, egress: int, account_id: AccountId) -> int:
        return self.map.owners[self.map.slot_of(egress, account_id)] if self.map.owners else NOBODY

    def meant_for(self, egress: int, account_id: AccountId, is_exit: bool) -> int:
        """Return who shall claim an intent of the account: an exit does not wait for a hand-over."""
        return self.owner(egress, account_id) if is_exit else self.next_owner(egress, account_id)

    def slots(self) -> tuple[int, ...]:
        return self.map.held_by(self.worker)

    def share(self, egress: int) -> float:
        """Return how much of an address is this worker's, 0 to 1; of one that nobody has, what there is of the first."""
        shares = self.shares()
        return float(shares[egress] if egress < len(shares) else shares[0]) if shares else 0.0

    def shares(self) -> Sequence[Fraction]:
        """Return this worker's part of each egress address's budget."""
        return self.map.shares(self.worker)

    def slots_of(self, accounts: Iterable[tuple[int, AccountId]]) -> set[int]:
        """Return the slots of accounts given with their egress."""
        return {self.map.slot_of(egress, account_id) for egress, account_id in accounts} if self.map.owners else set()

    def where(self) -> Where:
        """Return what a statement needs to find this worker's accounts."""
        return Where(None if self._is_sole else list(self.slots()), self.map.egresses)

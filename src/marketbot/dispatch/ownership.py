"""Which executor may act for which account. Pure.

An account belongs to a slot, a slot to one executor at a time: all that an account's orders must be kept apart by (its lock, its place in
line, its share of an address's budget, its reconciliation) then lives in one process. A slot lies within one egress address, so an
address's budget is divided by counting slots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from marketbot.domain.ids import AccountId

SLOTS_PER_EGRESS = 16
"""So many executors can share one address, each with a sixteenth of its accounts and of its budget."""

NOBODY = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An executor that lives, and the egress addresses that its machine can send from. One that drains gets nothing more."""

    worker: int
    egresses: frozenset[int]
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """What an owner tells of a slot when it hands it over in order. One that dies tells nothing."""

    slot: int
    ensured: Collection[AccountId] = ()
    """Accounts that were compared with their venue."""
    spent: Mapping[str, int] | None = None
    """By market, the slot's part of what its owner spent beyond the share it keeps; a market that is missing is one it says nothing of."""


def part_spent(overspent: Mapping[str, Sequence[int]], slots: Collection[int]) -> dict[int, dict[str, int]]:
    """Divide what was spent beyond what is kept, by market and address, among the slots that go; rounded up, so never too little."""
    going = Counter(slot // SLOTS_PER_EGRESS for slot in slots)
    return {
        slot: {market: -(-units[egress] // going[egress]) for market, units in overspent.items() if egress < len(units)}
        for slot in slots
        for egress in (slot // SLOTS_PER_EGRESS,)
    }


def told_spent(words: Iterable[Word], slots: Collection[int]) -> dict[str, dict[int, int]]:
    """Return what the former owners of these slots told, by market and address. An address of which one slot came without is left out."""
    by_slot = {word.slot: word.spent or {} for word in words}
    came: dict[int, list[Mapping[str, int]]] = {}
    for slot in slots:
        came.setdefault(slot // SLOTS_PER_EGRESS, []).append(by_slot.get(slot, {}))
    told: dict[str, dict[int, int]] = {}
    for egress, spent in came.items():
        for market in set.intersection(*(set(each) for each in spent)):
            told.setdefault(market, {})[egress] = sum(each[market] for each in spent)
    return told


@dataclass(frozen=True, slots=True)
class SlotMap:
    """Who owns each slot, and who gets it next: an owner with an heir finishes what it has begun, then hands the slot over."""

    owners: tuple[int, ...] = ()
    heirs: tuple[int, ...] = ()

    @property
    def egresses(self) -> int:
        return len(self.owners) // SLOTS_PER_EGRESS

    def slot_of(self, egress: int, account_id: int) -> int:
        """Return an account's slot. An address that nobody has counts as the first, whose owner says what is wrong."""
        return (egress if 0 <= egress < self.egresses else 0) * SLOTS_PER_EGRESS + account_id % SLOTS_PER_EGRESS

    def next_owner(self, egress: int, account_id: int) -> int:
        """Return who acts for an account once what is being handed over has been; nobody while that is not decided."""
        if not self.owners:
            return NOBODY
        slot = self.slot_of(egress, account_id)
        return self.heirs[slot] or self.owners[slot]

    def held_by(self, worker: int) -> tuple[int, ...]:
        return tuple(slot for slot, owner in enumerate(self.owners) if owner == worker)

    def leaving(self, worker: int) -> tuple[int, ...]:
        """Return the slots that ``worker`` is to hand over."""
        return tuple(slot for slot in self.held_by(worker) if self.heirs[slot] != NOBODY)

    def shares(self, worker: int) -> tuple[Fraction, ...]:
        """Return the part of each address's budget that is ``worker``'s."""
        held = Counter(slot // SLOTS_PER_EGRESS for slot in self.held_by(worker))
        return tuple(Fraction(held[egress], SLOTS_PER_EGRESS) for egress in range(self.egresses))

    def handed_over(self, worker: int, slots: Collection[int]) -> SlotMap:
        """Return the map after ``worker`` let go of these slots; those it does not own, or that have no heir, stay."""
        gone = {slot for slot in slots if self.owners[slot] == worker and self.heirs[slot] != NOBODY}
        return SlotMap(
            tuple(self.heirs[slot] if slot in gone else owner for slot, owner in enumerate(self.owners)),
            tuple(NOBODY if slot in gone else heir for slot, heir in enumerate(self.heirs)),
        )


def share_out(held: SlotMap, candidates: Sequence[Candidate]) -> SlotMap:
    """Divide the slots evenly with as few moves as can be.

    A slot whose owner is gone goes to its next owner at once; one whose owner lives gets an heir. An address that no candidate can
    send from is served by any: its accounts' orders must end with a reason, not wait for ever.
    """
    takers = [each for each in candidates if not each.draining]
    alive = {each.worker for each in candidates}
    egresses = max((egress + 1 for each in candidates for egress in each.egresses), default=0)
    count = max(len(held.owners), egresses * SLOTS_PER_EGRESS)
    owners = [owner if owner in alive else NOBODY for owner in _padded(held.owners, count)]
    if not takers:
        return SlotMap(tuple(owners), (NOBODY,) * count)
    able = {each.worker: each.egresses for each in takers}
    future = [
        heir if heir in able else owner if owner in able else NOBODY
        for owner, heir in zip(owners, _padded(held.heirs, count), strict=True)
    ]
    served = frozenset[int]().union(*able.values())
    plan = _Plan(future, able, served)
    plan.give_away_free()
    plan.even_out()
    return SlotMap(
        tuple(owner or after for owner, after in zip(owners, plan.future, strict=True)),
        tuple(NOBODY if owner in (NOBODY, after) else after for owner, after in zip(owners, plan.future, strict=True)),
    )


class _Plan:
    """Who shall own each slot in the end."""

    def __init__(self, future: list[int], able: dict[int, frozenset[int]], served: frozenset[int]) -> None:
        self.future = future
        self._able = able
        self._served = served
        self._load = Counter(dict.fromkeys(able, 0))
        self._load.update(owner for owner in future if owner)
        self._within = Counter((owner, slot // SLOTS_PER_EGRESS) for slot, owner in enumerate(future) if owner)

    def give_away_free(self) -> None:
        for slot, owner in enumerate(self.future):
            egress = slot // SLOTS_PER_EGRESS
            if owner and self._may_serve(owner, egress):
                continue
            fit = [worker for worker in self._able if self._may_serve(worker, egress)]
            self._move(slot, min(fit, key=lambda worker: (self._load[worker], -self._within[worker, egress], worker)))

    def even_out(self) -> None:
        """Move single slots from who has most to who has least until they differ by one at most, or nothing can be moved."""
        while (move := self._best_move()) is not None:
            self._move(*move)

    def _best_move(self) -> tuple[int, int] | None:
        for donor in sorted(self._able, key=lambda worker: (-self._load[worker], worker)):
            for taker in sorted(self._able, key=lambda worker: (self._load[worker], worker)):
                if self._load[donor] - self._load[taker] < 2:
                    break
                slot = self._slot_to_move(donor, taker)
                if slot is not None:
                    return slot, taker
        return None

    def _slot_to_move(self, donor: int, taker: int) -> int | None:
        """Choose a slot of an address that the taker has most of already and the donor least: addresses are best kept whole."""

        def apart(slot: int) -> tuple[int, int, int]:
            egress = slot // SLOTS_PER_EGRESS
            return (-self._within[taker, egress], self._within[donor, egress], -slot)

        fit = self._slots_for(donor, taker)
        return min(fit, key=apart, default=None)

    def _slots_for(self, donor: int, taker: int) -> Iterable[int]:
        return (
            slot for slot, owner in enumerate(self.future) if owner == donor and self._may_serve(taker, slot // SLOTS_PER_EGRESS)
        )

    def _may_serve(self, worker: int, egress: int) -> bool:
        return egress in self._able[worker] or egress not in self._served

    def _move(self, slot: int, worker: int) -> None:
        egress, before = slot // SLOTS_PER_EGRESS, self.future[slot]
        if before:
            self._load[before] -= 1
            self._within[before, egress] -= 1
        self.future[slot] = worker
        self._load[worker] += 1
        self._within[worker, egress] += 1


def _padded(numbers: Sequence[int], count: int) -> list[int]:
    return [*numbers[:count], *([NOBODY] * (count - len(numbers)))]

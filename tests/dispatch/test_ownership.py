"""Dividing the slots among executors: everybody gets a fair part, little moves, and nothing is ever owned by two."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from marketbot.dispatch.ownership import NOBODY, SLOTS_PER_EGRESS, Candidate, SlotMap, share_out

ANNA, BRUNO, CARLA = 1, 2, 3


def candidate(worker: int, egresses: int = 1, *, draining: bool = False) -> Candidate:
    return Candidate(worker, frozenset(range(egresses)), draining)


def settled(slots: SlotMap) -> SlotMap:
    """Return the map once everybody has handed over."""
    for worker in set(slots.owners):
        slots = slots.handed_over(worker, slots.leaving(worker))
    return slots


def test_the_only_executor_owns_everything() -> None:
    slots = share_out(SlotMap(), [candidate(ANNA, 2)])
    assert slots == SlotMap((ANNA,) * 32, (NOBODY,) * 32)
    assert slots.shares(ANNA) == (Fraction(1), Fraction(1))


def test_a_second_one_is_heir_to_half_and_owns_it_only_when_it_is_handed_over() -> None:
    slots = share_out(share_out(SlotMap(), [candidate(ANNA)]), [candidate(ANNA), candidate(BRUNO)])
    assert set(slots.owners) == {ANNA}
    assert len(slots.leaving(ANNA)) == SLOTS_PER_EGRESS // 2
    some = slots.leaving(ANNA)[:3]
    partly = slots.handed_over(ANNA, some)
    assert partly.held_by(BRUNO) == some
    assert len(partly.leaving(ANNA)) == SLOTS_PER_EGRESS // 2 - 3
    assert share_out(partly, [candidate(ANNA), candidate(BRUNO)]) == partly, "what is decided stays decided"
    assert settled(slots).shares(BRUNO) == (Fraction(1, 2),)


def test_nobody_lets_go_of_what_is_not_his_or_has_no_heir() -> None:
    slots = share_out(share_out(SlotMap(), [candidate(ANNA)]), [candidate(ANNA), candidate(BRUNO)])
    assert slots.handed_over(BRUNO, range(SLOTS_PER_EGRESS)) == slots
    kept = [slot for slot in range(SLOTS_PER_EGRESS) if slot not in slots.leaving(ANNA)]
    assert slots.handed_over(ANNA, kept) == slots


def test_two_addresses_are_kept_whole_among_two_executors() -> None:
    both = [candidate(ANNA, 2), candidate(BRUNO, 2)]
    slots = settled(share_out(share_out(SlotMap(), both[:1]), both))
    assert sorted((slots.shares(ANNA), slots.shares(BRUNO))) == [(0, 1), (1, 0)]


def test_an_address_goes_only_to_machines_that_have_it() -> None:
    anna, bruno = Candidate(ANNA, frozenset({0})), Candidate(BRUNO, frozenset({1, 2}))
    slots = share_out(SlotMap(), [anna, bruno])
    assert slots.shares(ANNA) == (1, 0, 0)
    assert slots.shares(BRUNO) == (0, 1, 1)
    alone = share_out(slots, [anna])
    assert set(alone.owners) == {ANNA}, "an address that nobody has is served by any: its orders end with a reason"
    back = settled(share_out(alone, [anna, Candidate(CARLA, frozenset({1, 2}))]))
    assert back.shares(CARLA) == (0, 1, 1)


def test_one_who_drains_gets_nothing_and_gives_everything() -> None:
    both = [candidate(ANNA), candidate(BRUNO)]
    slots = settled(share_out(SlotMap(), both))
    slots = share_out(slots, [candidate(ANNA, draining=True), candidate(BRUNO)])
    assert len(slots.leaving(ANNA)) == SLOTS_PER_EGRESS // 2
    assert settled(slots).held_by(BRUNO) == tuple(range(SLOTS_PER_EGRESS))
    last = share_out(settled(slots), [candidate(BRUNO, draining=True)])
    assert last.leaving(BRUNO) == (), "with nobody to take over, the last one keeps what it has"


def test_an_account_of_an_unknown_address_belongs_to_a_slot_of_the_first() -> None:
    slots = share_out(SlotMap(), [candidate(ANNA, 2)])
    assert [slots.slot_of(egress, 35) for egress in (0, 1, 2, 99, -1)] == [3, 19, 3, 3, 3]


candidates = st.lists(
    st.builds(Candidate, st.integers(1, 6), st.frozensets(st.integers(0, 3), min_size=1, max_size=4), st.booleans()),
    max_size=5,
    unique_by=lambda each: each.worker,
)


@given(st.lists(candidates, max_size=6), st.randoms(use_true_random=False))
def test_whoever_comes_and_goes_every_slot_has_an_owner_and_moves_end(history: list[list[Candidate]], chance) -> None:  # type: ignore[no-untyped-def]
    slots = SlotMap()
    for living in history:
        before, slots = slots, share_out(slots, living)
        takers = {each.worker for each in living if not each.draining}
        alive = {each.worker for each in living}
        for slot, owner in enumerate(before.owners):
            if owner in alive:
                assert slots.owners[slot] == owner, "nothing is taken from the living"
        assert set(slots.owners) <= alive | {NOBODY}
        assert set(slots.heirs) <= takers | {NOBODY}
        if takers:
            assert NOBODY not in slots.owners
        assert share_out(slots, living) == slots
        for worker in alive:
            leaving = slots.leaving(worker)
            slots = slots.handed_over(worker, chance.sample(leaving, chance.randint(0, len(leaving))))


@given(st.integers(1, 5), st.integers(1, 4))
def test_slots_are_even_where_all_have_every_address(workers: int, egresses: int) -> None:
    slots = SlotMap()
    for count in range(1, workers + 1):
        slots = settled(share_out(slots, [candidate(number, egresses) for number in range(1, count + 1)]))
        held = Counter(slots.owners)
        assert max(held.values()) - min(held.values()) <= 1
        assert len(held) == count


def test_a_newcomer_moves_no_more_than_its_part() -> None:
    old = settled(share_out(SlotMap(), [candidate(ANNA, 2), candidate(BRUNO, 2)]))
    new = settled(share_out(old, [candidate(ANNA, 2), candidate(BRUNO, 2), candidate(CARLA, 2)]))
    moved = [slot for slot in range(32) if old.owners[slot] != new.owners[slot]]
    assert {new.owners[slot] for slot in moved} == {CARLA}
    assert len(moved) == 10

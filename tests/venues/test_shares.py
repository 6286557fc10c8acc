"""Several processes on one address: together never more than it allows, also while shares change hands; and a venue that says less."""

from __future__ import annotations

import asyncio
import random
from fractions import Fraction

import pytest

from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.venues.allowance import GROWTH_EVERY_S, HOLD_BACK_S, STEPS
from marketbot.venues.answer import Refusal
from marketbot.venues.egress_budget import ASK_EVERY_S, BYSTANDER_SHARE, MAX_BYSTANDERS
from marketbot.venues.limits import RESERVED_SHARE, USABLE_SHARE, Cost, Limits, Rule
from marketbot.venues.pace import NAP_S, Pace

from .clocks import HandClock

VENUE_LIMIT = 600
PERIOD_S = 60.0
USABLE = int(VENUE_LIMIT * USABLE_SHARE)
LIMITS = Limits(egress=Rule(USABLE, PERIOD_S), account={"orders": (Rule(300, 1.0),)})
ONE = Cost(1)
ORDER = Cost(0, "orders")
ALICE = AccountId(1)
SLOTS = 8


def process(clock: HandClock, *shares: Fraction) -> Pace:
    pace = Pace(LIMITS, egresses=len(shares), clock=clock)
    pace.set_shares(shares)
    return pace


def draw_all(pace: Pace, egress: int = 0, *, urgent: bool = True, account: AccountId | None = ALICE) -> int:
    """Draw units until there are none."""
    drawn = 0
    while pace.admit(egress, account, ONE, urgent):
        drawn += 1
    return drawn


def most_in_any_window(spent: list[tuple[float, int]]) -> int:
    return max((sum(units for at, units in spent if start <= at < start + PERIOD_S) for start, _ in spent), default=0)


@pytest.mark.parametrize("seed", range(12))
async def test_processes_that_pass_slots_on_never_exceed_the_address(seed: int) -> None:
    """Ordinary calls of all processes stay within the usable limit in every window, urgent ones within the venue's own."""
    dice = random.Random(seed)
    clock = HandClock()
    processes = [Pace(LIMITS, egresses=1, clock=clock) for _ in range(4)]
    owner = [0] * SLOTS
    ordinary: list[tuple[float, int]] = []
    every: list[tuple[float, int]] = []

    def share_out() -> None:
        for number, pace in enumerate(processes):
            pace.set_shares([Fraction(owner.count(number), SLOTS)])

    share_out()
    for _ in range(120):
        slot, to = dice.randrange(SLOTS), dice.randrange(len(processes))
        owner[slot] = to
        share_out()
        for _ in range(dice.randrange(4)):
            await clock.advance(dice.random() * PERIOD_S / 4)
            for number in dice.sample(range(len(processes)), 3):
                urgent = dice.random() < 0.3
                drawn = draw_all(processes[number], urgent=urgent)
                every.append((clock.monotonic(), drawn))
                if not urgent:
                    ordinary.append((clock.monotonic(), drawn))
    assert sum(units for _, units in every) > USABLE
    assert most_in_any_window(ordinary) <= USABLE
    assert most_in_any_window(every) <= VENUE_LIMIT


@pytest.mark.parametrize("seed", range(24))
async def test_processes_that_leave_word_of_what_they_spent_never_exceed_the_address(seed: int) -> None:
    """Some slots at a time, to several others, some of which die without a word, and the same ones again within a window."""
    dice = random.Random(seed)
    clock = HandClock()
    processes = [Pace(LIMITS, egresses=1, clock=clock) for _ in range(4)]
    owner = [dice.randrange(len(processes)) if seed % 2 else 0 for _ in range(SLOTS)]
    ordinary: list[tuple[float, int]] = []
    every: list[tuple[float, int]] = []

    def share_of(number: int) -> list[Fraction]:
        return [Fraction(owner.count(number), SLOTS)]

    for number, pace in enumerate(processes):
        pace.set_shares(share_of(number))
    for _ in range(150):
        leaver = owner[dice.randrange(SLOTS)]
        held = [slot for slot, each in enumerate(owner) if each == leaver]
        moved = {slot: dice.randrange(len(processes)) for slot in dice.sample(held, dice.randint(1, len(held)))}
        for slot in moved:
            owner[slot] = -1
        processes[leaver].set_shares(share_of(leaver))
        word = -(-processes[leaver].overspent()[0] // len(moved))
        orderly = dice.random() < 0.8
        for taker in set(moved.values()):
            mine = [slot for slot, to in moved.items() if to == taker]
            for slot in mine:
                owner[slot] = taker
            processes[taker].set_shares(share_of(taker), {0: word * len(mine)} if orderly else None)
        for _ in range(dice.randrange(4)):
            await clock.advance(dice.random() * PERIOD_S / 4)
            for number in dice.sample(range(len(processes)), 3):
                urgent = dice.random() < 0.3
                drawn = draw_all(processes[number], urgent=urgent)
                every.append((clock.monotonic(), drawn))
                if not urgent:
                    ordinary.append((clock.monotonic(), drawn))
    assert sum(units for _, units in every) > USABLE
    assert most_in_any_window(ordinary) <= USABLE
    assert most_in_any_window(every) <= VENUE_LIMIT


async def test_who_hands_over_in_order_leaves_no_more_to_assume_than_it_has_spent_beyond_its_part() -> None:
    clock = HandClock()
    leaver, taker = process(clock, Fraction(1, 2)), process(clock, Fraction(0))
    await clock.advance(PERIOD_S * 2)
    limit = int(leaver.state()[0]["limit"])
    spent = sum(leaver.admit(0, ALICE, ONE, urgent=False) for _ in range(limit // 2 + 10))
    leaver.set_shares([Fraction(1, 4)])
    (word,) = leaver.overspent()
    assert word == spent - leaver.state()[0]["limit"] > 0
    assert draw_all(leaver) == 0
    taker.set_shares([Fraction(1, 4)], {0: word})
    assert taker.assumes(0)
    assert draw_all(taker) == limit // 2 - word
    other = process(clock, Fraction(0))
    other.set_shares([Fraction(1, 4)], {0: 0})
    assert not other.assumes(0), "what its former owner did not spend is there at once"
    assert draw_all(other) == limit // 2


async def test_a_word_says_nothing_of_bystanders_nor_to_who_knew_nothing_of_an_address() -> None:
    clock = HandClock()
    whole = process(clock, Fraction(3, 4))
    await clock.advance(PERIOD_S * 2)
    whole.set_shares([Fraction(1)], {0: 0})
    assert whole.assumes(0), "they called through the first address until now"
    late = Pace(LIMITS, egresses=1, clock=clock)
    late.set_shares([Fraction(1, 2)], {0: 0})
    assert late.assumes(0)


async def test_who_lets_an_assumed_part_go_leaves_word_of_all_that_was_assumed_of_it() -> None:
    half = Fraction(1, 2)
    clock = HandClock()
    leaver, taker = process(clock, half), process(clock, Fraction(0))
    leaver.set_shares([Fraction(1)])
    leaver.set_shares([half])
    word = leaver.overspent()[0]
    taker.set_shares([half], {0: word})
    assert taker.assumes(0), "whoever died with it may have spent it"
    assert draw_all(taker, urgent=False) <= 1


async def test_shares_of_a_settled_division_sum_to_no_more_than_the_usable_limit() -> None:
    clock = HandClock()
    holders = [process(clock, Fraction(k, 7)) for k in (1, 2, 4)]
    bystanders = [process(clock, Fraction(0)) for _ in range(MAX_BYSTANDERS)]
    await clock.advance(2 * PERIOD_S)
    spent: list[tuple[float, int]] = []
    for _ in range(60):
        spent += [(clock.monotonic(), draw_all(pace)) for pace in holders]
        spent += [(clock.monotonic(), draw_all(pace, urgent=False, account=None)) for pace in bystanders]
        await clock.advance(PERIOD_S / 20)
    assert USABLE * 9 // 10 <= most_in_any_window(spent) <= USABLE


async def test_a_share_that_shrinks_counts_what_was_spent() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(1))
    spent = draw_all(pace)
    pace.set_shares([Fraction(1, 2)])
    assert draw_all(pace) == 0
    await clock.advance(PERIOD_S * 1.2)
    assert spent == USABLE
    assert draw_all(pace) == pace.state()[0]["limit"] < USABLE / 2 + 1


async def test_an_added_share_counts_as_spent_and_slides_out_but_a_stop_does_not_wait() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(0))
    await clock.advance(PERIOD_S * 2)
    pace.set_shares([Fraction(1, 4)])
    limit = int(pace.state()[0]["limit"])
    assert draw_all(pace, urgent=False) == 1, "whose answer may bring the venue's count"
    assert pace.assumes(0)
    assert draw_all(pace) == limit - int(limit * (1 - RESERVED_SHARE)) - 1
    await clock.advance(PERIOD_S * 1.2)
    assert not pace.assumes(0)
    assert draw_all(pace) == limit


async def test_the_venues_count_ends_an_assumption_that_it_disproves() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(1, 4))
    limit = int(pace.state()[0]["limit"])
    pace.note_egress_used(0, 7)
    assert draw_all(pace) == limit - 7
    await clock.advance(PERIOD_S * 1.2)
    assert draw_all(pace) == limit, "what was taken back is not taken back again when its slot leaves the window"


async def test_a_call_now_and_then_asks_for_the_count_that_ends_an_assumption() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(1, 4))
    assert [draw_all(pace, urgent=False), draw_all(pace, urgent=False)] == [1, 0]
    await clock.advance(ASK_EVERY_S)
    assert draw_all(pace, urgent=False) == 1
    waiting = asyncio.create_task(pace.wait(0, ALICE, ONE, urgent=False))
    await clock.advance(NAP_S)
    assert not waiting.done(), "a word of the venue may come before its time is up"
    pace.note_egress_used(0, 2)
    await clock.advance(NAP_S)
    assert await waiting is None
    assert draw_all(pace, urgent=False) > 1


async def test_no_call_asks_while_everything_that_is_reserved_is_spent() -> None:
    pace = process(HandClock(), Fraction(1, 4))
    draw_all(pace)
    assert not pace.admit(0, ALICE, ONE, urgent=False)


async def test_the_venues_count_of_everybody_only_slows_a_part() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(1, 4))
    await clock.advance(PERIOD_S * 1.2)
    limit = int(pace.state()[0]["limit"])
    pace.note_egress_used(0, USABLE)
    assert pace.state()[0]["used"] == 0, "everybody's use is not ours"
    pace.note_egress_used(0, (USABLE + VENUE_LIMIT) // 2)
    ordinary = int(limit * (1 - RESERVED_SHARE))
    assert draw_all(pace, urgent=False) == pytest.approx(ordinary / 2, abs=1)
    pace.note_egress_used(0, VENUE_LIMIT + 1)
    assert not pace.admit(0, ALICE, ONE, urgent=False)
    assert pace.admit(0, ALICE, ONE, urgent=True), "the margin is for what reduces risk"
    await clock.advance(HOLD_BACK_S + 0.1)
    assert pace.admit(0, ALICE, ONE, urgent=False)


async def test_an_address_without_a_share_is_not_called_through() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(0), Fraction(1, 2))
    await clock.advance(PERIOD_S * 2)
    assert pace.market_egress == 1
    for cost in (ONE, ORDER):
        assert not pace.admit(0, ALICE, cost, urgent=True)
    refusal = await pace.wait(0, ALICE, ORDER, urgent=True)
    assert isinstance(refusal, Refusal)
    assert (refusal.fault.error_class, refusal.fault.code, refusal.answered) == (
        ErrorClass.EGRESS_RATE,
        "address_not_held",
        False,
    )


async def test_a_process_without_any_share_reads_the_market_through_the_first_address() -> None:
    clock = HandClock()
    pace = process(clock, Fraction(0), Fraction(0))
    await clock.advance(PERIOD_S * 2)
    assert pace.market_egress == 0
    allowed = 0
    for _ in range(60):
        allowed += draw_all(pace, urgent=False, account=None)
        await clock.advance(1.0)
    assert 0 < allowed <= USABLE * BYSTANDER_SHARE * 2
    assert draw_all(pace, egress=1, urgent=False, account=None) == 0
    assert await pace.wait(0, None, ONE, urgent=False) is None


async def test_a_whole_share_that_was_never_divided_assumes_nothing() -> None:
    pace = process(HandClock(), Fraction(1))
    assert draw_all(pace) == USABLE


async def test_refusals_halve_the_limit_and_it_grows_back_step_by_step() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=2, clock=clock)
    told: list[tuple[int, float]] = []
    pace.on_block = lambda egress, seconds: told.append((egress, seconds))
    for _ in range(5):  # answers that were on their way together
        pace.block_egress(0, 2.0)
    assert not pace.admit(0, ALICE, ORDER, urgent=True)
    assert pace.admit(1, ALICE, ONE, urgent=False), "the other address goes on"
    assert pace.market_egress == 1, "and the market is read through it"
    assert told == [(0, 2.0)]
    assert pace.readings()[0].throttle == 0.5
    await clock.advance(2.1)
    pace.block_egress(0, 2.0)
    assert pace.readings()[0].throttle == 0.25
    assert pace.readings()[1].throttle == 1.0
    await clock.advance(2.1)
    before = pace.state()[0]["limit"]
    await clock.advance(GROWTH_EVERY_S)
    assert pace.state()[0]["limit"] == before + USABLE / STEPS
    await clock.advance(GROWTH_EVERY_S * STEPS)
    assert pace.state()[0]["limit"] == USABLE


async def test_the_market_is_read_through_whichever_address_has_budget() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=3, clock=clock)
    assert pace.market_egress == 0
    draw_all(pace, urgent=False)
    assert pace.market_egress == 1, "nobody waits at the first while the second is free"
    pace.block_egress(1, 2.0)
    assert pace.market_egress == 2
    used = draw_all(pace, egress=2, urgent=False)
    pace.note_egress_used(0, used + 1)
    assert pace.market_egress == 2, "none has enough: the one with the most left"
    await clock.advance(PERIOD_S * 1.2)
    assert pace.market_egress == 0


async def test_a_ban_that_another_process_tells_of_is_kept_and_not_told_again() -> None:
    clock = HandClock()
    first, second = (Pace(LIMITS, egresses=1, clock=clock) for _ in range(2))
    told: list[float] = []
    first.on_block = second.learn_block
    second.on_block = lambda _egress, seconds: told.append(seconds)
    first.block_egress(0, 600.0)
    assert not second.admit(0, ALICE, ORDER, urgent=True)
    assert second.readings()[0].blocked_s == pytest.approx(600.0)
    assert second.market_egress == 0, "there is no other way"
    second.block_egress(0, 600.0)
    assert told == []
    await clock.advance(600.1)
    assert second.admit(0, ALICE, ORDER, urgent=True)


async def test_shares_are_one_an_address_and_at_most_whole() -> None:
    pace = Pace(LIMITS, egresses=2, clock=HandClock())
    with pytest.raises(ValueError):
        pace.set_shares([Fraction(1)])
    with pytest.raises(ValueError):
        pace.set_shares([Fraction(1), Fraction(9, 8)])


async def test_a_part_that_came_and_went_again_leaves_the_reserve_free() -> None:
    """Two processes that are restarted one after the other: the first has the whole address for a moment. Its look-ups go on."""
    half = Fraction(1, 2)
    clock = HandClock()
    pace = process(clock, half)
    pace.set_shares([Fraction(1)])
    pace.set_shares([half])
    assert draw_all(pace, urgent=False) <= 1, "what may have been spent in it counts (but for one call that asks)"
    reserved = int(USABLE * (1 - MAX_BYSTANDERS * BYSTANDER_SHARE) * half * Fraction(RESERVED_SHARE).limit_denominator(100))
    assert draw_all(pace) >= reserved - 1

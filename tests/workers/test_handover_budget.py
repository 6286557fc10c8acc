"""An address's budget while its slots change hands between two executors: their books in one database, their counts their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from tests.venues.clocks import HandClock

from marketbot.domain.ids import AccountId
from marketbot.venues.egress_budget import BYSTANDER_SHARE, MAX_BYSTANDERS
from marketbot.venues.limits import Cost, Limits, Rule, unreserved
from marketbot.venues.pace import Pace
from marketbot.workers.holdings import Holdings

from .test_presence import HALF, Member, joined, rounds, until_dead

MARKET = "bybit/mainnet"
USABLE, PERIOD_S = 480, 60.0
DIVIDED = int(USABLE * (1 - MAX_BYSTANDERS * BYSTANDER_SHARE))
"""What all owners have together once the first address is divided."""
ALICE, ONE = AccountId(1), Cost(1)


def budgeted(member: Member, clock: HandClock) -> Pace:
    """Give a member the budget of one address, as an engine does; it has nothing in hand."""
    pace = Pace(Limits(egress=Rule(USABLE, PERIOD_S), account={}), egresses=1, clock=clock)
    ownership = member.presence.ownership

    def shares() -> list[Fraction]:
        return list(ownership.shares()) or [Fraction(0)]

    def overspent() -> Mapping[str, Sequence[int]]:
        return {MARKET: pace.overspent()}

    def changed(spent: Mapping[str, Mapping[int, int]]) -> None:
        pace.set_shares(shares(), spent.get(MARKET))

    idle: Any = SimpleNamespace(
        accounts_being_loaded=tuple,
        accounts_at_work=tuple,
        locks=SimpleNamespace(held=tuple),
        ensured=tuple,
        assume_ensured=lambda _accounts: None,
        forget_ensured=lambda _accounts: None,
    )
    pace.set_shares(shares())
    member.presence.work = Holdings(ownership, idle, idle, idle, idle, overspent, changed)
    return pace


def spend(pace: Pace, most: int, *, urgent: bool = True) -> int:
    spent = 0
    while spent < most and pace.admit(0, ALICE, ONE, urgent):
        spent += 1
    return spent


@pytest.mark.parametrize("before", [0, USABLE // 4, USABLE // 2, USABLE * 7 // 10])
async def test_one_that_joins_begins_with_what_the_other_left(database: str, before: int) -> None:
    clock = HandClock()
    async with joined(database) as anna:
        hers = budgeted(anna, clock)
        assert spend(hers, before) == before
        async with joined(database) as bruno:
            his = budgeted(bruno, clock)
            await rounds(anna, bruno)
            assert (anna.held, bruno.held) == (HALF, HALF)
            ordinary = spend(his, USABLE, urgent=False)
            assert ordinary >= unreserved(DIVIDED // 2) - max(0, before - DIVIDED // 2) - HALF, "each slot's part is rounded up"
            together = before + ordinary + spend(his, USABLE) + spend(hers, USABLE)
            assert DIVIDED - HALF - 1 <= together <= DIVIDED


async def test_of_one_that_died_all_is_taken_for_spent(database: str) -> None:
    clock = HandClock()
    async with joined(database) as anna, joined(database) as bruno:
        hers, his = budgeted(anna, clock), budgeted(bruno, clock)
        await rounds(anna, bruno)
        await clock.advance(PERIOD_S * 2)
        assert spend(hers, USABLE) == DIVIDED // 2
        gone = anna.worker
        await anna.cut_off()
        await until_dead(bruno, gone)
        assert his.assumes(0)
        # What he had, and one call that asks for the venue's count.
        assert spend(his, USABLE, urgent=False) == unreserved(USABLE) - unreserved(USABLE - DIVIDED // 2) + 1

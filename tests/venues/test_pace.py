"""The budgets: never too much in any window, urgent first, bans respected, everything bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.venues.allowance import RECOVERY_S, RECOVERY_SHARE
from marketbot.venues.answer import Refusal
from marketbot.venues.limits import RESERVED_SHARE, Cost, Limits, Rule, SlidingWindow
from marketbot.venues.pace import Pace

from .clocks import HandClock

LIMITS = Limits(egress=Rule(10, 5.0), account={"orders": (Rule(3, 1.0), Rule(6, 10.0))})
ONE = Cost(1)
ORDER = Cost(0, "orders")
ALICE, BOB = AccountId(1), AccountId(2)


def _most_in_any_window(times: Sequence[float], period_s: float) -> int:
    return max((sum(1 for other in times if start <= other < start + period_s) for start in times), default=0)


@given(
    gaps=st.lists(st.floats(0, 3, allow_nan=False), max_size=60),
    limit=st.integers(1, 12),
    period_s=st.sampled_from([0.5, 1.0, 5.0, 60.0]),
)
def test_no_window_ever_holds_more_than_the_limit(gaps: list[float], limit: int, period_s: float) -> None:
    window = SlidingWindow(Rule(limit, period_s))
    now, taken = 1_000.0, []
    for gap in gaps:
        now += gap * period_s / 3
        if window.turn(now) + 1 <= limit:
            window.add(1)
            taken.append(now)
    assert _most_in_any_window(taken, period_s) <= limit


@given(
    units=st.lists(st.tuples(st.floats(0, 2, allow_nan=False), st.integers(1, 4)), min_size=1, max_size=30),
    wanted=st.integers(1, 5),
)
def test_delay_is_when_the_units_fit_and_not_a_slot_earlier(units: list[tuple[float, int]], wanted: int) -> None:
    window = SlidingWindow(Rule(5, 1.0))
    now = 100.0
    for gap, count in units:
        now += gap
        if window.turn(now) + count <= 5:
            window.add(count)
    delay = window.delay_s(now, wanted, 5)
    if delay == 0:
        assert window.turn(now) + wanted <= 5
    else:
        assert window.turn(now + delay - 0.001) + wanted > 5
        assert window.turn(now + delay + 0.001) + wanted <= 5


def test_more_than_the_limit_never_fits() -> None:
    assert SlidingWindow(Rule(5, 1.0)).delay_s(0.0, 6, 5) == float("inf")


async def test_reserve_is_for_urgent_calls() -> None:
    pace = Pace(LIMITS, egresses=1, clock=HandClock())
    ordinary = sum(pace.admit(0, None, ONE, urgent=False) for _ in range(10))
    assert ordinary == int(10 * (1 - RESERVED_SHARE))
    assert pace.admit(0, None, ONE, urgent=True)


async def test_account_budget_is_its_own() -> None:
    pace = Pace(LIMITS, egresses=1, clock=HandClock())
    assert [pace.admit(0, ALICE, ORDER, urgent=True) for _ in range(4)] == [True, True, True, False]
    assert pace.admit(0, BOB, ORDER, urgent=True)


@pytest.mark.parametrize("urgent_every", [0, 3])
async def test_waiting_calls_never_exceed_any_window(urgent_every: int) -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock, max_wait_s=60.0)
    sent: list[float] = []

    async def call(urgent: bool) -> None:
        if pace.admit(0, None, ONE, urgent) or await pace.wait(0, None, ONE, urgent) is None:
            sent.append(clock.monotonic())

    calls = [asyncio.create_task(call(urgent_every > 0 and n % urgent_every == 0)) for n in range(40)]
    await clock.advance(60.0)
    await asyncio.gather(*calls)
    assert len(sent) == 40
    assert _most_in_any_window(sent, 5.0) <= 10
    assert sent[-1] - sent[0] <= 40 / 8 * 5 * 1.15, "waiting longer than the budget asks for"


async def test_urgent_calls_overtake_those_that_wait() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock, max_wait_s=60.0)
    for _ in range(10):
        pace.admit(0, None, ONE, urgent=True)
    order: list[str] = []

    async def call(name: str, urgent: bool) -> None:
        assert await pace.wait(0, None, ONE, urgent) is None
        order.append(name)

    tasks = [asyncio.create_task(call("first", False)), asyncio.create_task(call("second", False))]
    await clock.advance(0.01)
    tasks.append(asyncio.create_task(call("stop", True)))
    await clock.advance(0.01)
    assert not pace.admit(0, None, ONE, urgent=False), "a newcomer may not overtake"
    await clock.advance(20.0)
    await asyncio.gather(*tasks)
    assert order == ["stop", "first", "second"]


async def test_ban_stops_one_address_and_it_grows_back() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=2, clock=clock, max_wait_s=5.0)
    pace.block_egress(0, 30.0)
    assert not pace.admit(0, None, ORDER, urgent=True), "an order without weight is stopped too"
    assert pace.admit(1, None, ONE, urgent=False)
    refusal = await pace.wait(0, None, ONE, urgent=True)
    assert isinstance(refusal, Refusal)
    assert not refusal.answered
    assert refusal.fault.error_class is ErrorClass.EGRESS_RATE
    assert refusal.fault.retry_after_s == pytest.approx(30.0)
    await clock.advance(30.001)
    assert sum(pace.admit(0, None, ONE, urgent=True) for _ in range(10)) == int(10 * RECOVERY_SHARE)
    await clock.advance(RECOVERY_S + 1)
    assert sum(pace.admit(0, None, ONE, urgent=True) for _ in range(20)) == 10


async def test_short_ban_is_waited_out() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock)
    pace.block_egress(0, 2.0)
    waiting = asyncio.create_task(pace.wait(0, None, ONE, urgent=False))
    await clock.advance(1.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert await waiting is None


async def test_line_is_bounded() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock, max_waiting=3, max_wait_s=60.0)
    for _ in range(10):
        pace.admit(0, None, ONE, urgent=True)
    waiting = [asyncio.create_task(pace.wait(0, None, ONE, urgent=False)) for _ in range(4)]
    await clock.advance(0.01)
    turned_away = [task.result() for task in waiting if task.done()]
    assert len(turned_away) == 1
    assert turned_away[0] is not None
    assert turned_away[0].fault.code == "too_many_waiting"
    await clock.advance(20.0)
    assert [task.result() for task in waiting].count(None) == 3


async def test_call_whose_time_is_up_draws_nothing() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock, max_wait_s=1.0)
    for _ in range(10):
        pace.admit(0, None, ONE, urgent=True)
    refusal = asyncio.create_task(pace.wait(0, ALICE, Cost(1, "orders"), urgent=False))
    await clock.advance(3.0)
    result = await refusal
    assert result is not None
    assert result.fault.error_class is ErrorClass.EGRESS_RATE
    assert [pace.admit(0, ALICE, ORDER, urgent=True) for _ in range(4)] == [True, True, True, False]


async def test_cancelled_waiter_leaves_the_line() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock, max_wait_s=60.0)
    for _ in range(10):
        pace.admit(0, None, ONE, urgent=True)
    first = asyncio.create_task(pace.wait(0, None, ONE, urgent=False))
    second = asyncio.create_task(pace.wait(0, None, ONE, urgent=False))
    await clock.advance(0.01)
    first.cancel()
    await clock.advance(20.0)
    assert await second is None
    assert first.cancelled()


async def test_venues_own_count_only_raises_ours() -> None:
    pace = Pace(LIMITS, egresses=1, clock=HandClock())
    pace.note_egress_used(0, 7)
    pace.note_egress_used(0, 2)
    assert sum(pace.admit(0, None, ONE, urgent=True) for _ in range(10)) == 3
    pace.note_account(ALICE, "orders", 5, 4)
    assert [pace.admit(0, ALICE, ORDER, urgent=True) for _ in range(2)] == [True, False]


async def test_state_and_repr_show_the_budget() -> None:
    pace = Pace(LIMITS, egresses=1, clock=HandClock())
    pace.admit(0, ALICE, Cost(2, "orders"), urgent=False)
    assert pace.state() == [{"used": 2, "limit": 10, "waiting": 0, "blocked_s": 0.0}]
    assert repr(pace) == "<Pace [2/10 waiting=0 blocked=0s] accounts=1>"


async def test_budgets_of_accounts_that_left_are_dropped_once_they_rest() -> None:
    clock = HandClock()
    pace = Pace(LIMITS, egresses=1, clock=clock)
    for account_id in (ALICE, BOB):
        assert pace.admit(0, account_id, ORDER, urgent=False)
    pace.forget([ALICE])
    assert "accounts=2" in repr(pace), "it may come back at once, and the venue still counts what it sent"
    await clock.advance(30.0)
    pace.block_account(BOB, "orders", 60.0)
    pace.forget([ALICE, BOB, AccountId(404)])
    assert "accounts=1" in repr(pace), "a block lasts its time"

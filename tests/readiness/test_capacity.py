"""Capacity by arithmetic: held against the product's own limits and against its budgets, driven through a virtual clock."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.venues.clocks import HandClock

from marketbot.domain.ids import AccountId
from marketbot.venues import limits as ours
from marketbot.venues.binance import urls as binance
from marketbot.venues.bybit import urls as bybit
from marketbot.venues.limits import Cost, Limits
from marketbot.venues.pace import Pace
from readiness.capacity.question import Answer, Bound, Question, answer
from readiness.capacity.turnover import MAX_TURNS, NeverServed, account_s, serve
from readiness.capacity.venues import BINANCE, BYBIT, RESERVED_SHARE, USABLE_SHARE, VENUES, WINDOW_SLOTS, Call, VenueLimits, Work

PRODUCT: dict[str, Limits] = {"binance": binance.LIMITS, "bybit": bybit.LIMITS}


def test_the_limits_are_the_products_own() -> None:
    assert (USABLE_SHARE, RESERVED_SHARE, WINDOW_SLOTS) == (ours.USABLE_SHARE, ours.RESERVED_SHARE, ours.WINDOW_SLOTS)
    for name, limits in VENUES.items():
        product = PRODUCT[name]
        assert (limits.usable, limits.address.period_s) == (product.egress.limit, product.egress.period_s)
        assert limits.unreserved == ours.unreserved(product.egress.limit)
        for bucket, windows in limits.account.items():
            assert [(w.limit, w.period_s) for w in windows] == [(rule.limit, rule.period_s) for rule in product.account[bucket]]


def test_every_call_weighs_what_the_product_draws_for_it() -> None:
    costs = {
        "POST order/create": bybit.COST[bybit.CREATE],
        "GET position/list": bybit.COST[bybit.POSITIONS],
        "GET order/realtime": bybit.COST[bybit.REALTIME],
        "POST trading-stop": bybit.COST[bybit.TRADING_STOP],
        "POST set-leverage": bybit.COST[bybit.LEVERAGE],
        "GET account/info": bybit.COST[bybit.ACCOUNT_INFO],
        "POST order": binance.PLACE,
        "POST algoOrder": binance.PLACE,
        "GET positionRisk": binance.READ,
        "GET algoOrder": binance.ONE,
        "POST marginType": binance.ONE,
        "POST leverage": binance.ONE,
    }
    for limits in VENUES.values():
        for call in (call for calls in limits.calls.values() for call in calls):
            cost = costs[call.what.split(" (")[0]]
            assert (call.weight, call.bucket) == (cost.weight, cost.bucket), call.what
            assert call.why


async def _simulate(calls: tuple[Call, ...], accounts: int, limits: VenueLimits, product: Limits) -> float:
    """Let every account draw its calls from the product's budget, and return when the last one was let go."""
    # A turn begins with a slot, as it does for all but the first burst of a long fan-out.
    start = limits.slot_s * 1_000
    clock = HandClock(start)
    pace = Pace(product, egresses=1, clock=clock, max_waiting=10**9, max_wait_s=1e9)
    done_at: list[float] = []

    async def one(number: int) -> None:
        for call in calls:
            cost = Cost(call.weight, call.bucket, call.units)
            if not pace.admit(0, AccountId(number), cost, call.urgent):
                assert await pace.wait(0, AccountId(number), cost, call.urgent) is None
            await asyncio.sleep(0)  # the wire: others come by meanwhile
        done_at.append(clock.monotonic())

    tasks = [asyncio.create_task(one(number)) for number in range(accounts)]
    while not all(task.done() for task in tasks):
        await clock.advance(limits.slot_s)
    await asyncio.gather(*tasks)
    return max(done_at) - start


@pytest.mark.parametrize("name", sorted(VENUES))
@pytest.mark.parametrize("work", list(Work))
@pytest.mark.parametrize("accounts", [1, 300, 1_000])
async def test_the_arithmetic_takes_as_long_as_the_products_budget_does(name: str, work: Work, accounts: int) -> None:
    limits = VENUES[name]
    calls = limits.calls[work]
    computed = serve(calls, accounts, limits)
    simulated_s = await _simulate(calls, accounts, limits, PRODUCT[name])
    assert simulated_s == pytest.approx(computed.done_s, abs=limits.slot_s)


def test_a_thousand_entries_from_one_bybit_address() -> None:
    """By hand: 480 units a turn of 5.5 s, of which entries may take 384, and two units an account."""
    served = serve(BYBIT.calls[Work.ENTRY], 1_000, BYBIT)
    # 384 entries and 96 reads; 288 reads, 96 entries, 96 reads; 384 + 96; 288 reads, 96 entries, 96 reads; 40 entries, 40 reads.
    assert (served.turns, served.done_s) == (5, pytest.approx(4 * 5.5))


def test_binance_entries_weigh_nothing_on_the_address() -> None:
    for accounts in (1, 100_000):
        found = answer(Question(accounts, "binance", 1))
        entry = found.forecasts[0]
        assert (entry.work, entry.done_s, entry.bound, entry.addresses_needed) == (Work.ENTRY, 0.0, Bound.MACHINE, 1)


@given(
    accounts=st.integers(1, 30_000),
    more=st.integers(0, 5_000),
    addresses=st.integers(1, 64),
    name=st.sampled_from(sorted(VENUES)),
    target_s=st.floats(0, 600),
)
def test_more_accounts_never_take_less_and_what_is_needed_is_enough_and_not_too_much(
    accounts: int, more: int, addresses: int, name: str, target_s: float
) -> None:
    def ask(of: int, by: int) -> Answer:
        return answer(Question(of, name, by, target_s))

    for few, many, wide in zip(
        ask(accounts, addresses).forecasts,
        ask(accounts + more, addresses).forecasts,
        ask(accounts, addresses * 2).forecasts,
        strict=True,
    ):
        assert few.done_s <= many.done_s
        assert wide.done_s <= few.done_s
        assert few.ordered_s <= few.done_s
        needed = few.addresses_needed
        assert needed is not None
        assert ask(accounts, needed).forecasts[list(Work).index(few.work)].done_s <= target_s
        if needed > 1:
            assert ask(accounts, needed - 1).forecasts[list(Work).index(few.work)].done_s > target_s


def test_entries_that_come_too_late_are_told() -> None:
    found = answer(Question(100_000, "bybit", 1)).forecasts
    entry, exits = found[0], found[2]
    assert entry.done_s > 120
    assert 0 < entry.in_time < 100_000
    assert serve(BYBIT.calls[Work.ENTRY], entry.in_time, BYBIT).ordered_s <= 120
    assert serve(BYBIT.calls[Work.ENTRY], entry.in_time + 1, BYBIT).ordered_s > 120
    assert exits.in_time == 100_000


def test_an_accounts_own_limit_can_bind() -> None:
    calls = (Call("POST order", 0, "", "orders", units=650, is_order=True),)
    assert account_s(calls, BINANCE.account) == pytest.approx(20.0)
    assert account_s(BINANCE.calls[Work.ENTRY], BINANCE.account) == 0


def test_questions_out_of_bounds_are_refused() -> None:
    for wrong in ((0, "bybit", 1, 1.0), (1, "nowhere", 1, 1.0), (1, "bybit", 0, 1.0), (1, "bybit", 1, -1.0)):
        with pytest.raises(ValueError):
            Question(*wrong)
    with pytest.raises(NeverServed):
        serve(BYBIT.calls[Work.ENTRY], MAX_TURNS * 1_000, BYBIT)

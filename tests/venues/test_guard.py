"""The breaker's machine, and what the guard of one market makes of it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.breaker import (
    COUNTED,
    TRANSITIONS,
    Asked,
    Breaker,
    BreakerPolicy,
    BreakerState,
    Failed,
    Succeeded,
    apply,
    hold_s,
)
from marketbot.domain.errors import IllegalTransition
from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.venues.guard import ACCOUNT_POLICY, EGRESS_POLICY, FAILURES_PER_ACCOUNT, MAX_HOLD_S, MAX_SUSPECTS, Guard

from .clocks import HandClock

POLICY = BreakerPolicy(
    window_s=10.0,
    slots=5,
    min_calls=4,
    failure_share=Fraction(1, 2),
    open_s=2.0,
    open_max_s=7.0,
    probes=2,
    probe_s=1.0,
    successes=2,
)


def fail(breaker: Breaker, at: float, times: int) -> Breaker:
    for _ in range(times):
        breaker = apply(breaker, Failed(at))
    return breaker


def opened(at: float = 100.0) -> Breaker:
    breaker = fail(Breaker(POLICY), at, POLICY.min_calls)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_too_few_calls_or_failures_open_nothing() -> None:
    assert fail(Breaker(POLICY), 100.0, POLICY.min_calls - 1).state is BreakerState.CLOSED
    busy = apply(Breaker(POLICY), Succeeded(100.0, 5))
    assert fail(busy, 100.0, 4).state is BreakerState.CLOSED
    assert fail(busy, 100.0, 5).state is BreakerState.OPEN


def test_what_has_left_the_window_does_not_count() -> None:
    old = fail(Breaker(POLICY), 100.0, POLICY.min_calls - 1)
    assert fail(old, 100.0 + POLICY.window_s, 1).state is BreakerState.CLOSED
    diluted = apply(Breaker(POLICY), Succeeded(100.0, 1_000))
    assert fail(diluted, 100.0 + POLICY.window_s, POLICY.min_calls).state is BreakerState.OPEN


def test_it_holds_calls_back_for_its_time_and_then_lets_a_few_through() -> None:
    breaker = opened()
    assert hold_s(breaker, 100.5) == pytest.approx(1.5)
    with pytest.raises(IllegalTransition):
        apply(breaker, Asked(100.5))
    breaker = apply(breaker, Asked(102.0))
    assert breaker.state is BreakerState.HALF_OPEN
    breaker = apply(breaker, Asked(102.1))
    assert hold_s(breaker, 102.1) == pytest.approx(0.9)
    assert hold_s(breaker, 103.0) == 0, "a probe that never ends does not keep the quota"
    breaker = apply(apply(breaker, Succeeded(102.2)), Succeeded(102.3))
    assert breaker.state is BreakerState.CLOSED
    assert fail(breaker, 102.4, 1).state is BreakerState.CLOSED, "it starts with an empty window"


def test_it_stays_open_longer_each_time_until_it_was_calm() -> None:
    breaker, lengths, at = opened(), [], 100.0
    for _ in range(4):
        lengths.append(breaker.length_s)
        at += breaker.length_s
        breaker = apply(apply(breaker, Asked(at)), Failed(at))
        assert breaker.state is BreakerState.OPEN
    assert lengths == [2.0, 4.0, 7.0, 7.0]
    at += breaker.length_s
    breaker = apply(apply(breaker, Asked(at)), Succeeded(at, POLICY.successes))
    soon = fail(breaker, at + 1.0, POLICY.min_calls)
    late = fail(breaker, at + POLICY.open_max_s, POLICY.min_calls)
    assert (soon.length_s, late.length_s) == (POLICY.open_max_s, POLICY.open_s)


@given(st.lists(st.tuples(st.sampled_from(["ok", "bad", "ask"]), st.floats(0, 3, allow_nan=False)), max_size=80))
def test_it_only_takes_its_edges_and_remembers_no_more_than_its_slots(steps: list[tuple[str, float]]) -> None:
    breaker, at = Breaker(POLICY), 1_000.0
    for kind, gap in steps:
        at += gap
        if kind == "ask" and hold_s(breaker, at) > 0:
            continue
        event = {"ok": Succeeded, "bad": Failed, "ask": Asked}[kind](at)
        after = apply(breaker, event)
        assert after.state is breaker.state or (breaker.state, after.state) in TRANSITIONS
        assert len(after.counts) <= POLICY.slots
        assert hold_s(after, at) <= POLICY.open_max_s
        breaker = after


# The guard.

REFUSALS = sorted(set(ErrorClass) - COUNTED)


def guard(clock: HandClock, egresses: int = 2) -> Guard:
    return Guard("binance/mainnet", egresses=egresses, clock=clock)


def break_way(held: Guard, egress: int = 0) -> None:
    """Let as many different accounts fail as it takes."""
    for number in range(EGRESS_POLICY.min_calls):
        held.failed(egress, AccountId(1_000 + number), ErrorClass.AMBIGUOUS)
    assert held.states()[egress][0] is BreakerState.OPEN


@pytest.mark.parametrize("error_class", REFUSALS)
def test_a_crowd_of_refusals_opens_nothing(error_class: ErrorClass) -> None:
    held = guard(HandClock())
    for number in range(500):
        held.failed(0, AccountId(number % 50), error_class)
    assert held.states() == [(BreakerState.CLOSED, 0)] * 2


@pytest.mark.parametrize("error_class", sorted(COUNTED))
def test_silence_of_many_opens_one_address_and_not_the_other(error_class: ErrorClass) -> None:
    held = guard(HandClock())
    for number in range(EGRESS_POLICY.min_calls):
        held.failed(0, AccountId(number), error_class)
    assert held.states() == [(BreakerState.OPEN, 1), (BreakerState.CLOSED, 0)]
    refusal = held.hold(0, AccountId(7_777))
    assert refusal is not None
    assert (refusal.answered, refusal.fault.error_class, refusal.fault.code) == (False, ErrorClass.NOT_SENT, "circuit_open")
    assert refusal.fault.retry_after_s is not None
    assert 0 < refusal.fault.retry_after_s <= MAX_HOLD_S
    assert held.hold(1, AccountId(7_777)) is None


async def test_a_few_accounts_that_hang_are_held_back_alone() -> None:
    clock = HandClock()
    held = guard(clock)
    hung = [AccountId(number) for number in range(EGRESS_POLICY.min_calls // FAILURES_PER_ACCOUNT - 1)]
    for _ in range(50):
        for account_id in hung:
            held.failed(0, account_id, ErrorClass.AMBIGUOUS)
        await clock.advance(0.5)
    assert held.states()[0] == (BreakerState.CLOSED, 0)
    assert held.hold(0, hung[0]) is None, "the probe of its own breaker"
    held.failed(0, hung[0], ErrorClass.AMBIGUOUS)
    refusal = held.hold(0, hung[0])
    assert refusal is not None
    assert refusal.fault.code == "account_circuit_open"
    assert held.hold(0, AccountId(99)) is None
    held.answered(0, hung[0])
    assert held.hold(0, hung[0]) is None


async def test_answers_keep_it_closed_and_old_ones_do_not_hide_an_outage() -> None:
    clock = HandClock()
    held = guard(clock)
    for number in range(10_000):
        held.answered(0, AccountId(number))
    await clock.advance(EGRESS_POLICY.window_s * 2)
    held.answered(0, None)
    break_way(held)


async def test_it_closes_on_accounts_answers_and_not_on_the_markets_own_reads() -> None:
    clock = HandClock()
    held = guard(clock)
    break_way(held)
    await clock.advance(EGRESS_POLICY.open_s)
    assert held.hold(0, AccountId(1)) is None
    assert held.states()[0][0] is BreakerState.HALF_OPEN
    for _ in range(20):
        held.answered(0, None)
    assert held.states()[0][0] is BreakerState.HALF_OPEN
    for number in range(EGRESS_POLICY.successes):
        held.answered(0, AccountId(number))
    assert held.states()[0] == (BreakerState.CLOSED, 1)
    assert "closed" in repr(held)


def test_the_accounts_that_are_remembered_are_bounded() -> None:
    held = guard(HandClock())
    for number in range(MAX_SUSPECTS + 100):
        held.failed(0, AccountId(number), ErrorClass.AMBIGUOUS)
    assert f"suspects={MAX_SUSPECTS}" in repr(held)


def test_an_account_that_left_is_forgotten() -> None:
    held = guard(HandClock())
    for number in range(2):
        held.failed(0, AccountId(number), ErrorClass.AMBIGUOUS)
    held.forget([AccountId(1), AccountId(404)])
    assert "suspects=1" in repr(held)


def test_an_accounts_breaker_needs_several_failures() -> None:
    held = guard(HandClock())
    for _ in range(ACCOUNT_POLICY.min_calls - 1):
        held.failed(0, AccountId(1), ErrorClass.AMBIGUOUS)
    assert held.hold(0, AccountId(1)) is None
    held.failed(0, AccountId(1), ErrorClass.AMBIGUOUS)
    assert held.hold(0, AccountId(1)) is not None

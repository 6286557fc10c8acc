"""The algorithm's promise, and that the script in the shared store keeps the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from marketbot.cache.limits import SCRIPT, read_decisions, script_arguments
from marketbot.domain.buckets import Buckets
from marketbot.domain.gcra import US, Rate, decide
from marketbot.domain.limits import Check, Limit, LimitName

from .store import Store

RATES = st.builds(Rate, interval_us=st.integers(1, 10_000_000), burst=st.integers(1, 50))
GAPS = st.lists(st.one_of(st.just(0), st.integers(0, 2 * US), st.integers(0, 500 * US)), min_size=1, max_size=120)
NOW_US = 1_790_000_000 * US

_names = count()


@given(RATES, GAPS)
def test_never_more_than_the_burst_and_what_the_time_brings(rate: Rate, gaps: list[int]) -> None:
    tat_us, now_us = 0, NOW_US
    passed: list[int] = []
    for gap in gaps:
        now_us += gap
        decision = decide(tat_us, now_us, rate)
        assert 0 <= decision.remaining <= rate.burst
        if decision.allowed:
            tat_us = decision.tat_us
            passed.append(now_us)
        else:
            # Not a microsecond too long, nor too short.
            assert decide(tat_us, now_us + decision.retry_after_us, rate).allowed
            assert not decide(tat_us, now_us + decision.retry_after_us - 1, rate).allowed
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= rate.burst + (passed[last] - passed[first]) // rate.interval_us


@given(RATES)
def test_a_rested_limit_lets_its_whole_burst_pass_at_once(rate: Rate) -> None:
    tat_us = 0
    for left in reversed(range(rate.burst)):
        decision = decide(tat_us, NOW_US, rate)
        assert (decision.allowed, decision.remaining) == (True, left)
        tat_us = decision.tat_us
    assert not decide(tat_us, NOW_US, rate).allowed
    assert decide(tat_us, NOW_US + rate.window_us, rate).remaining == rate.burst - 1


def test_a_rate_is_rounded_to_the_strict_side() -> None:
    assert Rate.per(7, 60).interval_us * 7 >= 60 * US
    assert Rate.per(10, 60) == Rate(6 * US, 10)
    for wrong in ((0, 1), (1, 0)):
        with pytest.raises(ValueError):
            Rate(*wrong)


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with tempfile.TemporaryDirectory(prefix="marketbot-gcra-") as place:
        store = Store(Path(place))
        store.start()
        try:
            with redis.Redis.from_url(store.url) as client:
                yield client
        finally:
            store.kill()


@given(st.lists(RATES, min_size=1, max_size=3), GAPS)
def test_the_script_answers_as_the_algorithm_does(client: redis.Redis, rates: list[Rate], gaps: list[int]) -> None:
    run = next(_names)
    checks = [Check(Limit(LimitName.ADDRESS, rate), f"{run}:{n}") for n, rate in enumerate(rates)]
    here, now_us = Buckets(), NOW_US
    for gap in gaps:
        now_us += gap
        keys, arguments = script_arguments(checks, now_us)
        answer: Any = client.eval(SCRIPT, len(keys), *keys, *arguments)
        assert read_decisions(answer) == (here.take(checks, now_us), now_us)


def test_without_a_time_the_store_goes_by_its_own(client: redis.Redis) -> None:
    check = Check(Limit(LimitName.ADDRESS, Rate(3600 * US, 1)), "own time")
    keys, arguments = script_arguments([check])
    answers: list[Any] = [client.eval(SCRIPT, len(keys), *keys, *arguments) for _ in range(2)]
    (first,), begun_us = read_decisions(answers[0])
    (second,), later_us = read_decisions(answers[1])
    assert (first.allowed, second.allowed) == (True, False)
    assert NOW_US // 2 < begun_us <= later_us
    ttl_ms: Any = client.pttl(keys[0])
    assert 0 < ttl_ms <= 3600 * 1000


def test_what_a_process_remembers_is_bounded() -> None:
    buckets = Buckets(max_remembered=3)
    checks = [Check(Limit(LimitName.ADDRESS, Rate(US, 1)), str(n)) for n in range(4)]
    for check in checks:
        assert buckets.take([check], NOW_US)[0].allowed
    assert "3 of 3" in repr(buckets)
    assert not buckets.take([checks[3]], NOW_US)[0].allowed
    assert buckets.take([checks[0]], NOW_US)[0].allowed

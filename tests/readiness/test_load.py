"""The load: due times, latencies from the intended start, errors by kind, bounds, and whom it may be sent to."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.load.arrivals import Arrivals, due_times
from readiness.load.generator import Plan, run_load
from readiness.load.histogram import SUB_BUCKETS, Histogram, bucket_of, upper_s
from readiness.load.result import LoadResult, Streams
from readiness.load.scenario import Mix, Route, Scenario, ScenarioInvalid, Shows, User, filled, read_scenario, scenario
from readiness.load.streams import _Last, _read
from readiness.load.target import Target, TargetRefused, check_amount, target
from readiness.load.wire import Failure

from .server import serving

PING = Route("ping", "GET", "/ping", 1.0)


def plan_of(
    url: str, *routes: Route, users: int = 20, duration_s: float = 1.0, rate_per_s: float = 100.0, **more: object
) -> Plan:
    found = Scenario("test", routes or (PING,), 1.0, stream=str(more.pop("stream", "")))
    fields: dict[str, object] = {"arrivals": Arrivals.CONSTANT, **more}
    return Plan(target(url), found, [User("good")] * users, duration_s, rate_per_s, **fields)  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 8_000), min_size=1, max_size=200), st.floats(0.001, 1.0))
def test_a_quantile_is_right_to_one_part_in_sixty_four(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    found = histogram.quantile_s(share)
    assert exact - 1e-6 <= found <= exact * (1 + 1 / SUB_BUCKETS) + 2e-6
    assert (histogram.count, histogram.max_s) == (len(values), max(values))
    assert [count for _, count in histogram.steps()][-1] == len(values)


@given(st.integers(0, 2**40))
def test_buckets_follow_each_other(micros: int) -> None:
    seconds = micros / 1e6
    assert bucket_of(seconds) <= bucket_of(seconds + 1e-6)
    assert seconds < upper_s(bucket_of(seconds)) or micros >= 2**33 - 1


def test_histograms_add_up_and_count_what_is_over() -> None:
    one, two = Histogram(), Histogram()
    for value in (0.001, 0.01, 0.1):
        one.record(value)
        two.record(value * 10)
    one.add(two)
    assert (one.count, one.over(0.5), one.max_s) == (6, 1, 1.0)
    assert Histogram().quantile_s(0.99) == 0


@given(rate=st.floats(1, 200), duration=st.floats(0.1, 5), kind=st.sampled_from(list(Arrivals)), seed=st.integers(0, 9))
def test_due_times_ascend_within_the_duration_and_repeat_by_seed(rate: float, duration: float, kind: Arrivals, seed: int) -> None:
    times = list(due_times(kind, rate, duration, seed=seed))
    assert times == sorted(times) == list(due_times(kind, rate, duration, seed=seed))
    assert all(0 <= at < duration for at in times)
    if kind is Arrivals.CONSTANT:
        assert len(times) == math.ceil(rate * duration - 1e-9) or len(times) == math.ceil(rate * duration)


def test_poisson_arrivals_keep_their_rate() -> None:
    times = list(due_times(Arrivals.POISSON, 100, 100, seed=4))
    assert 9_500 < len(times) < 10_500
    assert list(due_times(Arrivals.POISSON, 0, 100, seed=4)) == []


async def test_a_stall_counts_for_everybody_who_would_have_met_it() -> None:
    """One stall of 300 ms, and requests due every 10 ms: about thirty met it, so it stands in the p95, not in the maximum alone."""
    stall_s = 0.3
    stalled_at: list[float] = []
    free = asyncio.Event()
    free.set()

    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, bytes]:
        if not stalled_at and time.perf_counter() - started > 0.3:
            stalled_at.append(time.perf_counter())
            free.clear()
            asyncio.get_running_loop().call_later(stall_s, free.set)
        await free.wait()
        return 200, b"{}"

    async with serving(answer) as url:
        started = time.perf_counter()
        # A single connection: the closed loop's mistake would be to ask once during the stall.
        result = await run_load(plan_of(url, users=1))
    latency = result.latency()
    assert (result.count, result.failed) == (100, 0)
    assert latency.over(stall_s / 3) >= 15
    assert latency.quantile_s(0.99) >= stall_s * 0.8
    assert latency.quantile_s(0.9) >= stall_s / 6


async def test_a_known_delay_is_measured_and_requests_overlap() -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, bytes]:
        await asyncio.sleep(0.05)
        return 200, b"{}"

    async with serving(answer) as url:
        result = await run_load(plan_of(url, users=20))
    assert (result.count, result.failed) == (100, 0)
    assert result.latency().quantile_s(0.01) >= 0.05
    assert result.connections == 20
    assert sum(point.latency.count for point in result.points) == 100


async def test_errors_are_counted_by_kind() -> None:
    async def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        if path == "/slow":
            await asyncio.sleep(60)
        return (500, b"") if path == "/broken" else (201, b"")

    routes = (
        Route("broken", "GET", "/broken", 1.0),
        Route("slow", "GET", "/slow", 1.0),
        Route("made", "POST", "/made", 1.0, body="{}", expects=frozenset({201})),
    )
    async with serving(answer) as url:
        result = await run_load(plan_of(url, *routes, users=60, duration_s=0.5, timeout_s=0.2))
    assert result.kinds["broken"].errors == Counter({Failure.STATUS: result.kinds["broken"].count})
    assert result.kinds["slow"].errors == Counter({Failure.TIMEOUT: result.kinds["slow"].count})
    assert result.kinds["made"].failed == 0
    assert result.kinds["broken"].statuses[500] == result.kinds["broken"].count
    assert 0 < result.error_share < 1
    document = result.document()
    assert document["kinds"]["slow"]["errors"] == {"timeout": result.kinds["slow"].count}


async def test_nobody_there_is_an_error_each() -> None:
    async with serving(lambda *_: asyncio.sleep(0, (200, b""))) as url:
        pass
    result = await run_load(plan_of(url, users=2, duration_s=0.2))
    assert result.failed == result.count == 20
    assert set(result.kinds["ping"].errors) == {Failure.CONNECT}


async def test_requests_show_the_users_token_and_fill_places() -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        seen.append((method, path, body))
        return 202, b""

    webhook = Route("signal", "POST", "/v1/webhook/{source}/{secret}", 1.0, body='{"id":"{number}"}', expects=frozenset({202}))
    change = Route("change", "PATCH", "/v1/accounts/{account_id}", 1.0, Shows.USER, '{"a":1}', expects=frozenset({202}))
    found = Scenario("test", (change,), 1.0, signals_per_s=50, webhook=webhook)
    async with serving(answer) as url:
        users = [User("good", {"account_id": "7"})]
        plan = Plan(target(url), found, users, 0.4, 50, Arrivals.CONSTANT, values={"source": "s", "secret": "x"})
        result = await run_load(plan)
    assert result.failed == 0
    assert {(method, path) for method, path, _ in seen} == {("PATCH", "/v1/accounts/7"), ("POST", "/v1/webhook/s/x")}
    ids = [body for method, _, body in seen if method == "POST"]
    assert len(ids) == len(set(ids)) == result.kinds["signal"].count
    assert "good" not in repr(users) + repr(plan)


async def test_streams_are_held_to_the_end_and_refusals_counted() -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, bytes]:
        return 403, b""

    async with serving(answer) as url:
        held = await run_load(plan_of(url, users=5, duration_s=0.5, rate_per_s=0.0, stream="/events"))
        refused = await run_load(plan_of(url, users=5, duration_s=0.5, rate_per_s=0.0, stream="/nowhere"))
    assert (held.streams.wanted, held.streams.held, held.streams.events, held.streams.cut) == (5, 5, 5, 0)
    assert (refused.streams.held, refused.streams.refused) == (0, 5)


async def test_who_holds_a_stream_reads_what_an_event_says() -> None:
    asked: list[str] = []

    async def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        asked.append(path)
        return 200, b""

    async with serving(answer) as url:
        plan = plan_of(url, users=5, duration_s=0.5, rate_per_s=0.0, stream="/events")
        found = await run_load(replace(plan, scenario=replace(plan.scenario, follow=("ping",), follow_within_s=0.1)))
    # One event a stream, and one request that follows it.
    assert found.streams.events == 5
    assert asked == ["/ping"] * 5
    assert found.kinds["ping"].count == 5
    assert not found.failed


async def test_a_stream_that_the_server_ends_is_opened_again_when_it_says() -> None:
    lines = asyncio.StreamReader()
    lines.feed_data(b"d\r\nretry: 2500\n\n\r\n1a\r\nid: 12\nevent: end\ndata: {}\n\n\r\n0\r\n\r\n")
    found, last = Streams(), _Last()
    async with asyncio.timeout(10):
        await _read(lines, found, last, lambda: None)
    assert (last.id, last.again_s, found.events) == ("12", 2.5, 1)


def test_a_generator_that_could_not_keep_up_says_so() -> None:
    result = LoadResult(1, 1, 10, 1)
    assert not result.late
    for _ in range(100):
        result.own_lag.record(0.2)
    assert result.late
    assert result.document()["generator"]["late"] is True
    full = LoadResult(1, 1, 10, 1)
    full.note("overflow", 0.0, 0.1, Failure.OVERFLOW)
    assert full.late


def test_only_this_machine_is_loaded_unless_its_owner_names_it() -> None:
    assert target("http://127.0.0.1:8000") == Target("127.0.0.1", 8000, False)
    assert target("http://[::1]:80").authority == "[::1]:80"
    assert target("http://localhost").port == 80
    assert target("https://bot.example", owned="bot.example").port == 443
    for url, owned in (
        ("http://bot.example", None),
        ("http://bot.example", "other.example"),
        ("http://127.0.0.1.example", None),
        ("ftp://127.0.0.1", None),
        ("http://127.0.0.1/path", None),
        ("http://127.0.0.1:99999", None),
        ("http://user@192.0.2.1", None),
    ):
        with pytest.raises(TargetRefused):
            target(url, owned=owned)


def test_every_load_is_bounded() -> None:
    check_amount(users=1_000, minutes=5, rate_per_s=200)
    for users, minutes, rate in (
        (0, 1, 1),
        (10**6, 1, 1),
        (1, 0, 1),
        (1, 1e6, 1),
        (1, 1, 1e9),
        (1, 120, 5_000),
        (1, math.nan, 1),
    ):
        with pytest.raises(TargetRefused):
            check_amount(users=users, minutes=minutes, rate_per_s=rate)


def test_scenarios_that_come_with_us_can_be_read_and_left_out_in_part() -> None:
    for name in ("operator", "users"):
        assert scenario(name).webhook is not None
    operator = scenario("operator")
    assert [route.name for route in operator.usable(operator=False, users=False).routes] == ["ready"]
    assert len(operator.usable(operator=True, users=False, values={"signal_id": 1}).routes) == 3
    users = scenario("users")
    assert users.usable(operator=True, users=False).stream == ""
    assert users.usable(operator=False, users=True).stream == "/v1/events"
    with pytest.raises(ScenarioInvalid):
        Mix(users.usable(operator=True, users=False).routes, seed=1)


def test_bad_scenarios_are_refused() -> None:
    good = 'name = "x"\nrequests_per_user_s = 1\n[route.a]\nmethod = "GET"\npath = "/"\n'
    assert read_scenario(good).routes[0].name == "a"
    for wrong in (
        "",
        good.replace('"GET"', '"FETCH"'),
        good.replace('"/"', '"x"'),
        good + "weight = 0\n",
        good.replace("= 1", "= -1"),
    ):
        with pytest.raises(ScenarioInvalid):
            read_scenario(wrong)
    assert filled('{"a":{x}}', {"x": 1}) == '{"a":1}'

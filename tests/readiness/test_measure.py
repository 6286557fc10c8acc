"""Collectors: metrics and processes read, the worst kept, books compared, and what may be said of a load."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.isolated.books import Ordered, compare
from readiness.isolated.drills import Curve, fan_out_measurements, quantile
from readiness.isolated.fanout import Outcome
from readiness.load.result import LoadResult
from readiness.load.scenario import Route, Scenario, User
from readiness.load.target import target
from readiness.load.wire import Failure
from readiness.load_measurements import load_measurements
from readiness.measure import database, front
from readiness.measure.alerts import alerts
from readiness.measure.database import Activity, DatabasePeaks
from readiness.measure.flood import flood
from readiness.measure.processes import Process, all_processes, family, machine_memory_share, memory_mb, role_of
from readiness.measure.prometheus import read_metrics
from readiness.measure.sampler import Course, MemorySample, fit
from readiness.measurement import Measurement, Measurements

from .server import serving

METRICS = """# HELP marketbot_queue_depth Accounts waiting in a lane.
# TYPE marketbot_queue_depth gauge
marketbot_queue_depth{lane="mainnet"} 3.0
marketbot_queue_depth{lane="testnet"} 4.0 1700000000
odd{text="a\\"b\\\\c\\nd",other="}"} +Inf
plain 1e-3
this is no sample
broken{x="y"} many
"""


def by_name(found: list[Measurement]) -> Measurements:
    return Measurements(found)


def test_metrics_are_read_and_nonsense_is_left_out() -> None:
    scrape = read_metrics(METRICS)
    assert (scrape.total("marketbot_queue_depth"), scrape.most("marketbot_queue_depth")) == (7.0, 4.0)
    assert scrape.of("odd")[0].labels == {"text": 'a"b\\c\nd', "other": "}"}
    assert (scrape.total("plain"), scrape.total("nowhere"), len(scrape)) == (0.001, None, 4)
    assert scrape.has("marketbot_queue")
    assert not scrape.has("marketbot_breaker_state")


def test_roles_are_told_by_command_lines() -> None:
    assert role_of("python -m marketbot.supervisor.tether marketbot.engine") == "engine"
    assert role_of("python -m marketbot.supervisor.tether marketbot.api") == "api"
    assert role_of("python -m marketbot.cli.main up --json") == "supervisor"
    assert role_of("/opt/venv/bin/python /opt/venv/bin/marketbot up") == "supervisor"
    assert role_of("python -m marketbot.supervisor.tether simexchange --tls") == "simulator"
    assert role_of("postgres: marketbot-1: checkpointer") == "postgres"
    assert role_of("sleep 1") == ""


def test_a_family_is_a_supervisor_its_children_and_its_database() -> None:
    place = Path("/var/tmp/place")
    processes = [
        Process(1, 0, "", "init"),
        Process(10, 1, "supervisor", "marketbot up"),
        Process(11, 10, "engine", "marketbot.engine"),
        Process(12, 11, "", "helper"),
        Process(20, 1, "postgres", f"/bin/postgres -D {place}/cluster"),
        Process(21, 20, "postgres", "postgres: checkpointer"),
        Process(30, 1, "postgres", "/bin/postgres -D /var/tmp/other/cluster"),
    ]
    assert {process.pid for process in family(10, place, processes)} == {10, 11, 12, 20, 21}


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_our_own_memory_can_be_read() -> None:
    assert any(process.pid == os.getpid() for process in all_processes())
    assert (memory_mb(os.getpid()) or 0) > 1
    assert memory_mb(2**22 + 1) is None
    share = machine_memory_share()
    assert share is not None
    assert 0 < share < 1


@given(
    slope=st.floats(-10, 10),
    start=st.floats(0, 1_000),
    xs=st.lists(st.integers(0, 1_000), min_size=3, max_size=50, unique=True),
)
def test_a_line_is_found_again(slope: float, start: float, xs: list[int]) -> None:
    found, error = fit([(float(x), start + slope * x) for x in xs])
    assert found == pytest.approx(slope, abs=1e-6)
    assert error == pytest.approx(0, abs=1e-3)


def test_memory_is_summed_without_the_simulator_and_sloped_over_steady_load_only() -> None:
    course = Course(memory=[MemorySample(float(at), {"api": 100.0 + at / 60, "simulator": 900.0}) for at in range(200)])
    found = by_name(course.measurements())
    assert found.value("memory_processes_mb") == pytest.approx(100 + 199 / 60)
    course.loaded = (0.0, 60.0)
    assert by_name(course.measurements()).value("memory_processes_mb") == pytest.approx(101), "drills start servers of their own"
    assert course.slope(0, 199).value == pytest.approx(1.0)
    assert course.slope(0, 30).value is None
    assert by_name(Course().measurements()).value("memory_processes_mb") is None


def test_the_worst_look_counts() -> None:
    peaks = DatabasePeaks(100)
    assert all(not each.is_measured for each in peaks.measurements())
    peaks.see(0, Activity({"marketbot engine": 5, "readiness": 60}, 10.0, 0.0, 0.0, 0))
    for at in (1, 2):
        peaks.see(at, Activity({"marketbot engine": 7, "marketbot presence a1": 1, "marketbot presence b2": 1}, 5.0, 1.5, 2.5, 3))
    found = by_name(peaks.measurements())
    assert found.value("db_connections_share") == 0.65
    assert found.value("db_connections_per_process") == 7
    assert (found.value("executor_instances"), found.value("queue_risk_oldest_s")) == (2, 2.5)


async def test_the_database_is_asked(database_dsn: str) -> None:
    connection = await database.connect(database_dsn)
    try:
        activity = await database.look(connection)
        assert activity.connections["readiness"] == 1
        found = by_name(await database.settings(connection))
        assert (found.value("db_replicas"), found.value("db_transport_safe")) == (0, 1)
        assert found.value("db_slow_query_log") is not None
        assert database.new_deadlocks(await database.deadlocks(connection), 1).value == 1
        assert await database.full_scans(connection) == {}
        with pytest.raises(Exception, match="read-only"):
            await connection.execute("CREATE TABLE nothing (x int)")
    finally:
        await connection.close()


def test_only_tables_that_were_big_at_the_first_look_count_as_scanned() -> None:
    assert database.new_scans({"a": 1, "b": 5}, {"a": 4, "b": 5, "grown": 9}).value == 3
    assert database.new_scans({"a": 1}, {"a": 1}).value == 0
    assert database.new_scans({}, {"grown": 9}).value is None


@pytest.fixture
def database_dsn(database: str) -> str:
    return database


ENTRY = {"event": "accepted", "kind": "market", "reduce_only": False}


def test_books_that_agree_are_clean() -> None:
    ours = [Ordered(1, True, "ordered", ("a",)), Ordered(2, False, None, ()), Ordered(3, True, "lapsed", ("c",))]
    ledger = [{**ENTRY, "client_order_id": "a"}, {**ENTRY, "client_order_id": "x", "reduce_only": True}]
    episodes = [{"closed_at": None, "protected_now": True}, {"closed_at": 1.0, "protected_now": False}]
    verdict = compare(ours, 3, ledger, episodes)
    assert (verdict.ordered, verdict.lost, verdict.doubled, verdict.naked) == (1, 0, 0, 0)


def test_every_way_of_losing_and_doubling_is_found() -> None:
    ours = [
        Ordered(1, True, None, ("a",)),  # never finished
        Ordered(2, True, "ordered", ("b",)),  # the venue never saw it
        Ordered(3, True, "lapsed", ("c",)),  # the venue has it
        Ordered(4, True, "ordered", ("d",)),  # twice under one id
        Ordered(5, True, "ordered", ("e", "f")),  # twice under two
    ]
    ledger = [{**ENTRY, "client_order_id": each} for each in ("c", "d", "d", "e", "f")]
    verdict = compare(ours, 6, ledger, [{"closed_at": None, "protected_now": False}])
    assert (verdict.lost, verdict.doubled, verdict.naked) == (4, 2, 1)


def test_a_fan_out_is_measured_by_lane() -> None:
    rows = [Outcome(1, 10, 20, 30, "ordered"), Outcome(1, 30, 40, 50, "ordered")]
    rows += [Outcome(2, 60, 70, 80, "ordered"), Outcome(2, None, None, None, "lapsed")]
    found = by_name(fan_out_measurements(rows))
    assert (found.value("fanout_accounts"), found.value("fanout_ack_p99_ms")) == (3, 70)
    assert found.value("testnet_finished_share") == 0.5
    ratio = found.value("lane_ratio")
    assert ratio is not None
    assert ratio < 1
    assert Curve.of(rows) == Curve([20, 40], [70])
    assert quantile([], 0.5) is None
    assert by_name(fan_out_measurements([])).value("lane_ratio") is None


def load(count: int, took_s: float, failed: int = 0) -> LoadResult:
    result = LoadResult(500, 10, 60, 500)
    for number in range(count):
        result.note("read", number % 60, took_s, Failure.STATUS if number < failed else None)
    return result


def test_users_are_held_only_within_both_targets() -> None:
    assert by_name(load_measurements(load(1_000, 0.1))).value("users_held") == 500
    assert by_name(load_measurements(load(1_000, 0.3))).value("users_held") == 0
    assert by_name(load_measurements(load(1_000, 0.1, failed=2))).value("users_held") == 0
    assert by_name(load_measurements(load(1_000, 0.1))).value("webhook_p95_ms") is None


def test_a_doubtful_load_measures_nothing() -> None:
    late = load(1_000, 0.1)
    for _ in range(10):
        late.own_lag.record(1.0)
    aborted = load(1_000, 0.1)
    aborted.aborted = True
    for result in (late, aborted, load(99, 0.1)):
        found = by_name(load_measurements(result))
        assert found.value("users_held") is None
        assert found.value("api_p95_ms") is None


async def test_the_front_door_is_probed() -> None:
    limited = 0

    async def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        nonlocal limited
        if len(body) > 65_536:
            return 413, b""
        limited += 1
        return (429, b"") if limited > 2 else (202, b"")

    async with serving(answer) as url:
        found = by_name([await front.body_limit(target(url), "/w"), *await front.source_limit(target(url), "/w", [b"{}"] * 4)])
    assert (found.value("limit_body"), found.value("limit_per_source"), found.value("limit_retry_after")) == (1, 1, 0)


async def test_who_watches_is_asked() -> None:
    rules = b'{"data": {"groups": [{"rules": [{"query": "marketbot_unprotected_positions > 0"}]}]}}'
    health = "up"

    async def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        if path.startswith("/api/v1/rules"):
            return 200, rules
        one = {"health": health, "labels": {"job": "marketbot-api"}}
        return 200, json.dumps({"data": {"activeTargets": [one, {"health": "up", "labels": {"job": "node"}}]}}).encode()

    async with serving(answer) as url:
        where = target(url)
        assert (await alerts(where, 1)).value == 1
        assert (await alerts(where, 2)).value == 0, "every process has to be watched"
        health = "down"
        assert (await alerts(where, 1)).value == 0
        rules = b"{}"
        assert (await alerts(where, 1)).value is None
    assert (await alerts(where, 1)).value is None
    assert (await alerts(None, 1)).value is None


async def test_a_stream_is_known_by_its_head() -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, bytes]:
        return 404, b""

    async with serving(answer) as url:
        where = target(url)
        assert await front.serves_stream(where, "/events", "good")
        assert not await front.serves_stream(where, "/events", "bad")
        assert not await front.serves_stream(where, "/elsewhere", "good")
    assert not await front.serves_stream(where, "/events", "good")


async def test_others_are_timed_while_one_address_floods() -> None:
    async def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        return (429, b"") if path == "/flood" else (200, b"")

    from readiness.load.generator import Plan

    async with serving(answer) as url:
        calm = Plan(target(url), Scenario("calm", (Route("ping", "GET", "/", 1.0),), 1.0), [User()] * 5, 60, 20)
        found = by_name(await flood(calm, "/flood", source=None, per_s=100, seconds=2))
    assert found.value("flood_refused_share") == 1.0
    assert (found.value("flood_others_p95_ms") or 0) > 0

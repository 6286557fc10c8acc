"""What a process tells of its last minute, out of the metrics that Prometheus reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.quantiles import quantile_of
from marketbot.domain.reasons import DenialReason
from marketbot.observability import metrics
from marketbot.observability.metrics import BUCKETS_S, RouteClass, Stage
from marketbot.observability.minute import Minute, gauge


def test_a_minute_is_what_was_counted_since_the_last_one() -> None:
    minute = Minute()
    minute.take()
    assert minute.take() == {}
    metrics.count_accepted(repeated=False)
    metrics.count_denied(DenialReason.MAX_POSITIONS, 7)
    for seconds in (0.0005, 0.03, 0.03, 500.0):
        metrics.observe(Stage.ENTRY_ACK, seconds)
    for route, status in ((RouteClass.API, 200), (RouteClass.API, 404), (RouteClass.WEBHOOK, 503), (RouteClass.HEALTH, 200)):
        metrics.count_request(route, status, 0.15)
    expected = {
        "signals": 1, "denied.MAX_POSITIONS": 7, "stage.entry_ack.0": 1, "stage.entry_ack.5": 2, "stage.entry_ack.16": 1,
        "requests.ok": 1, "requests.refused": 1, "requests.error": 1, "request.7": 3,
    }  # fmt: skip
    assert minute.take() == expected
    assert minute.take() == {}


def test_a_gauge_that_was_never_set_is_unknown() -> None:
    metrics.set_database_connections(0, 0)
    assert gauge("marketbot_database_connections_max") is None
    metrics.set_database_connections(12, 97)
    assert gauge("marketbot_database_connections") == 12
    assert gauge("marketbot_no_such_thing") is None


@given(st.lists(st.floats(min_value=0.0001, max_value=100), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.95, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_value_it_stands_for(values: list[float], share: float) -> None:
    number_of = {value: next(n for n, bound in enumerate(BUCKETS_S) if value <= bound) for value in values}
    counts: dict[int, int] = {}
    for value in values:
        counts[number_of[value]] = counts.get(number_of[value], 0) + 1
    found = quantile_of(counts, BUCKETS_S, share)
    assert found is not None
    exact = sorted(values)[max(0, -(-int(share * len(values) * 1_000_000) // 1_000_000) - 1)]
    number = number_of[exact]
    low = BUCKETS_S[number - 1] if number else 0.0
    assert low - 1e-9 <= found <= BUCKETS_S[min(number + 1, len(BUCKETS_S) - 1)] + 1e-9


def test_quantiles_of_little_and_of_what_is_off_the_scale() -> None:
    assert quantile_of({}, BUCKETS_S, 0.5) is None
    assert quantile_of({0: 10}, (1.0, 2.0), 0.5) == 0.5
    assert quantile_of({0: 1, 1: 1}, (1.0, 2.0), 1.0) == 2.0
    assert quantile_of({2: 3}, (1.0, 2.0), 0.5) == 2.0

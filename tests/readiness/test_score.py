"""The score is arithmetic: monotone, bounded, nothing for what was not measured, and ready from 85 % exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.criteria import CriteriaInvalid, Unit, criteria, read_criteria
from readiness.language import Language, texts
from readiness.measurement import Measurement, Measurements, measured, unmeasured
from readiness.score import MetricState, score

CRITERIA = criteria()
NAMES = sorted({rule.measurement for rule in CRITERIA.rules} | {metric.measurement for metric in CRITERIA.metrics})
VALUES = st.dictionaries(st.sampled_from(NAMES), st.floats(-10, 20_000, allow_nan=False))


def taken(values: dict[str, float]) -> Measurements:
    return Measurements(measured(name, value, "", "no_looks") for name, value in values.items())


def perfect() -> dict[str, float]:
    return {rule.measurement: rule.target for rule in CRITERIA.rules}


def test_all_targets_reached_is_one_and_nothing_measured_is_zero() -> None:
    full = score(taken(perfect()), CRITERIA)
    assert full.total == pytest.approx(1.0)
    assert (full.ready, full.shortfalls) == (True, ())
    nothing = score({}, CRITERIA)
    assert (nothing.total, nothing.ready, nothing.measured_rules) == (0.0, False, 0)
    assert len(nothing.shortfalls) == nothing.rules == len(CRITERIA.rules)
    assert all(each.measurement.how == "not_taken" for each in nothing.shortfalls)
    assert all(reading.state is MetricState.UNMEASURED for reading in nothing.metrics)


@given(values=VALUES)
def test_a_score_lies_between_none_and_all_and_what_is_lost_makes_up_the_rest(values: dict[str, float]) -> None:
    found = score(taken(values), CRITERIA)
    assert 0 <= found.total <= 1 + 1e-9
    assert found.total + sum(rule.lost for area in found.areas for rule in area.rules) == pytest.approx(1.0)
    for area in found.areas:
        for rule in area.rules:
            assert 0 <= rule.score <= 1
            assert rule.measurement.is_measured or rule.score == 0


@given(values=VALUES, name=st.sampled_from(NAMES), better=st.floats(0, 1_000))
def test_a_better_measurement_never_scores_less(values: dict[str, float], name: str, better: float) -> None:
    before = dict(values)
    before.setdefault(name, 1.0)
    rules = [rule for rule in CRITERIA.rules if rule.measurement == name]
    if not rules:
        return
    after = before | {name: before[name] + (better if rules[0].more_is_better else -better)}
    assert score(taken(after), CRITERIA).total >= score(taken(before), CRITERIA).total - 1e-9


@given(values=VALUES, name=st.sampled_from(NAMES))
def test_what_was_not_measured_scores_nothing(values: dict[str, float], name: str) -> None:
    known = taken(values | perfect())
    without = Measurements([*(known[each] for each in known if each != name), unmeasured(name, "no_looks")])
    for area in score(without, CRITERIA).areas:
        for rule in area.rules:
            assert (rule.score == 0) == (rule.rule.measurement == name)


def test_rules_of_one_measurement_agree_on_what_is_better() -> None:
    for name in NAMES:
        assert len({rule.more_is_better for rule in CRITERIA.rules if rule.measurement == name}) <= 1


def test_ready_from_85_percent() -> None:
    lost = 0.0
    values = perfect()
    for rule in sorted(CRITERIA.rules, key=lambda each: -each.weight):
        area = next(area for area in CRITERIA.areas if area.name == rule.area)
        share = area.weight * rule.weight
        part = min(1.0, (0.15 - lost) / share)
        if part <= 0:
            break
        values[rule.measurement] = rule.target + (rule.floor - rule.target) * part
        lost += share * part
    at_the_edge = score(taken(values), CRITERIA)
    assert at_the_edge.total == pytest.approx(0.85)
    assert at_the_edge.ready
    assert not score(taken(values | {"kill_lost": 1.0, "kill_doubled": 1.0}), CRITERIA).ready


def test_the_five_metrics_have_a_target_and_an_alarm() -> None:
    assert [metric.name for metric in CRITERIA.metrics] == ["users", "connections", "response", "memory", "errors"]

    def states(**values: float) -> dict[str, MetricState]:
        return {reading.metric.name: reading.state for reading in score(taken(values), CRITERIA).metrics}

    assert states(users_held=1_000, api_p95_ms=199)["users"] is MetricState.MET
    assert states(users_held=900)["users"] is MetricState.MISSED
    assert states(users_held=800)["users"] is MetricState.ALARM
    assert states(db_connections_share=0.9)["connections"] is MetricState.ALARM
    assert states(api_p95_ms=200)["response"] is MetricState.MET
    assert states(api_p95_ms=201)["response"] is MetricState.MISSED
    assert states(error_share=0.02)["errors"] is MetricState.ALARM


def test_a_number_is_never_replaced_by_its_absence() -> None:
    kept = Measurements([measured("a", 1, "count", "seen"), unmeasured("a", "not seen"), unmeasured("b", "first")])
    kept.add([Measurement("b", 2.0, "count", "later"), measured("a", 3, "count", "again")])
    assert (kept.value("a"), kept.value("b"), kept.value("c")) == (3.0, 2.0, None)


def test_criteria_that_do_not_hang_together_are_refused() -> None:
    from importlib.resources import files

    text = files("readiness").joinpath("criteria.toml").read_text()
    for wrong in (
        text.replace("weight = 0.35", "weight = 0.36", 1),
        text.replace('area = "memory"', 'area = "elsewhere"', 1),
        text.replace("floor = 0.95", "floor = 0.80", 1),
        text.replace("ready_from = 0.85", "ready_from = 85"),
        text.replace('en = "Memory"', 'es = "Memoria"', 1),
        "ready_from = ",
    ):
        with pytest.raises(CriteriaInvalid):
            read_criteria(wrong)


def test_every_text_is_there_in_both_languages() -> None:
    english, portuguese = texts(Language.EN).catalogue, texts(Language.PT).catalogue
    assert english.keys() == portuguese.keys()
    import string

    for key, text in english.items():
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        other = {name for _, name, _, _ in string.Formatter().parse(portuguese[key]) if name}
        assert names == other, key
        assert text.strip()
        assert portuguese[key].strip()
    for each in (*CRITERIA.areas, *CRITERIA.rules, *CRITERIA.metrics):
        assert set(each.title) == set(Language)
    for rule in CRITERIA.rules:
        assert all(rule.advice[language].strip() for language in Language)
    assert {rule.unit for rule in CRITERIA.rules} == set(Unit)

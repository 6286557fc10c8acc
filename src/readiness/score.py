"""Measurements and criteria make a score. Pure: nothing here knows where a number comes from, and nothing is typed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from readiness.criteria import Area, Criteria, Metric, Rule
from readiness.measurement import Measurement, unmeasured

NOT_TAKEN = "not_taken"
FULL = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class RuleScore:
    """One rule with the measurement that gave its score; ``lost`` is what it takes from the total, 0 to 1."""

    rule: Rule
    measurement: Measurement
    score: float
    lost: float

    @property
    def falls_short(self) -> bool:
        return self.score < FULL


@dataclass(frozen=True, slots=True)
class AreaScore:
    area: Area
    score: float
    rules: tuple[RuleScore, ...]


class MetricState(StrEnum):
    """How one of the five metrics stands."""

    MET = "met"
    MISSED = "missed"
    """Worse than the target, better than the alarm."""
    ALARM = "alarm"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class MetricReading:
    metric: Metric
    measurement: Measurement
    state: MetricState


@dataclass(frozen=True, slots=True)
class Score:
    """``shortfalls`` are the rules without a full score, the one that costs most first."""

    total: float
    ready_from: float
    areas: tuple[AreaScore, ...]
    metrics: tuple[MetricReading, ...]
    shortfalls: tuple[RuleScore, ...]
    measured_rules: int
    rules: int

    @property
    def ready(self) -> bool:
        # 85 % is 85 %, whatever binary fractions make of a sum of weights.
        return self.total >= self.ready_from - 1e-9


def score(measurements: Mapping[str, Measurement], criteria: Criteria) -> Score:
    """Apply every rule. What was not measured scores nothing."""
    areas = tuple(_area_score(area, measurements, criteria) for area in criteria.areas)
    rules = [rule for area in areas for rule in area.rules]
    return Score(
        total=sum(each.area.weight * each.score for each in areas),
        ready_from=criteria.ready_from,
        areas=areas,
        metrics=tuple(_reading(metric, measurements) for metric in criteria.metrics),
        shortfalls=tuple(sorted((rule for rule in rules if rule.falls_short), key=lambda each: -each.lost)),
        measured_rules=sum(1 for rule in rules if rule.measurement.is_measured),
        rules=len(rules),
    )


def _area_score(area: Area, measurements: Mapping[str, Measurement], criteria: Criteria) -> AreaScore:
    rules = tuple(_rule_score(rule, area, measurements) for rule in criteria.rules_of(area))
    return AreaScore(area, sum(each.rule.weight * each.score for each in rules), rules)


def _rule_score(rule: Rule, area: Area, measurements: Mapping[str, Measurement]) -> RuleScore:
    found = measurements.get(rule.measurement) or unmeasured(rule.measurement, NOT_TAKEN)
    points = 0.0 if found.value is None else rule.score(found.value)
    return RuleScore(rule, found, points, area.weight * rule.weight * (1 - points))


def _reading(metric: Metric, measurements: Mapping[str, Measurement]) -> MetricReading:
    found = measurements.get(metric.measurement) or unmeasured(metric.measurement, NOT_TAKEN)
    if found.value is None:
        return MetricReading(metric, found, MetricState.UNMEASURED)
    sign = 1 if metric.more_is_better else -1
    if sign * (found.value - metric.target) >= 0:
        return MetricReading(metric, found, MetricState.MET)
    alarming = sign * (found.value - metric.alarm) <= 0
    return MetricReading(metric, found, MetricState.ALARM if alarming else MetricState.MISSED)

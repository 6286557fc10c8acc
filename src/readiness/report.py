"""A report: what was measured, what it scores, what falls short. Pure; how it looks is the renderers' concern."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from readiness.capacity.question import Answer
from readiness.capacity.venues import Work
from readiness.criteria import Criteria, Unit
from readiness.findings import Findings
from readiness.language import Texts
from readiness.measurement import Measurement
from readiness.score import RuleScore, Score, score

REVIEW_TOTAL = 0.40
"""The readiness that the review of 3 September 2025 found."""
USERS_NEEDED = 1_000
ACCOUNTS_NEEDED = 1_000


@dataclass(frozen=True, slots=True)
class CapacityRow:
    """``what`` is a key of the catalogue, its values beside it; numbers of None were not measured."""

    what: str
    values: dict[str, object]
    unit: Unit
    now: float | None
    needed: float
    more_is_better: bool = True

    @property
    def is_met(self) -> bool:
        if self.now is None:
            return False
        return self.now >= self.needed if self.more_is_better else self.now <= self.needed


@dataclass(frozen=True, slots=True)
class Report:
    findings: Findings
    score: Score
    capacity: tuple[CapacityRow, ...]

    @property
    def ready(self) -> bool:
        return self.score.ready


def build(findings: Findings, criteria: Criteria) -> Report:
    """Score what was found."""
    return Report(findings, score(findings.measurements, criteria), tuple(_capacity(findings)))


def _capacity(findings: Findings) -> list[CapacityRow]:
    value = findings.measurements.value
    rows = [
        CapacityRow("report.capacity.users", {}, Unit.COUNT, value("users_held"), USERS_NEEDED),
        CapacityRow("report.capacity.accounts", {}, Unit.COUNT, value("fanout_accounts"), ACCOUNTS_NEEDED),
        CapacityRow("report.capacity.streams", {}, Unit.COUNT, value("streams_held"), USERS_NEEDED),
    ]
    for answer in findings.capacity:
        rows += [_addresses(answer, work, findings.egresses) for work in (Work.ENTRY, Work.EXIT)]
    return rows


def _addresses(answer: Answer, work: Work, egresses: int) -> CapacityRow:
    forecast = next(each for each in answer.forecasts if each.work is work)
    question = answer.question
    values: dict[str, object] = {
        "venue": question.venue.capitalize(),
        "accounts": question.accounts,
        "target": question.target_s,
        "takes": forecast.done_s,
    }
    needed = forecast.addresses_needed
    return CapacityRow(f"report.capacity.{work.value}", values, Unit.COUNT, egresses, float("inf") if needed is None else needed)


def shown(value: float | None, unit: str, say: Texts) -> str:
    """Write a value in its unit, as a person reads it."""
    if value is None:
        return say("report.unmeasured")
    if value == float("inf"):
        return say("capacity.none")
    match unit:
        case Unit.YES:
            return say("report.yes" if value >= 1 else "report.no")
        case Unit.SHARE:
            return f"{say.number(value * 100, 2 if value < 0.01 else 1)} %"
        case Unit.MS:
            return f"{say.number(value, 0 if value >= 10 else 2)} ms"
        case Unit.S:
            return say.seconds(value)
        case Unit.MB:
            return f"{say.number(value, 0)} MB"
        case Unit.MB_PER_MIN:
            return f"{say.number(value, 2)} MB/min"
        case Unit.RATIO:
            return f"{say.number(value, 2)} x"
        case _:
            return say.number(value, 0)


def percent(share: float, say: Texts) -> str:
    """Write a score. It is never rounded up to the mark that it did not reach."""
    return f"{say.number(int(share * 1_000 + 1e-6) / 10, 1)} %"


def capacity_what(row: CapacityRow, say: Texts) -> str:
    values = {
        name: say.seconds(value) if isinstance(value, float) else say.number(value) if isinstance(value, int) else value
        for name, value in row.values.items()
    }
    return say(row.what, **values)


def how(measurement: Measurement, say: Texts) -> str:
    """Tell where a number comes from, or why there is none."""
    values = {
        name: say.number(value, 3) if isinstance(value, int | float) else say(value[1:]) if value.startswith("@") else value
        for name, value in measurement.values.items()
    }
    return say(f"how.{measurement.how}", **values)


def rule_words(rule: RuleScore, say: Texts) -> str:
    """Tell how the rule makes a score of its measurement."""
    if rule.rule.unit is Unit.YES:
        return say("report.rule_yes")
    key = "report.rule_more" if rule.rule.more_is_better else "report.rule_less"
    return say(key, target=shown(rule.rule.target, rule.rule.unit, say), floor=shown(rule.rule.floor, rule.rule.unit, say))


def when(findings: Findings) -> str:
    return findings.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def document(report: Report, say: Texts) -> dict[str, Any]:
    """Return the whole report as one object; scores and shares 0 to 1."""
    findings, found, language = report.findings, report.score, say.language
    return {
        "simulation": findings.isolated,
        "started_at": findings.started_at.isoformat(),
        "took_s": round(findings.took_s, 1),
        "users": findings.users,
        "accounts": findings.accounts,
        "readiness": round(found.total, 4),
        "ready_from": found.ready_from,
        "ready": found.ready,
        "review_found": REVIEW_TOTAL,
        "rules_measured": found.measured_rules,
        "rules": found.rules,
        "capacity": [
            {"what": row.what, **row.values, "now": row.now, "needed": None if row.needed == float("inf") else row.needed,
             "met": row.is_met}
            for row in report.capacity
        ],
        "metrics": [
            # What was not measured has no unit of its own, and the target's is the metric's.
            {"name": each.metric.name, "title": each.metric.title[language], "target": each.metric.target, "alarm": each.metric.alarm,
             "state": each.state.value, **_measurement(each.measurement, say), "unit": each.metric.unit.value}
            for each in found.metrics
        ],
        "areas": [
            {
                "name": area.area.name,
                "title": area.area.title[language],
                "weight": area.area.weight,
                "review_found": area.area.found,
                "score": round(area.score, 4),
                "rules": [_rule(rule, say) for rule in area.rules],
            }
            for area in found.areas
        ],
        "shortfalls": [
            {"rule": each.rule.name, "lost": round(each.lost, 4), "advice": each.rule.advice[language]} for each in found.shortfalls
        ],
        "load": None if findings.load is None else findings.load.document(),
        "failures": findings.failures,
    }  # fmt: skip


def _rule(rule: RuleScore, say: Texts) -> dict[str, Any]:
    return {
        "name": rule.rule.name,
        "title": rule.rule.title[say.language],
        "target": rule.rule.target,
        "floor": rule.rule.floor,
        "weight": rule.rule.weight,
        "score": round(rule.score, 4),
        **_measurement(rule.measurement, say),
    }


def _measurement(measurement: Measurement, say: Texts) -> dict[str, Any]:
    return {"measurement": measurement.name, "value": measurement.value, "unit": measurement.unit, "how": how(measurement, say)}

"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from readiness.language import Texts
from readiness.render.load import rows as load_rows
from readiness.render.load import title as load_title
from readiness.render.terminal import run_line, verdict
from readiness.report import Report, capacity_what, how, percent, rule_words, shown


def markdown(report: Report, say: Texts) -> str:
    """Return the whole report as one page."""
    lang, found, findings = say.language, report.score, report.findings
    parts = [
        f"# {say('report.title')}: {say('report.ready' if found.ready else 'report.not_ready')}",
        *([f"**{say('report.simulation')}**"] if findings.isolated else []),
        verdict(report, say),
        run_line(report, say),
        f"## {say('report.metrics_title')}",
        _table(
            [say(f"report.{name}") for name in ("metric", "value", "target", "alarm", "state")],
            (
                [
                    each.metric.title[lang],
                    shown(each.measurement.value, each.metric.unit, say),
                    shown(each.metric.target, each.metric.unit, say),
                    shown(each.metric.alarm, each.metric.unit, say),
                    say(f"report.states.{each.state}"),
                ]
                for each in found.metrics
            ),
        ),
        f"## {say('report.capacity_title')}",
        _table(
            [say(f"report.{name}") for name in ("what", "now", "needed")],
            (
                [capacity_what(row, say), shown(row.now, row.unit, say), shown(row.needed, row.unit, say)]
                for row in report.capacity
            ),
        ),
        f"## {say('report.areas_title')}",
        _table(
            [say(f"report.{name}") for name in ("area", "score", "review", "weight")],
            (
                [
                    area.area.title[lang],
                    percent(area.score, say),
                    "" if area.area.found is None else percent(area.area.found, say),
                    percent(area.area.weight, say),
                ]
                for area in found.areas
            ),
        ),
        f"## {say('report.shortfalls_title')}",
        _shortfalls(report, say),
        f"## {say('report.details_title')}",
    ]
    for area in found.areas:
        parts.append(f"### {area.area.title[lang]}: {percent(area.score, say)}")
        parts.append(
            _table(
                [say(f"report.{name}") for name in ("rule", "value", "score", "how")],
                (
                    [
                        f"{rule.rule.title[lang]} ({rule_words(rule, say)})",
                        shown(rule.measurement.value, rule.rule.unit, say),
                        percent(rule.score, say),
                        how(rule.measurement, say),
                    ]
                    for rule in area.rules
                ),
            )
        )
    if findings.load is not None:
        heads = [
            say("load.kind"),
            say("load.requests"),
            say("load.failed"),
            "p50",
            "p95",
            "p99",
            say("load.max"),
            say("load.errors"),
        ]
        parts += [f"## {say('report.load_title')}", load_title(findings.load, say), _table(heads, load_rows(findings.load, say))]
        parts.append(say("load.timed"))
    if findings.failures:
        parts += [f"## {say('report.failures_title')}", "\n".join(f"- {_cell(failure)}" for failure in findings.failures)]
    return "\n\n".join(parts) + "\n"


def _shortfalls(report: Report, say: Texts) -> str:
    if not report.score.shortfalls:
        return say("report.nothing_short")
    return _table(
        [say(f"report.{name}") for name in ("lost", "rule", "value", "advice")],
        (
            [
                percent(each.lost, say),
                each.rule.title[say.language],
                shown(each.measurement.value, each.rule.unit, say),
                each.rule.advice[say.language],
            ]
            for each in report.score.shortfalls
        ),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(heads), _line(["---"] * len(heads)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

"""A report in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from readiness.language import Texts
from readiness.render.load import show as show_load
from readiness.report import Report, capacity_what, how, percent, rule_words, shown, when
from readiness.score import MetricState

_STATES = {MetricState.MET: "green", MetricState.MISSED: "yellow", MetricState.ALARM: "bold red", MetricState.UNMEASURED: "dim"}
BAR_CELLS = 20


def show(console: Console, report: Report, say: Texts) -> None:
    """Print the verdict first, the details last."""
    lang = say.language
    found, findings = report.score, report.findings
    if findings.isolated:
        console.print(f"[bold black on yellow] {say('report.simulation')} [/]")
    style = "bold green" if found.ready else "bold red"
    console.print(f"[bold]{say('report.title')}[/]: [{style}]{say('report.ready' if found.ready else 'report.not_ready')}[/]")
    console.print(verdict(report, say), run_line(report, say), sep="\n")

    metrics = _table(say("report.metrics_title"))
    for name in ("metric", "value", "target", "alarm", "state"):
        metrics.add_column(say(f"report.{name}"), justify="left" if name in ("metric", "state") else "right")
    for each in found.metrics:
        unit = each.metric.unit
        metrics.add_row(
            each.metric.title[lang],
            shown(each.measurement.value, unit, say),
            shown(each.metric.target, unit, say),
            shown(each.metric.alarm, unit, say),
            f"[{_STATES[each.state]}]{say(f'report.states.{each.state}')}[/]",
        )
    console.print(metrics)

    capacity = _table(say("report.capacity_title"))
    for name in ("what", "now", "needed"):
        capacity.add_column(say(f"report.{name}"), justify="left" if name == "what" else "right")
    for row in report.capacity:
        colour = "green" if row.is_met else "red"
        now = f"[{colour}]{shown(row.now, row.unit, say)}[/]"
        capacity.add_row(capacity_what(row, say), now, shown(row.needed, row.unit, say))
    console.print(capacity)

    areas = _table(say("report.areas_title"))
    for name in ("area", "score", "review", "weight"):
        areas.add_column(say(f"report.{name}"), justify="left" if name == "area" else "right")
    areas.add_column("")
    for area in found.areas:
        filled = round(area.score * BAR_CELLS)
        areas.add_row(
            area.area.title[lang],
            percent(area.score, say),
            "" if area.area.found is None else percent(area.area.found, say),
            percent(area.area.weight, say),
            f"[{'green' if area.score >= found.ready_from else 'red'}]{'█' * filled}[/][dim]{'░' * (BAR_CELLS - filled)}[/]",
        )
    console.print(areas)
    _show_details(console, report, say)
    _show_shortfalls(console, report, say)
    if findings.load is not None:
        console.print(f"\n[bold]{say('report.load_title')}[/]")
        show_load(console, findings.load, say)
    if findings.failures:
        console.print(f"\n[bold red]{say('report.failures_title')}[/]")
        for failure in findings.failures:
            console.print(f"- {escape(failure)}")


def verdict(report: Report, say: Texts) -> str:
    found = report.score
    words = say("report.verdict", total=percent(found.total, say), review="40 %", **{"from": percent(found.ready_from, say)})
    return f"{words} {say('report.measured', measured=found.measured_rules, rules=found.rules)}"


def run_line(report: Report, say: Texts) -> str:
    findings = report.findings
    load_s = 0.0 if findings.load is None else findings.load.duration_s
    words = say(
        "report.run",
        when=when(findings),
        users=say.number(findings.users),
        accounts=say.number(findings.accounts),
        minutes=say.seconds(load_s),
        took=say.seconds(findings.took_s),
    )
    return f"{words}: {say('report.place_isolated' if findings.isolated else 'report.place_live')}."


def _show_details(console: Console, report: Report, say: Texts) -> None:
    table = _table(say("report.details_title"))
    for name in ("area", "rule", "value", "score"):
        table.add_column(say(f"report.{name}"), justify="right" if name in ("value", "score") else "left")
    table.add_column(say("report.how"), style="dim")
    for area in report.score.areas:
        for rule in area.rules:
            table.add_row(
                area.area.title[say.language],
                f"{escape(rule.rule.title[say.language])} [dim]({rule_words(rule, say)})[/]",
                shown(rule.measurement.value, rule.rule.unit, say),
                percent(rule.score, say),
                escape(how(rule.measurement, say)),
            )
    console.print(table)


def _show_shortfalls(console: Console, report: Report, say: Texts) -> None:
    if not report.score.shortfalls:
        console.print(say("report.nothing_short"), style="green")
        return
    table = _table(say("report.shortfalls_title"))
    table.add_column(say("report.lost"), justify="right")
    table.add_column(say("report.rule"))
    table.add_column(say("report.value"), justify="right")
    table.add_column(say("report.advice"))
    for each in report.score.shortfalls:
        table.add_row(
            percent(each.lost, say),
            escape(each.rule.title[say.language]),
            shown(each.measurement.value, each.rule.unit, say),
            escape(each.rule.advice[say.language]),
        )
    console.print(table)


def _table(title: str) -> Table:
    return Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False)

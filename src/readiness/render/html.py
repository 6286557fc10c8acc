"""A report as one page that needs nothing else: no script, no other file, light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from readiness.language import Texts
from readiness.render.load import remarks
from readiness.render.load import rows as load_rows
from readiness.render.load import title as load_title
from readiness.render.plots import plots
from readiness.render.svg import ring
from readiness.render.terminal import run_line, verdict
from readiness.report import REVIEW_TOTAL, Report, capacity_what, how, percent, rule_words, shown
from readiness.score import MetricState, RuleScore

_CODE = re.compile(r"`([^`]+)`")
_TONES = {
    MetricState.MET: "good-text",
    MetricState.MISSED: "warn-text",
    MetricState.ALARM: "bad-text",
    MetricState.UNMEASURED: "soft",
}


def html(report: Report, say: Texts) -> str:
    """Return the whole page."""
    style = files("readiness").joinpath("render", "page.css").read_text(encoding="utf-8")
    banner = f'<div class="banner" role="note">{escape(say("report.simulation"))}</div>' if report.findings.isolated else ""
    body = "".join(
        (
            _hero(report, say),
            _section(say("report.metrics_title"), _metrics(report, say)),
            _section(say("report.areas_title"), _areas(report, say)),
            _section(say("report.capacity_title"), _capacity(report, say)),
            _section(say("report.shortfalls_title"), _shortfalls(report, say)),
            _section(say("report.plots_title"), _plots(report, say)),
            _section(say("report.load_title"), _load(report, say)) if report.findings.load is not None else "",
            _section(say("report.details_title"), _details(report, say)),
            _section(say("report.failures_title"), _failures(report)) if report.findings.failures else "",
        )
    )
    return (
        f'<!doctype html>\n<html lang="{say.language.tag}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(say("report.title"))}</title>'
        f"<style>{style}</style></head><body>{banner}<main>{body}</main></body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _hero(report: Report, say: Texts) -> str:
    found = report.score
    drawn = ring(
        found.total,
        mark=found.ready_from,
        other=REVIEW_TOTAL,
        words=percent(found.total, say),
        under=f"{say('plot.ready')}: {percent(found.ready_from, say)}",
        good=found.ready,
    )
    tone = "good-text" if found.ready else "bad-text"
    return (
        f'<section class="card hero">{drawn}<div><h1>{escape(say("report.title"))}</h1>'
        f'<p class="verdict {tone}">{escape(say("report.ready" if found.ready else "report.not_ready"))}</p>'
        f'<p>{escape(verdict(report, say))}</p><p class="soft small">{escape(run_line(report, say))}</p></div></section>'
    )


def _metrics(report: Report, say: Texts) -> str:
    cards = []
    for each in report.score.metrics:
        unit = each.metric.unit
        target, alarm = shown(each.metric.target, unit, say), shown(each.metric.alarm, unit, say)
        bounds = f"{say('report.target')} {target} · {say('report.alarm')} {alarm}"
        cards.append(
            f'<div class="card"><span class="soft small">{escape(each.metric.title[say.language])}</span>'
            f"<b>{escape(shown(each.measurement.value, unit, say))}</b>"
            f'<span class="chip {_TONES[each.state]}">{escape(say(f"report.states.{each.state}"))}</span>'
            f'<p class="soft small" style="margin:6px 0 0">{escape(bounds)}</p></div>'
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _areas(report: Report, say: Texts) -> str:
    rows = []
    for area in report.score.areas:
        before = "" if area.area.found is None else f'<u class="before" style="left:{area.area.found * 100:.1f}%"></u>'
        good = " class=ok" if area.score >= report.score.ready_from else ""
        rows.append(
            f'<div class="area"><span>{escape(area.area.title[say.language])} '
            f'<span class="soft small">{percent(area.area.weight, say)}</span></span>'
            f'<span class="bar"><i{good} style="width:{area.score * 100:.1f}%"></i>{before}'
            f'<u style="left:{report.score.ready_from * 100:.1f}%"></u></span>'
            f'<span class="num">{percent(area.score, say)}</span></div>'
        )
    key = (
        f'<p class="legend"><span><i style="background:var(--ink)"></i>{escape(say("plot.ready"))}</span>'
        f'<span><i style="background:var(--s4)"></i>{escape(say("plot.review"))}</span></p>'
    )
    return f'<div class="card">{"".join(rows)}{key}</div>'


def _capacity(report: Report, say: Texts) -> str:
    rows = []
    for row in report.capacity:
        tone = "good-text" if row.is_met else "bad-text"
        now = f'<span class="{tone}">{escape(shown(row.now, row.unit, say))}</span>'
        rows.append([escape(capacity_what(row, say)), now, escape(shown(row.needed, row.unit, say))])
    return _table([say("report.what"), say("report.now"), say("report.needed")], rows, numbers=(1, 2))


def _shortfalls(report: Report, say: Texts) -> str:
    if not report.score.shortfalls:
        return f'<p class="card good-text">{escape(say("report.nothing_short"))}</p>'
    rows = [
        [
            escape(each.rule.title[say.language]),
            escape(shown(each.measurement.value, each.rule.unit, say)),
            escape(percent(each.lost, say)),
            _CODE.sub(r"<code>\1</code>", escape(each.rule.advice[say.language])),
        ]
        for each in report.score.shortfalls
    ]
    return _table([say(f"report.{name}") for name in ("rule", "value", "lost", "advice")], rows, numbers=(1, 2))


def _plots(report: Report, say: Texts) -> str:
    none = f'<p class="soft">{escape(say("plot.none"))}</p>'
    cards = (
        f'<div class="card"><h3>{escape(plot.title)}</h3>{plot.drawing or none}</div>' for plot in plots(report.findings, say)
    )
    return f'<div class="plots">{"".join(cards)}</div>'


def _load(report: Report, say: Texts) -> str:
    load = report.findings.load
    assert load is not None
    heads = [say("load.kind"), say("load.requests"), say("load.failed"), "p50", "p95", "p99", say("load.max"), say("load.errors")]
    rows = [[escape(cell) for cell in row] for row in load_rows(load, say)]
    words = "".join(f'<p class="warn-text small">{escape(each)}</p>' for each in remarks(load, say))
    told = f'<p>{escape(load_title(load, say))}</p><p class="soft small">{escape(say("load.timed"))}</p>{words}'
    return f"{told}{_table(heads, rows, numbers=range(1, 7))}"


def _details(report: Report, say: Texts) -> str:
    parts = []
    for area in report.score.areas:
        rows = [_detail(rule, say) for rule in area.rules]
        table = _table([say(f"report.{name}") for name in ("rule", "value", "score", "how")], rows, numbers=(1, 2), card=False)
        parts.append(
            f'<details class="card"><summary><span>{escape(area.area.title[say.language])}</span>'
            f"<span>{percent(area.score, say)}</span></summary><div>{table}</div></details>"
        )
    return "".join(parts)


def _detail(rule: RuleScore, say: Texts) -> list[str]:
    tone = "good-text" if not rule.falls_short else "bad-text"
    return [
        f'{escape(rule.rule.title[say.language])}<br><span class="how">{escape(rule_words(rule, say))}, '
        f"{escape(say('report.weight'))} {percent(rule.rule.weight, say)}</span>",
        escape(shown(rule.measurement.value, rule.rule.unit, say)),
        f'<span class="{tone}">{percent(rule.score, say)}</span>',
        f'<span class="how">{escape(how(rule.measurement, say))}</span>',
    ]


def _failures(report: Report) -> str:
    return f'<ul class="card">{"".join(f"<li>{escape(each)}</li>" for each in report.findings.failures)}</ul>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = (), card: bool = True) -> str:
    """Lay out cells that are HTML already; on a narrow screen each row becomes a small block."""
    right = set(numbers)

    def cell(at: int, content: str) -> str:
        kind = " class=num" if at in right else ""
        name = f' data-name="{escape(heads[at])}"' if at else ""
        return f"<td{kind}{name}>{content}</td>"

    head = "".join(f"<th{' class=num' if at in right else ''}>{escape(name)}</th>" for at, name in enumerate(heads))
    body = "".join(f"<tr>{''.join(cell(at, content) for at, content in enumerate(row))}</tr>" for row in rows)
    table = f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="{"card " if card else ""}scroll">{table}</div>'

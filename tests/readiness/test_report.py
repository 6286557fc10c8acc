"""Reports: one content in four forms and two languages; the page needs nothing but itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from readiness.capacity.question import Question, answer
from readiness.criteria import criteria
from readiness.findings import Findings
from readiness.isolated.drills import Curve
from readiness.language import Language, texts
from readiness.load.result import LoadResult
from readiness.load.wire import Failure
from readiness.load_measurements import load_measurements
from readiness.measure.sampler import Course, MemorySample
from readiness.measurement import measured, unmeasured
from readiness.render.html import html
from readiness.render.markdown import markdown
from readiness.render.svg import Axis, Series, lines, round_ticks, thinned
from readiness.render.terminal import show
from readiness.report import Report, build, document, how, percent, shown

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "br", "line", "circle", "polyline", "i", "u"}


def report(*, isolated: bool = True) -> Report:
    load = LoadResult(1_000, 200.0, 60.0, 1_000)
    for number in range(400):
        load.note("ready", number / 7, 0.004 + number / 100_000, None, 200)
        load.note("signal", number / 7, 0.01, None, 202)
    load.note("ready", 1.0, 2.0, Failure.TIMEOUT)
    found = Findings(datetime(2026, 1, 2, 3, 4, tzinfo=UTC), isolated, 1_000, 1_000, took_s=61.0, egresses=4)
    found.load = load
    found.curve = Curve([10, 20, 30], [40, 50])
    found.course = Course(memory=[MemorySample(at, {"api": 60.0 + at, "simulator": 500.0}) for at in range(3)])
    found.capacity = [answer(Question(250, "bybit", 4)), answer(Question(250, "binance", 4))]
    found.measurements.add(load_measurements(load, fan_out=1_000))
    found.measurements.add(
        [
            measured("kill_lost", 0, "count", "books", accounts=1_000, ordered=1_000),
            measured("db_slow_query_log", 0, "yes", "slow_log", setting="<-1>"),
            measured("db_connections_share", 0.92, "share", "connections", used=92, most=100, looks=7),
            unmeasured("memory_processes_mb", "no_proc"),
        ]
    )
    found.failures = ["hung: <nobody> | answered"]
    return build(found, criteria())


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        if tag in ("meta", "br"):
            self.open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", list(Language))
def test_the_page_is_whole_and_needs_nothing_else(language: Language) -> None:
    page = html(report(), texts(language))
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert not parser.tags & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"https?://|@import|url\(|\bsrc=|\bon[a-z]+=", page)
    assert f'lang="{language.tag}"' in page
    assert page.count("<svg") == 5  # the ring and four plots
    assert "prefers-color-scheme:dark" in page
    assert "width=device-width" in page
    assert "&lt;nobody&gt;" in page
    assert "<nobody>" not in page
    assert "<-1>" not in page


@pytest.mark.parametrize("language", list(Language))
def test_every_form_shows_every_rule_with_its_measurement(language: Language) -> None:
    say, made = texts(language), report()
    console = Console(file=StringIO(), width=2_000)
    show(console, made, say)
    written = console.file
    assert isinstance(written, StringIO)
    page, told, marked = html(made, say), written.getvalue(), markdown(made, say)
    whole = document(made, say)
    rules = {rule["name"]: rule for area in whole["areas"] for rule in area["rules"]}
    for area in made.score.areas:
        for rule in area.rules:
            title = rule.rule.title[language]
            assert title in told
            assert title in marked
            assert title.replace("'", "&#x27;") in page
            assert rules[rule.rule.name]["how"] == how(rule.measurement, say)
            assert how(rule.measurement, say) in told
    assert say("report.not_ready") in told
    assert say("report.not_ready") in marked
    assert say("report.not_ready") in page
    assert (say("report.simulation") in page, say("report.simulation") in html(report(isolated=False), say)) == (True, False)
    assert orjson.loads(orjson.dumps(whole))["readiness"] == round(made.score.total, 4)


def test_the_markdown_is_as_it_was() -> None:
    """A golden file: when the criteria or the texts change on purpose, write it anew from the text that the failure shows."""
    assert markdown(report(), texts(Language.PT)) == (GOLDEN / "report.pt.md").read_text()


def test_the_figures_of_the_report() -> None:
    whole = document(report(), texts(Language.EN))
    assert whole["simulation"] is True
    assert whole["ready"] is False
    metrics = {metric["name"]: metric for metric in whole["metrics"]}
    assert (metrics["connections"]["state"], metrics["connections"]["value"]) == ("alarm", 0.92)
    assert metrics["memory"]["state"] == "unmeasured"
    # 1 of 801 requests failed: more than a thousandth, so the users were not held.
    assert (metrics["errors"]["state"], metrics["users"]["value"]) == ("missed", 0.0)
    exits = next(row for row in whole["capacity"] if row["what"] == "report.capacity.exit" and row["venue"] == "Bybit")
    assert (exits["now"], exits["met"]) == (4, exits["needed"] <= 4)
    assert whole["shortfalls"] == sorted(whole["shortfalls"], key=lambda each: -each["lost"])


def test_numbers_are_written_as_each_language_does() -> None:
    english, portuguese = texts(Language.EN), texts(Language.PT)
    assert (english.number(1234.5), portuguese.number(1234.5)) == ("1,234.5", "1.234,5")
    assert (english.seconds(0.25), english.seconds(90), portuguese.seconds(5_400)) == ("250 ms", "90 s", "1,5 h")
    # 84.99 % is not 85 %.
    assert percent(0.8499, english) == "84.9 %"
    assert percent(0.85, english) == "85 %"
    assert shown(None, "ms", english) == "not measured"
    assert (shown(1, "yes", portuguese), shown(0, "yes", portuguese)) == ("sim", "não")
    assert shown(0.0005, "share", english) == "0.05 %"


def test_plots_hold_whatever_they_are_given() -> None:
    axis = Axis("x", 0, 0, str)
    assert axis.place(5) == 1.0
    assert round_ticks(0, 97) == [0, 20, 40, 60, 80]
    assert round_ticks(3, 3) == [3]
    drawn = lines([Series("<a>", [])], axis, Axis("y", 0.1, 1_000, str, log=True), title="<t>")
    assert "<t>" not in drawn
    many = [(float(at), 0.0) for at in range(10_000)]
    assert (len(thinned(many)), thinned(many)[0], thinned(many)[-1]) == (400, many[0], many[-1])


def test_a_report_of_nothing_can_be_shown() -> None:
    empty = build(Findings(datetime(2026, 1, 1, tzinfo=UTC), False, 1, 0), criteria())
    for language in Language:
        say = texts(language)
        assert say("plot.none") in html(empty, say)
        assert say("report.not_ready") in markdown(empty, say)
    assert empty.score.total == 0

"""A load's result as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from readiness.language import Texts
from readiness.load.result import Kind, LoadResult
from readiness.load.wire import Failure

QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def show(console: Console, result: LoadResult, say: Texts, *, left_out: Sequence[str] = ()) -> None:
    """Print latencies by kind of request, and whatever makes them doubtful."""
    console.print(title(result, say), style="bold")
    table = Table(box=None, pad_edge=False)
    table.add_column(say("load.kind"))
    table.add_column(say("load.requests"), justify="right")
    table.add_column(say("load.failed"), justify="right")
    for name, _ in QUANTILES:
        table.add_column(name, justify="right")
    table.add_column(say("load.max"), justify="right")
    table.add_column(say("load.errors"))
    for row in rows(result, say):
        table.add_row(*row)
    console.print(table)
    console.print(say("load.timed"), style="dim")
    for words in remarks(result, say, left_out):
        console.print(words, style="yellow")


def title(result: LoadResult, say: Texts) -> str:
    return say(
        "load.title",
        users=say.number(result.users),
        rate=say.number(result.rate_per_s),
        duration=say.seconds(result.duration_s),
        requests=say.number(result.count),
        failed=say.number(result.failed),
        share=say.number(result.error_share * 100, 2),
    )


def rows(result: LoadResult, say: Texts) -> list[list[str]]:
    """Return the cells of each kind of request."""
    return [
        [
            name,
            say.number(kind.count),
            say.number(kind.failed),
            *(say.number(kind.latency.quantile_s(share) * 1_000) for _, share in QUANTILES),
            say.number(kind.latency.max_s * 1_000),
            _errors(kind),
        ]
        for name, kind in sorted(result.kinds.items())
    ]


def _errors(kind: Kind) -> str:
    """Name errors by kind; an answer that says no by its status."""
    found = [f"{failure.value} {count}" for failure, count in sorted(kind.errors.items()) if failure is not Failure.STATUS]
    if kind.errors[Failure.STATUS]:
        found += [f"{status}: {count}" for status, count in sorted(kind.statuses.items()) if not 200 <= status < 300]
    return ", ".join(found)


def remarks(result: LoadResult, say: Texts, left_out: Sequence[str] = ()) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    found = []
    if result.late:
        found.append(say("load.late", lag=say.number(result.own_lag.quantile_s(0.99) * 1_000)))
    if result.streams.wanted:
        streams = result.streams
        found.append(
            say(
                "load.streams",
                held=say.number(streams.held),
                wanted=say.number(streams.wanted),
                cut=say.number(streams.cut),
                refused=say.number(streams.refused),
                events=say.number(streams.events),
            )
        )
    if left_out:
        found.append(say("load.warmed", routes=", ".join(left_out)))
    if result.aborted:
        found.append(say("load.aborted"))
    return found

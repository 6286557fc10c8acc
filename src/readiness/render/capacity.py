"""An answer about capacity as tables for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from readiness.capacity.question import CONFIGURABLE_ADDRESSES, EXECUTION_WINDOW_S, Answer, Forecast
from readiness.capacity.venues import VENUES, Work
from readiness.language import Texts


def show(console: Console, answer: Answer, say: Texts) -> None:
    """Print what one account costs, then what that makes for all of them."""
    question, limits = answer.question, VENUES[answer.question.venue]
    share = -(-question.accounts // question.addresses)
    console.print(
        say(
            "capacity.title",
            accounts=say.number(question.accounts),
            venue=question.venue.capitalize(),
            addresses=say.number(question.addresses),
            share=say.number(share),
        ),
        style="bold",
    )
    console.print(
        say(
            "capacity.limit",
            limit=say.number(limits.address.limit),
            period=say.seconds(limits.address.period_s),
            usable=say.number(answer.usable),
            unreserved=say.number(answer.unreserved),
            turnover=say.seconds(answer.turnover_s),
        )
    )
    for work in Work:
        console.print(_calls(answer, work, say))
    console.print(_forecasts(answer, say))
    for forecast in answer.forecasts:
        if forecast.in_time < question.accounts:
            console.print(
                f"{say(f'capacity.works.{forecast.work}')}: "
                + say(
                    "capacity.late",
                    late=say.number(question.accounts - forecast.in_time),
                    accounts=say.number(question.accounts),
                    window=say.seconds(EXECUTION_WINDOW_S),
                ),
                style="yellow",
            )
    console.print(say("capacity.note"), style="dim")


def _calls(answer: Answer, work: Work, say: Texts) -> Table:
    calls = VENUES[answer.question.venue].calls[work]
    table = Table(
        title=f"{say('capacity.calls_title')}: {say(f'capacity.works.{work}')}",
        title_justify="left",
        box=None,
        pad_edge=False,
        caption=say("capacity.total", calls=len(calls), weight=sum(call.weight for call in calls)),
        caption_justify="left",
    )
    table.add_column(say("capacity.call"), no_wrap=True)
    table.add_column(say("capacity.weight"), justify="right")
    table.add_column(say("capacity.bucket"))
    table.add_column(say("capacity.urgent"))
    table.add_column(say("capacity.why"))
    for call in calls:
        own = f"{call.units} {call.bucket}" if call.bucket else ""
        table.add_row(
            call.what,
            str(call.weight),
            own,
            say("capacity.yes" if call.urgent else "capacity.no"),
            say(f"capacity.whys.{call.why}"),
        )
    return table


def _forecasts(answer: Answer, say: Texts) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(say("capacity.work"))
    for name in ("ordered", "done"):
        table.add_column(say(f"capacity.{name}"), justify="right")
    table.add_column(say("capacity.bound"))
    table.add_column(say("capacity.needed", target=say.seconds(answer.question.target_s)), justify="right")
    table.add_column(say("capacity.in_time"), justify="right")
    for forecast in answer.forecasts:
        table.add_row(
            say(f"capacity.works.{forecast.work}"),
            say.seconds(forecast.ordered_s),
            say.seconds(forecast.done_s),
            say(f"capacity.bounds.{forecast.bound}"),
            _needed(forecast, say),
            say.number(forecast.in_time),
        )
    return table


def _needed(forecast: Forecast, say: Texts) -> str:
    needed = forecast.addresses_needed
    if needed is None:
        return say("capacity.none")
    if needed > CONFIGURABLE_ADDRESSES:
        return say("capacity.over", needed=say.number(needed), configurable=CONFIGURABLE_ADDRESSES)
    return say.number(needed)

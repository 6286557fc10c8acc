"""`marketbot signal`: sent, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json, Language, Limit
from marketbot.cli.running import run_command

group = typer.Typer(help="Send signals, and see what became of them.", no_args_is_help=True, rich_markup_mode=None)


@group.command("send")
def signal_send(
    source: Annotated[str, typer.Argument(help="The source's name.")],
    body: Annotated[str | None, typer.Argument(help="The body as a sender would post it; - reads standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the body from a file.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="MARKETBOT_SOURCE_SECRET", help="The webhook's secret.")] = None,
    url: Annotated[str | None, typer.Option(help="The service's address (default: the one that runs here).")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every account's work is done, and show the result.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Post a signal to the service's own webhook."""
    from marketbot.cli.signal_sending import SendOptions, send_signal

    options = SendOptions(source=source, body=body, file=file, secret=secret, url=url, wait=wait)
    run_command(json, data_dir, lambda output, settings: send_signal(output, settings, options))


@group.command("show")
def signal_show(
    signal_id: Annotated[int, typer.Argument(min=1)],
    limit: Limit = 10_000,
    lang: Language = "en",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Every account's outcome of one signal, with its reason."""
    from marketbot.cli.signals import show_signal

    run_command(json, data_dir, lambda output, settings: show_signal(output, settings, signal_id, limit=limit, lang=lang))


@group.command("list")
def signal_list(limit: Limit = 20, json: Json = False, data_dir: DataDir = None) -> None:
    """The latest signals."""
    from marketbot.cli.signals import list_signals

    run_command(json, data_dir, lambda output, settings: list_signals(output, settings, limit))

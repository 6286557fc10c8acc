"""`marketbot source`: where signals come from."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json
from marketbot.cli.running import run_command

group = typer.Typer(help="Where signals come from, each with its own secret.", no_args_is_help=True, rich_markup_mode=None)


@group.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
    kind: Annotated[str, typer.Option(help="webhook (TradingView: a secret) or program (signs its bodies).")] = "webhook",
    signals_per_hour: Annotated[int, typer.Option(min=1, max=1_000_000)] = 300,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Make a source; its secret is shown once."""
    from marketbot.cli.sources import add_source

    run_command(json, data_dir, lambda output, settings: add_source(output, settings, name, kind, signals_per_hour))


@group.command("set")
def source_set(
    name: str,
    interval: Annotated[
        str | None,
        typer.Option(help="Chart interval (30, 4h, 1D) of alerts whose time is when their bar opened; none to forget it."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Network that may send (203.0.113.0/24), repeatable; any for every address.")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether its signals are taken.")] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Change what a source may do and how its times are read; takes effect within seconds."""
    from marketbot.cli.sources import SourceChange, change_source

    change = SourceChange(interval, allow, enabled)
    run_command(json, data_dir, lambda output, settings: change_source(output, settings, name, change))


@group.command("list")
def source_list(json: Json = False, data_dir: DataDir = None) -> None:
    """All sources, without their secrets."""
    from marketbot.cli.sources import list_sources

    run_command(json, data_dir, list_sources)


@group.command("rotate")
def source_rotate(name: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Give a source another secret, shown once; the old one ends now."""
    from marketbot.cli.sources import rotate_source

    run_command(json, data_dir, lambda output, settings: rotate_source(output, settings, name))

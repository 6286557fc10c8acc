"""`marketbot policy`: the operator's defaults and bounds."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json
from marketbot.cli.running import run_command

group = typer.Typer(help="The operator's defaults and bounds for every account.", no_args_is_help=True, rich_markup_mode=None)


@group.command("show")
def policy_show(json: Json = False, data_dir: DataDir = None) -> None:
    """Every setting and its value."""
    from marketbot.cli.policy import show_policy

    run_command(json, data_dir, show_policy)


@group.command("set")
def policy_set(
    changes: Annotated[list[str], typer.Argument(help="NAME=VALUE, as `policy show` names them; repeatable.")],
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Change settings, all of them or none: leverage.high=8 max_order_notional=50000 restricted_symbols=BTCUSDT,ETHUSDT."""
    from marketbot.cli.policy import set_policy

    run_command(json, data_dir, lambda output, settings: set_policy(output, settings, changes))

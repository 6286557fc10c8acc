"""`marketbot users`: who owns accounts and may use the API."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json, Limit
from marketbot.cli.running import run_command

group = typer.Typer(help="Who owns accounts and may use the API.", no_args_is_help=True, rich_markup_mode=None)


@group.command("add")
def users_add(
    name: Annotated[str, typer.Argument(help="1 to 100 characters.")], json: Json = False, data_dir: DataDir = None
) -> None:
    """Make a user; an import of accounts makes those it names too."""
    from marketbot.cli.users import add_user

    run_command(json, data_dir, lambda output, settings: add_user(output, settings, name))


@group.command("list")
def users_list(limit: Limit = 1_000, json: Json = False, data_dir: DataDir = None) -> None:
    """All users."""
    from marketbot.cli.users import show_users

    run_command(json, data_dir, lambda output, settings: show_users(output, settings, limit))


@group.command("disable")
def users_disable(name: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Refuse a user's tokens, within seconds. Their accounts trade on: `marketbot halt user NUMBER` stops entries."""
    from marketbot.cli.users import enable_user

    run_command(json, data_dir, lambda output, settings: enable_user(output, settings, name, enabled=False))


@group.command("enable")
def users_enable(name: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Take a user's tokens again."""
    from marketbot.cli.users import enable_user

    run_command(json, data_dir, lambda output, settings: enable_user(output, settings, name, enabled=True))

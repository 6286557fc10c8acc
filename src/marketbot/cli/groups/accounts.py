"""`marketbot accounts`: brought in and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json, Language, Limit
from marketbot.cli.running import run_command

group = typer.Typer(help="Bring exchange accounts in, and check them.", no_args_is_help=True, rich_markup_mode=None)


@group.command("import")
def accounts_import(
    file: Annotated[Path, typer.Argument(help="A CSV or JSON file of accounts.")], json: Json = False, data_dir: DataDir = None
) -> None:
    """Write accounts and their sealed keys; a second import updates them."""
    from marketbot.cli.accounts import import_file

    run_command(json, data_dir, lambda output, settings: import_file(output, settings, file))


@group.command("check")
def accounts_check(
    labels: Annotated[list[str] | None, typer.Argument(help="Labels or numbers of accounts (default: all).")] = None,
    lang: Language = "en",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Ask the venues whether the keys work: rights, mode, address, balance."""
    from marketbot.cli.account_checks import check_accounts

    run_command(json, data_dir, lambda output, settings: check_accounts(output, settings, labels or [], lang=lang))


@group.command("list")
def accounts_list(limit: Limit = 10_000, json: Json = False, data_dir: DataDir = None) -> None:
    """All accounts, with their state."""
    from marketbot.cli.accounts import list_accounts

    run_command(json, data_dir, lambda output, settings: list_accounts(output, settings, limit))

"""`marketbot backup`: made, listed and proved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json
from marketbot.cli.running import run_command

group = typer.Typer(help="Back the books up, and prove that a backup is good.", rich_markup_mode=None)


@group.callback(invoke_without_command=True)
def backup(context: typer.Context, json: Json = False, data_dir: DataDir = None) -> None:
    """Make a backup now, while the service runs; see also list and verify."""
    if context.invoked_subcommand is not None:
        return
    from marketbot.cli.backups import back_up

    run_command(json, data_dir, back_up)


@group.command("list")
def backup_list(json: Json = False, data_dir: DataDir = None) -> None:
    """The backups there are, the newest first."""
    from marketbot.cli.backups import list_backups

    run_command(json, data_dir, list_backups)


@group.command("verify")
def backup_verify(
    name: Annotated[str, typer.Argument(help="A backup's name, or latest.")] = "latest",
    scratch: Annotated[
        Path | None, typer.Option(resolve_path=True, help="Where the scratch server is made (default: the data directory).")
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into a scratch server, count it, check its books; exit 1 when anything is wrong."""
    from marketbot.cli.backups import verify_backup

    run_command(json, data_dir, lambda output, settings: verify_backup(output, settings, name, scratch))

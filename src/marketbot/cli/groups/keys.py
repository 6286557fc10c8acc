"""`marketbot keys`: what seals accounts' keys."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json
from marketbot.cli.running import run_command

group = typer.Typer(help="What seals accounts' keys: rotation and revocation.", no_args_is_help=True, rich_markup_mode=None)


@group.command("init")
def keys_init(json: Json = False, data_dir: DataDir = None) -> None:
    """Make the key-encryption key of an installation that has none; `marketbot up` does it by itself."""
    from marketbot.cli.keys import init_keys

    run_command(json, data_dir, init_keys)


@group.command("show")
def keys_show(json: Json = False, data_dir: DataDir = None) -> None:
    """Which key-encryption keys are here, and what each wraps."""
    from marketbot.cli.keys import show_keys

    run_command(json, data_dir, show_keys)


@group.command("rotate-kek")
def keys_rotate_kek(json: Json = False, data_dir: DataDir = None) -> None:
    """Wrap every user's data key by a new key-encryption key; the service trades on. Broken off, run it again."""
    from marketbot.cli.keys import rotate_kek

    run_command(json, data_dir, rotate_kek)


@group.command("retire-kek")
def keys_retire_kek(
    kek_id: Annotated[str, typer.Argument(help="As `keys show` names it.")], json: Json = False, data_dir: DataDir = None
) -> None:
    """Drop a key-encryption key that wraps nothing any more; older backups may need it."""
    from marketbot.cli.keys import retire_kek

    run_command(json, data_dir, lambda output, settings: retire_kek(output, settings, kek_id))


@group.command("rotate-data-keys")
def keys_rotate_data_keys(json: Json = False, data_dir: DataDir = None) -> None:
    """Seal every account anew under a fresh key of its user; the service trades on. Broken off, run it again."""
    from marketbot.cli.keys import rotate_data_keys

    run_command(json, data_dir, rotate_data_keys)


@group.command("revoke")
def keys_revoke(
    everything: Annotated[bool, typer.Option("--all", help="Every account of everybody.")] = False,
    user: Annotated[str | None, typer.Option(help="A user's name or number.")] = None,
    account: Annotated[str | None, typer.Option(help="An account's number.")] = None,
    drill: Annotated[bool, typer.Option("--drill", help="Do it, measure it, and take it back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it cannot be taken back.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Wipe exchange keys that may have leaked, and stop their accounts."""
    from marketbot.cli.keys import revoke_keys

    run_command(
        json,
        data_dir,
        lambda output, settings: revoke_keys(
            output, settings, everything=everything, user=user, account=account, drill=drill, yes=yes
        ),
    )

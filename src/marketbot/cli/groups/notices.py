"""`marketbot notices`: where they are sent."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json
from marketbot.cli.running import run_command

group = typer.Typer(help="Where users and the operator are told of what went wrong.", no_args_is_help=True, rich_markup_mode=None)

NoticeUser = Annotated[str | None, typer.Option("--user", help="A user's name; none means the operator.")]


@group.command("set")
def notices_set(
    url: Annotated[str, typer.Argument(help="An https address on the public internet.")],
    user: NoticeUser = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Have notices sent to an address, signed; the secret is shown once."""
    from marketbot.cli.notices import set_hook

    run_command(json, data_dir, lambda output, settings: set_hook(output, settings, url, user))


@group.command("show")
def notices_show(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Which host notices go to."""
    from marketbot.cli.notices import show_hook

    run_command(json, data_dir, lambda output, settings: show_hook(output, settings, user))


@group.command("test")
def notices_test(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Send a notice that says nothing; a running service delivers it."""
    from marketbot.cli.notices import test_hook

    run_command(json, data_dir, lambda output, settings: test_hook(output, settings, user))


@group.command("remove")
def notices_remove(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Have nothing sent any more."""
    from marketbot.cli.notices import remove_hook_of

    run_command(json, data_dir, lambda output, settings: remove_hook_of(output, settings, user))

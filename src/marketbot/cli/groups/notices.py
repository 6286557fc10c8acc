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


ChannelNumber = Annotated[int, typer.Argument(help="The channel's number, as `notices channels` shows it.", min=1)]
Speaks = Annotated[str | None, typer.Option("--language", help="pt-BR or en.")]
From = Annotated[str | None, typer.Option("--minimum", help="info, warning or critical: what is less grave is not sent.")]
Which = Annotated[list[str] | None, typer.Option("--notice", help="Only this notice; may be given more than once.")]


def _choices(language: str | None, minimum: str | None, notices: list[str] | None) -> dict[str, object]:
    given = {"language": language, "minimum": minimum, "notices": notices or None}
    return {name: value for name, value in given.items() if value is not None}


@group.command("channels")
def notices_channels(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """By what means the operator or a user is told, and of what."""
    from marketbot.cli.channels import show_channels

    run_command(json, data_dir, lambda output, settings: show_channels(output, settings, user))


@group.command("add")
def notices_add(
    kind: Annotated[str, typer.Argument(help="webhook, telegram, email, discord or slack.")],
    target: Annotated[str | None, typer.Argument(help="Its https address, or an e-mail address; none for telegram.")] = None,
    language: Speaks = None,
    minimum: From = None,
    notice: Which = None,
    user: NoticeUser = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Add a channel, of five at most; a webhook's secret or the code that links a chat is shown once."""
    from marketbot.cli.channels import add_channel

    lead = {} if target is None else {"address" if kind == "email" else "url": target}
    document = {"kind": kind, **lead, **_choices(language, minimum, notice)}
    run_command(json, data_dir, lambda output, settings: add_channel(output, settings, document, user))


@group.command("change")
def notices_change(
    channel: ChannelNumber,
    language: Speaks = None,
    minimum: From = None,
    notice: Which = None,
    every: Annotated[bool, typer.Option("--all", help="All notices, from the minimum on.")] = False,
    user: NoticeUser = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Change what a channel is told; one that its receiver refused is tried again."""
    from marketbot.cli.channels import change_channel

    document = _choices(language, minimum, notice) | ({"notices": None} if every else {})
    run_command(json, data_dir, lambda output, settings: change_channel(output, settings, channel, document, user))


@group.command("try")
def notices_try(channel: ChannelNumber, user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Send a message that says nothing through a channel; a running service delivers it."""
    from marketbot.cli.channels import try_channel

    run_command(json, data_dir, lambda output, settings: try_channel(output, settings, channel, user))


@group.command("drop")
def notices_drop(channel: ChannelNumber, user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Remove a channel, with what waits for it."""
    from marketbot.cli.channels import drop_channel

    run_command(json, data_dir, lambda output, settings: drop_channel(output, settings, channel, user))

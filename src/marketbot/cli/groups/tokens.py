"""`marketbot tokens`: made, shown and revoked."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json, Limit
from marketbot.cli.running import run_command

group = typer.Typer(help="API tokens of users and operators, each shown once.", no_args_is_help=True, rich_markup_mode=None)


@group.command("create")
def tokens_create(
    user: Annotated[str | None, typer.Option(help="The user's name; none makes an operator's token.")] = None,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it opens, repeatable (default: reading); all for everything of its kind."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3_660, help="How long it holds (default: until it is revoked).")] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Make a token; it is shown once."""
    from marketbot.cli.tokens import TokenOptions, make_api_token

    options = TokenOptions(user=user, name=name, scopes=scope, days=days)
    run_command(json, data_dir, lambda output, settings: make_api_token(output, settings, options))


@group.command("list")
def tokens_list(
    user: Annotated[str | None, typer.Option(help="Of one user.")] = None,
    limit: Limit = 1_000,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """All tokens, without the tokens themselves."""
    from marketbot.cli.tokens import show_tokens

    run_command(json, data_dir, lambda output, settings: show_tokens(output, settings, user, limit))


@group.command("revoke")
def tokens_revoke(token_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """End a token; a running service refuses it within seconds."""
    from marketbot.cli.tokens import revoke_token

    run_command(json, data_dir, lambda output, settings: revoke_token(output, settings, token_id))

"""Commands of oversight: the audit trail, what was commanded and when it took effect, the report about it."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json, Limit
from marketbot.cli.running import run_command

trail = typer.Typer(help="The audit trail: who did what, to what, from where.", no_args_is_help=True, rich_markup_mode=None)
controls = typer.Typer(help="What was halted and closed, and when it took effect.", no_args_is_help=True, rich_markup_mode=None)


@trail.command("list")
def trail_list(
    action: Annotated[str | None, typer.Option(help="One kind of action: halted, token_made, policy_changed ...")] = None,
    actor: Annotated[str | None, typer.Option(help="Who: person, token, cli or system, or person:NUMBER.")] = None,
    subject: Annotated[str | None, typer.Option(help="What it was done to: account:NUMBER, user:NUMBER, policy ...")] = None,
    limit: Limit = 100,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """The latest entries."""
    from marketbot.cli.trail import TrailOptions, show_trail

    options = TrailOptions(action=action, actor=actor, subject=subject, limit=limit)
    run_command(json, data_dir, lambda output, settings: show_trail(output, settings, options))


@trail.command("verify")
def trail_verify(
    noted: Annotated[
        str | None, typer.Option(help="NUMBER:HASH that an earlier proof printed; finds entries cut off since.")
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Prove that no entry was changed, removed or put in between; exit 1 when one was."""
    from marketbot.cli.trail import verify_trail

    run_command(json, data_dir, lambda output, settings: verify_trail(output, settings, noted))


@controls.command("list")
def controls_list(limit: Limit = 50, json: Json = False, data_dir: DataDir = None) -> None:
    """The latest commands, and when each took effect."""
    from marketbot.cli.commands import list_controls

    run_command(json, data_dir, lambda output, settings: list_controls(output, settings, limit))


@controls.command("preview")
def controls_preview(
    scope: Annotated[str, typer.Argument(help="everything, environment, venue, instrument, user or account.")],
    key: Annotated[str, typer.Argument(help="Which one of these.")] = "",
    symbol: Annotated[str | None, typer.Option(help="This instrument alone.")] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """What a halt or a close would touch now. Changes nothing."""
    from marketbot.cli.commands import preview_scope

    run_command(json, data_dir, lambda output, settings: preview_scope(output, settings, scope, key, symbol=symbol))


@controls.command("close")
def controls_close(
    scope: Annotated[str, typer.Argument(help="everything, environment, venue, instrument, user or account.")],
    key: Annotated[str, typer.Argument(help="Which one of these.")] = "",
    symbol: Annotated[str | None, typer.Option(help="This instrument alone.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit trail.")] = "",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Close what is held in a scope at the market, by a running service. It stops no later entry: halt first."""
    from marketbot.cli.commands import close_scope

    run_command(json, data_dir, lambda output, settings: close_scope(output, settings, scope, key, symbol=symbol, reason=reason))


@controls.command("show")
def controls_show(command_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """One command, how far it has come, and how long it took."""
    from marketbot.cli.commands import show_control

    run_command(json, data_dir, lambda output, settings: show_control(output, settings, command_id))


@controls.command("report")
def controls_report(
    days: Annotated[int, typer.Option(min=1, max=3_660, help="How far back.")] = 30,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """The market-access controls over a period, as Markdown: limits, halts and their effect, access, failures, findings."""
    from marketbot.cli.commands import report_controls

    run_command(json, data_dir, lambda output, settings: report_controls(output, settings, days))

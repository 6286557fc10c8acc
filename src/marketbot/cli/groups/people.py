"""`marketbot people`: who logs in, and as what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketbot.cli.options import DataDir, Json, Limit
from marketbot.cli.running import run_command

group = typer.Typer(help="Who logs in, and as what.", no_args_is_help=True, rich_markup_mode=None)


@group.command("list")
def people_list(limit: Limit = 1_000, json: Json = False, data_dir: DataDir = None) -> None:
    """Everybody who can log in."""
    from marketbot.cli.people import show_people

    run_command(json, data_dir, lambda output, settings: show_people(output, settings, limit))


@group.command("invite")
def people_invite(
    email: Annotated[str, typer.Argument(help="Their e-mail address.")],
    role: Annotated[str, typer.Option(help="admin, manager, operator, auditor or user.")] = "user",
    lang: Annotated[str, typer.Option(help="Language of the e-mail: pt-BR or en.")] = "pt-BR",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Invite somebody; the link is mailed, or shown once where no mail server is set."""
    from marketbot.cli.people import invite_person

    run_command(json, data_dir, lambda output, settings: invite_person(output, settings, email, role, lang))


@group.command("disable")
def people_disable(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Shut somebody out, within seconds, with the tokens of their user. Accounts trade on."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(disabled=True)))


@group.command("enable")
def people_enable(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Let somebody in again."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(disabled=False)))


@group.command("unlock")
def people_unlock(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Forget somebody's wrong attempts to log in."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(unlocked=True)))


@group.command("remove-second-factor")
def people_remove_second_factor(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Take a lost second factor away; staff set up another when they log in next."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(
        json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(without_second_factor=True))
    )


@group.command("export")
def people_export(
    email: Annotated[str | None, typer.Argument(help="Their e-mail address.")] = None,
    user: Annotated[int | None, typer.Option(help="A user's number instead: one who logs in nowhere.")] = None,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")] = Path("export.zip"),
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write everything that is kept about somebody into a ZIP, for them: they may demand it."""
    from marketbot.cli.privacy import export_person

    run_command(json, data_dir, lambda output, settings: export_person(output, settings, email, user, out))


@group.command("erase")
def people_erase(
    email: Annotated[str | None, typer.Argument(help="Their e-mail address.")] = None,
    user: Annotated[int | None, typer.Option(help="A user's number instead: one who logs in nowhere.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Although positions are open: they stay at the venue.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Have somebody erased in five minutes, by a running service. The books stay, by number."""
    from marketbot.cli.privacy import erase_person

    run_command(json, data_dir, lambda output, settings: erase_person(output, settings, email, user, force=force))


@group.command("keep")
def people_keep(erasure: int, json: Json = False, data_dir: DataDir = None) -> None:
    """Take an erasure back that is not done, by its number."""
    from marketbot.cli.privacy import keep_person

    run_command(json, data_dir, lambda output, settings: keep_person(output, settings, erasure))


@group.command("erasures")
def people_erasures(limit: Limit = 1_000, json: Json = False, data_dir: DataDir = None) -> None:
    """Who is to be erased and who was, by number."""
    from marketbot.cli.privacy import show_erasures

    run_command(json, data_dir, lambda output, settings: show_erasures(output, settings, limit))


@group.command("reset-link")
def people_reset_link(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Make a link by which somebody sets a new password; it is shown once, and holds for an hour."""
    from marketbot.cli.people import reset_link

    run_command(json, data_dir, lambda output, settings: reset_link(output, settings, email))


@group.command("setup-link")
def people_setup_link(json: Json = False, data_dir: DataDir = None) -> None:
    """Make the link by which an admin is made; it is shown once, and holds for a day."""
    from marketbot.cli.people import setup_link

    run_command(json, data_dir, setup_link)

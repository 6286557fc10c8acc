"""``people list``, ``invite``, ``disable`` and what else helps people in or keeps them out. Whoever runs them owns the installation."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from marketbot.cli.actor import command_actor, note
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.domain.audit_entry import Action
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.people.administration import PersonChange, change_person, make_reset_link
from marketbot.people.administration import invite as invite_address
from marketbot.people.email_address import read_email
from marketbot.people.newcomers import make_setup_link
from marketbot.people.reception import Refusal
from marketbot.settings import Settings
from marketbot.store.people import PersonRow, list_people, read_person_by_email
from marketbot.store.pool import Connection
from marketbot.supervisor.endpoints import Endpoints

_TOLD = {
    Refusal.LAST_ADMIN: (FailureReason.REFUSED, "Nothing was changed: the last admin cannot be removed."),
    Refusal.EMAIL_TAKEN: (FailureReason.ALREADY_EXISTS, "Somebody has this e-mail address already."),
}


async def show_people(output: Output, settings: Settings, limit: int) -> None:
    """Show people by number."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await list_people(store.connection, 0, limit)
    columns = ("person", "email", "name", "role", "user", "second factor", "enabled", "locked_until", "created_at")
    cells = [
        (
            row.person_id,
            row.email,
            row.name,
            row.role.value,
            row.user_id,
            row.totp_confirmed_at is not None,
            row.disabled_at is None,
            row.locked_until,
            row.created_at,
        )
        for row in rows
    ]
    output.show({"people": [asdict(row) for row in rows]}, output.table("People", columns, cells))


async def invite_person(output: Output, settings: Settings, email: str, role: str, language: str) -> None:
    """Invite somebody: by mail, or else with a link that is shown this once."""
    address = read_email(email)
    if address is None or role not in list(Role) or language not in list(Locale):
        raise CommandFailed(
            FailureReason.USAGE,
            f"Invite an e-mail address, as one of: {', '.join(Role)}, in one of: {', '.join(Locale)}.",
            exit_code=EXIT_USAGE,
        )
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        by_mail = settings.smtp_url is not None
        actor = command_actor()
        made = await invite_address(store.connection, address, Role(role), Locale(language), None, actor, by_mail=by_mail)
    if isinstance(made, Refusal):
        raise _failed(made)
    invitation, bearer = made
    link = None if bearer is None else f"{_people_url(settings)}/invitation#{bearer.text}"

    def human(console: Console) -> None:
        if link is None:
            console.print(f"{address} is invited as {role}; a running service sends the e-mail.", markup=False)
            return
        console.print(
            f"{address} is invited as {role}. Hand this link over; it is shown once, and holds for a week:", markup=False
        )
        console.print(f"  {link}", soft_wrap=True, markup=False)

    output.show({**asdict(invitation), "mailed": bearer is None, "link": link}, human)


async def change(output: Output, settings: Settings, email: str, wish: PersonChange) -> None:
    """Change a person; what they opened elsewhere ends within seconds."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        person = await _named(store.connection, email)
        changed = await change_person(store.connection, person.person_id, wish, command_actor())
    if isinstance(changed, Refusal):
        raise _failed(changed)
    state = "disabled" if changed.disabled_at is not None else "enabled"
    factor = "has a second factor" if changed.totp_confirmed_at is not None else "has no second factor"
    output.show(asdict(changed), lambda console: console.print(f"{changed.email} is {state}, and {factor}.", markup=False))


async def reset_link(output: Output, settings: Settings, email: str) -> None:
    """Show a link for a new password, this once."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        person = await _named(store.connection, email)
        async with store.connection.transaction():
            bearer = await make_reset_link(store.connection, person.person_id)
            await note(store.connection, Action.PASSWORD_RESET_ASKED, "person", person.person_id, mailed=False)
    _show_link(
        output, f"{_people_url(settings)}/reset#{bearer.text}", f"{person.email} sets a new password here, within an hour:"
    )


async def setup_link(output: Output, settings: Settings) -> None:
    """Show a link that makes an admin, this once."""
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        bearer = await make_setup_link(store.connection)
    _show_link(output, f"{_people_url(settings)}/setup#{bearer.text}", "This link makes an admin, once, within a day:")


def _show_link(output: Output, link: str, sentence: str) -> None:
    def human(console: Console) -> None:
        console.print(sentence, markup=False)
        console.print(f"  {link}", soft_wrap=True, markup=False)

    output.show({"link": link}, human)


def _people_url(settings: Settings) -> str:
    running = Endpoints.read(settings.data_dir)
    return settings.public_url or (settings.people_url if running is None else running.api_url)


async def _named(connection: Connection, email: str) -> PersonRow:
    person = await read_person_by_email(connection, email)
    if person is None:
        raise CommandFailed(FailureReason.NOT_FOUND, f"Nobody has the e-mail address {email}.")
    return person


def _failed(refusal: Refusal) -> CommandFailed:
    reason, sentence = _TOLD[refusal]
    return CommandFailed(reason, sentence)

"""What operators do about people: invite, change a role, shut out, let in again, help back in. Faces ask first who may."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.domain.audit_entry import Action, Actor, AuditEntry
from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.people.bearer import Bearer, make_bearer
from marketbot.people.letters import Letter, ask_letter
from marketbot.people.reception import Refusal
from marketbot.store.audit_trail import record
from marketbot.store.invitations import InvitationRow, create_invitation, give_link
from marketbot.store.one_time_links import LinkKind, create_link
from marketbot.store.passkeys import remove_passkeys
from marketbot.store.people import (
    PersonRow,
    is_last_admin,
    read_person,
    read_person_by_email,
    set_disabled,
    set_role,
    unlock,
)
from marketbot.store.pool import Connection
from marketbot.store.second_factors import remove_totp
from marketbot.store.sessions import revoke_sessions


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What is to be changed of a person; None, or False, leaves it as it is."""

    role: Role | None = None
    disabled: bool | None = None
    without_second_factor: bool = False
    """They lost it: staff set up another when they log in next."""
    unlocked: bool = False


async def invite(
    connection: Connection, email: str, role: Role, language: Locale, invited_by: PersonId | None, actor: Actor, *, by_mail: bool
) -> tuple[InvitationRow, Bearer | None] | Refusal:
    """Invite an address that nobody has. The link is mailed, or else returned, to be handed over by whoever invites."""
    async with connection.transaction():
        if await read_person_by_email(connection, email) is not None:
            return Refusal.EMAIL_TAKEN
        invitation = await create_invitation(connection, email, role, language, invited_by)
        bearer = None if by_mail else make_bearer()
        if bearer is None:
            await ask_letter(connection, Letter.INVITATION, invitation_id=invitation.invitation_id)
        else:
            await give_link(connection, invitation.invitation_id, bearer.sha256)
        facts = {"role": role.value, "by_mail": by_mail}
        await record(connection, AuditEntry(Action.INVITED, actor, "invitation", str(invitation.invitation_id), facts))
        return invitation, bearer


async def change_person(connection: Connection, person_id: PersonId, change: PersonChange, actor: Actor) -> PersonRow | Refusal:
    """Change a person, all of it or nothing. Sessions end where they would open something else from now on.

    The last admin who can log in stays one.
    """
    async with connection.transaction():
        person = await read_person(connection, person_id)
        if person is None or person.erased_at is not None:
            return Refusal.NOBODY
        new_role = person.role if change.role is None else change.role
        if (new_role is Role.USER) != (person.role is Role.USER):
            return Refusal.ROLE_FIXED
        loses_admin = person.role is Role.ADMIN and (new_role is not Role.ADMIN or change.disabled is True)
        if loses_admin and await is_last_admin(connection, person_id):
            return Refusal.LAST_ADMIN
        if new_role is not person.role:
            await set_role(connection, person_id, new_role)
        if change.disabled is not None:
            await set_disabled(connection, person_id, disabled=change.disabled)
        if change.without_second_factor:
            await remove_totp(connection, person_id)
            await remove_passkeys(connection, person_id)
            await ask_letter(connection, Letter.SECOND_FACTOR_REMOVED, person_id=person_id)
        if change.unlocked:
            await unlock(connection, person_id)
        if new_role is not person.role or change.disabled or change.without_second_factor:
            await revoke_sessions(connection, person_id)
        changed = await read_person(connection, person_id)
        assert changed is not None
        await record(connection, _entry(person_id, change, actor))
        return changed


def _entry(person_id: PersonId, change: PersonChange, actor: Actor) -> AuditEntry:
    """Name the change by the gravest of what it says."""
    action = {None: Action.PERSON_CHANGED, True: Action.PERSON_DISABLED, False: Action.PERSON_ENABLED}[change.disabled]
    facts = {
        "role": None if change.role is None else change.role.value,
        "without_second_factor": change.without_second_factor,
        "unlocked": change.unlocked,
    }
    return AuditEntry(action, actor, "person", str(person_id), facts)


async def make_reset_link(connection: Connection, person_id: PersonId) -> Bearer:
    """Make a link by which a person sets a new password; for whoever hands it over."""
    bearer = make_bearer()
    async with connection.transaction():
        await create_link(connection, LinkKind.RESET_PASSWORD, person_id, bearer.sha256)
    return bearer

"""How people come to be: by the link that makes the first admin, or by an invitation, one's own where sign-up is open.

An invitation's link was sent to the address or handed over by whoever invited, so that a person's address is always a confirmed one: there
is nobody half made, whose address belongs to somebody else and whose password to a third.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import PersonId
from marketbot.domain.limits import LOGIN_ADDRESS, Check, Verdict
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.intake.limits import sender
from marketbot.observability.logs import logger
from marketbot.people.bearer import Bearer, bearer_digest, looks_like_bearer, make_bearer
from marketbot.people.chronicle import note_own
from marketbot.people.password_rules import password_fault
from marketbot.people.reception import NewSession, NotDone, Reception, Refusal, Seen, begin_session
from marketbot.store.invitations import InvitationRow, find_invitation, note_accepted_by, take_invitation
from marketbot.store.one_time_links import LinkKind, create_link, end_links, find_link, take_link
from marketbot.store.people import NewPerson, create_person, is_anybody_there
from marketbot.store.pool import Connection

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody says of themselves."""

    name: str
    password: str = field(repr=False)
    language: Locale
    time_zone: str


async def make_setup_link(connection: Connection) -> Bearer:
    """Make the link by which an admin is made; earlier ones work no more. Whoever can call this owns the installation."""
    bearer = make_bearer()
    async with connection.transaction():
        await create_link(connection, LinkKind.SETUP, None, bearer.sha256)
    return bearer


async def first_setup_link(connection: Connection) -> Bearer | None:
    """Make that link where nobody has ever been made; None elsewhere."""
    return None if await is_anybody_there(connection) else await make_setup_link(connection)


async def set_up(reception: Reception, token: str, email: str, wanted: Wanted, seen: Seen) -> NewSession | NotDone:
    """Make an admin by a set-up link, and log them in. ``email`` is one that ``read_email`` returned."""
    if (refused := await _over_limit(reception, seen)) is not None:
        return refused
    if not looks_like_bearer(token):
        return Refusal.LINK_INVALID
    async with reception.connect() as connection:
        link = await find_link(connection, LinkKind.SETUP, bearer_digest(token))
    if link is None:
        return Refusal.LINK_INVALID
    if (fault := password_fault(wanted.password, email)) is not None:
        return fault
    stored = await reception.passwords.hash(wanted.password)
    async with reception.connect() as connection, connection.transaction():
        if not await take_link(connection, link):
            return Refusal.LINK_INVALID
        person_id = await create_person(connection, _person(email, Role.ADMIN, wanted, stored))
        if person_id is None:
            return Refusal.EMAIL_TAKEN
        await end_links(connection, LinkKind.SETUP, None)
        new = await begin_session(connection, person_id, seen, shown=False)
        await note_own(connection, Action.SETUP, PersonId(person_id), seen, session_id=new.session_id)
    log.info("admin_set_up", person_id=person_id)
    return new


async def look_at_invitation(reception: Reception, token: str, seen: Seen) -> InvitationRow | NotDone:
    """Return what a link invites to, without using it."""
    if (refused := await _over_limit(reception, seen)) is not None:
        return refused
    if not looks_like_bearer(token):
        return Refusal.LINK_INVALID
    async with reception.connect() as connection:
        return await find_invitation(connection, bearer_digest(token)) or Refusal.LINK_INVALID


async def accept(reception: Reception, token: str, wanted: Wanted, seen: Seen) -> NewSession | NotDone:
    """Make the person that an invitation invites, and log them in."""
    invitation = await look_at_invitation(reception, token, seen)
    if not isinstance(invitation, InvitationRow):
        return invitation
    if (fault := password_fault(wanted.password, invitation.email)) is not None:
        return fault
    stored = await reception.passwords.hash(wanted.password)
    async with reception.connect() as connection, connection.transaction():
        if not await take_invitation(connection, invitation.invitation_id):
            return Refusal.LINK_INVALID
        person_id = await create_person(connection, _person(invitation.email, invitation.role, wanted, stored))
        if person_id is None:
            return Refusal.EMAIL_TAKEN
        await note_accepted_by(connection, invitation.invitation_id, PersonId(person_id))
        new = await begin_session(connection, person_id, seen, shown=False)
        facts = {"invitation_id": invitation.invitation_id, "role": invitation.role.value, "session_id": new.session_id}
        await note_own(connection, Action.PERSON_MADE, PersonId(person_id), seen, **facts)
    log.info("invitation_accepted", invitation_id=invitation.invitation_id, person_id=person_id, role=invitation.role.value)
    return new


def _person(email: str, role: Role, wanted: Wanted, stored: str) -> NewPerson:
    return NewPerson(email, wanted.name, role, stored, wanted.language, wanted.time_zone)


async def _over_limit(reception: Reception, seen: Seen) -> Verdict | None:
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen.address)))
    return None if verdict.allowed else verdict

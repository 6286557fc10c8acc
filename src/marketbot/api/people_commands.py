"""What operators do about people and invitations, the same for ``/v1`` and the console. What somebody may no longer do ends at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from marketbot.api.admission import ApiRequest, caller_of
from marketbot.api.database import Database
from marketbot.api.identity import TokenRegister, actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason
from marketbot.api.session_register import SessionRegister
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import STAFF, Role
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.people.administration import PersonChange, change_person, invite, make_reset_link
from marketbot.people.letters import Letter, ask_letter
from marketbot.people.reception import Refusal
from marketbot.store.audit_trail import record
from marketbot.store.invitations import InvitationRow, read_invitation, revoke_invitation
from marketbot.store.people import PersonRow, read_person

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that lets somebody in: None where it was mailed, else to be handed over, shown this once."""

    url: str | None = field(repr=False)

    @property
    def mailed(self) -> bool:
        return self.url is None


async def alter_person(request: ApiRequest, person_id: PersonId, change: PersonChange) -> PersonRow | Refusal:
    """Change a person, all of it or nothing; what their sessions and tokens opened is looked up anew."""
    database: Database = request.app.state.database
    tokens: TokenRegister = request.app.state.tokens
    sessions: SessionRegister = request.app.state.sessions
    async with database.connection() as connection:
        changed = await change_person(connection, person_id, change, actor_of(request))
    if isinstance(changed, Refusal):
        return changed
    sessions.forget_person(person_id)
    if changed.user_id is not None:
        tokens.forget_user(changed.user_id)
    log.info("person_changed", person_id=person_id, by_person=caller_of(request).person_id)
    return changed


async def ask_reset_link(request: ApiRequest, person_id: PersonId | None) -> Link | None:
    """Have somebody sent a link for a new password, or make it where no mail is set up; None when there is nobody."""
    database: Database = request.app.state.database
    async with database.connection() as connection, connection.transaction():
        person = None if person_id is None else await read_person(connection, person_id)
        if person is None:
            return None
        url = None
        if request.app.state.mails:
            await ask_letter(connection, Letter.RESET, person_id=person.person_id)
        else:
            url = f"{request.app.state.people_url}/reset#{(await make_reset_link(connection, person.person_id)).text}"
        facts = {"mailed": url is None}
        entry = AuditEntry(Action.PASSWORD_RESET_ASKED, actor_of(request), "person", str(person.person_id), facts)
        await record(connection, entry)
    log.info("reset_link_made", person_id=person.person_id, by_person=caller_of(request).person_id)
    return Link(url)


def may_invite(request: ApiRequest, role: Role) -> bool:
    """Tell whether the caller may make somebody of this role: staff is made by who may make staff."""
    return role not in STAFF or Scope.PEOPLE_WRITE in caller_of(request).scopes


async def invite_person(
    request: ApiRequest, email: str, role: Role, language: Locale
) -> tuple[InvitationRow, Link] | Refusal | ApiReason:
    """Invite an address as a role; ``SCOPE_MISSING`` where the caller may not make staff."""
    database: Database = request.app.state.database
    caller = caller_of(request)
    if not may_invite(request, role):
        return ApiReason.SCOPE_MISSING
    async with database.connection() as connection:
        by_mail: bool = request.app.state.mails
        made = await invite(connection, email, role, language, caller.person_id, actor_of(request), by_mail=by_mail)
    if isinstance(made, Refusal):
        return made
    invitation, bearer = made
    log.info("invited", invitation_id=invitation.invitation_id, role=role.value, by_person=caller.person_id)
    return invitation, Link(None if bearer is None else f"{request.app.state.people_url}/invitation#{bearer.text}")


async def take_invitation_back(request: ApiRequest) -> InvitationRow | ApiReason:
    """Take back the open invitation that the address names."""
    database: Database = request.app.state.database
    invitation_id: int = request.path_params["invitation_id"]
    if not 0 < invitation_id <= MAX_ID:
        return ApiReason.NOT_FOUND
    async with database.connection() as connection, connection.transaction():
        found = await read_invitation(connection, invitation_id)
        if found is not None and not may_invite(request, found.role):
            return ApiReason.SCOPE_MISSING
        row = await revoke_invitation(connection, invitation_id)
        if row is None:
            return ApiReason.NOT_FOUND
        entry = AuditEntry(Action.INVITATION_REVOKED, actor_of(request), "invitation", str(invitation_id), {})
        await record(connection, entry)
    log.info("invitation_revoked", invitation_id=invitation_id, by_person=caller_of(request).person_id)
    return row


def named_person(request: ApiRequest) -> PersonId | None:
    """Return the person that the address names; None for a number that nobody can have."""
    person_id: int = request.path_params["person_id"]
    return PersonId(person_id) if 0 < person_id <= MAX_ID else None

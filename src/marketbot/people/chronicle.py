"""What people do about themselves, as the audit trail and their own channels tell it."""

from __future__ import annotations

from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry, Fact
from marketbot.domain.ids import PersonId
from marketbot.domain.notice import Notice
from marketbot.domain.role import Role
from marketbot.people.reception import NewSession, Seen
from marketbot.store import notices
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection


async def note_own(connection: Connection, action: Action, person_id: PersonId, seen: Seen, **facts: Fact) -> None:
    """Record what a person did about themselves, as the last statement of the transaction that does it."""
    await _note(connection, action, Actor(ActorKind.PERSON, person_id, seen.address or None), person_id, facts)


async def note_stranger(connection: Connection, action: Action, person_id: PersonId, seen: Seen, **facts: Fact) -> None:
    """Record what somebody tried who did not prove to be this person: nobody is named as the one who did it. Last, too."""
    await _note(connection, action, Actor(ActorKind.SYSTEM, None, seen.address or None), person_id, facts)


async def tell_of_new_address(connection: Connection, new: NewSession, seen: Seen) -> None:
    """Have a user told that somebody logged in as them from where they have not been lately. In the login's transaction."""
    person = new.person
    if person.role is not Role.USER or person.user_id is None:
        return
    facts = {"person": person.name, "address": seen.address}
    await notices.ask(connection, person.user_id, Notice.NEW_LOGIN, str(new.session_id), facts)


async def _note(connection: Connection, action: Action, actor: Actor, person_id: PersonId, facts: dict[str, Fact]) -> None:
    await record(connection, AuditEntry(action, actor, "person", str(person_id), facts))

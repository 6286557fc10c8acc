"""Erasing somebody: asked for, taken back, and done when its time has come and nothing of theirs is open any more.

The books stay, by number: orders, results, the audit trail. What tells who the number was is deleted or blanked (ADR 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry
from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.limits import LOGIN_ADDRESS, SECOND_FACTOR, Check
from marketbot.domain.notice import Notice
from marketbot.domain.role import Role
from marketbot.intake.limits import sender
from marketbot.observability.logs import logger
from marketbot.people.bearer import bearer_digest, looks_like_bearer
from marketbot.people.letters import Letter, ask_letter, ask_letter_to
from marketbot.people.login import check_password, take_code
from marketbot.people.reception import NotDone, Reception, Refusal, Seen
from marketbot.store import data_keys, erasing, erasures, notices
from marketbot.store.audit_trail import record
from marketbot.store.erasures import Erasure
from marketbot.store.one_time_links import LinkKind, end_links, find_link, take_link
from marketbot.store.own_keys import Holdings
from marketbot.store.people import Credentials, PersonRow, is_last_admin, read_person
from marketbot.store.pool import Connection, Pool
from marketbot.store.users import read_user
from marketbot.vault.vault import Vault

OWN_WAIT = timedelta(days=7)
"""Between somebody's asking and the deed: whoever did not ask themselves, or thinks again, takes it back by the link that is mailed."""
OPERATORS_WAIT = timedelta(minutes=5)
"""The same for an operator. Accounts are paused meanwhile, and what was on its way to a venue is over."""

log = logger(__name__)


class AskedBy(StrEnum):
    THEMSELVES = "themselves"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is to be erased: a person, a user, or a person with the user whose rows are theirs."""

    person: PersonRow | None
    user_id: UserId | None

    @property
    def person_id(self) -> PersonId | None:
        return None if self.person is None else self.person.person_id

    @property
    def name(self) -> tuple[str, str]:
        """What the audit trail calls them."""
        return ("user", str(self.user_id)) if self.person is None else ("person", str(self.person.person_id))


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing was asked for: this is open, and whoever asks did not say that it may stay at the venues."""

    holdings: Holdings


async def person_subject(connection: Connection, person_id: PersonId) -> Subject | None:
    """Return a person who may be erased; None for one who is not there, or is no more."""
    person = await read_person(connection, person_id)
    return None if person is None or person.erased_at is not None else Subject(person, person.user_id)


async def user_subject(connection: Connection, user_id: UserId) -> Subject | None:
    """Return a user, with the person whose rows they are where there is one."""
    user = await read_user(connection, user_id)
    if user is None or user.erased_at is not None:
        return None
    person_id = await connection.fetchval("SELECT person_id FROM person WHERE user_id = $1", user_id)
    return Subject(None, user_id) if person_id is None else await person_subject(connection, PersonId(person_id))


async def ask_own(
    reception: Reception, person_id: PersonId, password: str, code: str, seen: Seen, *, force: bool
) -> Erasure | Held | NotDone:
    """Ask to be erased, against password and, where there is one, second factor. A letter with the link that takes it back goes out."""
    verdict = await reception.limits.take(Check(SECOND_FACTOR, f"{person_id}:{sender(seen.address)}"))
    if not verdict.allowed:
        return verdict
    found = await check_password(reception, person_id, password, seen)
    if not isinstance(found, Credentials):
        return found
    async with reception.connect() as connection, connection.transaction():
        if found.enrolled and not await take_code(reception, connection, found, code):
            return Refusal.CODE_INVALID
        subject = await person_subject(connection, person_id)
        if subject is None:
            return Refusal.NOBODY
        actor = Actor(ActorKind.PERSON, person_id, seen.address or None)
        return await _ask(connection, subject, actor, AskedBy.THEMSELVES, OWN_WAIT, force=force)


async def ask_for(connection: Connection, subject: Subject, actor: Actor, *, force: bool) -> Erasure | Held | Refusal:
    """Ask for somebody's erasure as an operator. They are written to as well, and may take it back while it waits."""
    async with connection.transaction():
        return await _ask(connection, subject, actor, AskedBy.OPERATOR, OPERATORS_WAIT, force=force)


async def _ask(
    connection: Connection, subject: Subject, actor: Actor, by: AskedBy, wait: timedelta, *, force: bool
) -> Erasure | Held | Refusal:
    if await _is_needed(connection, subject):
        return Refusal.LAST_ADMIN
    held = Holdings(0, 0, 0)
    if subject.user_id is not None:
        held = await erasing.users_holdings(connection, subject.user_id)
        if held.any and not force:
            return Held(held)
    made = await erasures.ask(connection, subject.person_id, subject.user_id, by.value, wait, held, forced=force)
    if made is None:
        return Refusal.ERASURE_OPEN
    if subject.user_id is not None:
        await erasing.pause_accounts(connection, subject.user_id)
        facts = {"user": str(subject.user_id), "due_at": f"{made.due_at:%Y-%m-%d %H:%M} UTC"}
        await notices.ask(connection, subject.user_id, Notice.ERASURE_ASKED, str(made.erasure_id), facts)
    if subject.person is not None:
        await ask_letter(connection, Letter.ERASURE_ASKED, person_id=subject.person.person_id)
    told = {"erasure_id": made.erasure_id, "forced": force, "positions": made.positions, "orders": made.orders}
    await record(connection, AuditEntry(Action.ERASURE_ASKED, actor, *subject.name, told))
    log.info("erasure_asked", erasure_id=made.erasure_id, person_id=subject.person_id, user_id=subject.user_id, by=by.value)
    return made


async def keep(connection: Connection, erasure: Erasure, actor: Actor) -> bool:
    """Take an erasure back; False when it is over. Accounts stay paused: whoever wants them to trade says so."""
    async with connection.transaction():
        if not await erasures.cancel(connection, erasure.erasure_id):
            return False
        if erasure.person_id is not None:
            await end_links(connection, LinkKind.KEEP_PERSON, erasure.person_id)
        subject = ("user", str(erasure.user_id)) if erasure.person_id is None else ("person", str(erasure.person_id))
        await record(connection, AuditEntry(Action.ERASURE_CANCELED, actor, *subject, {"erasure_id": erasure.erasure_id}))
    log.info("erasure_canceled", erasure_id=erasure.erasure_id)
    return True


async def keep_by_link(reception: Reception, token: str, seen: Seen) -> PersonId | NotDone:
    """Take an erasure back by the link that its person was sent. Nobody is logged in by it."""
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen.address)))
    if not verdict.allowed:
        return verdict
    if not looks_like_bearer(token):
        return Refusal.LINK_INVALID
    async with reception.connect() as connection, connection.transaction():
        link = await find_link(connection, LinkKind.KEEP_PERSON, bearer_digest(token))
        if link is None or link.person_id is None or not await take_link(connection, link):
            return Refusal.LINK_INVALID
        open_one = await erasures.find_open(connection, link.person_id, None)
        actor = Actor(ActorKind.PERSON, link.person_id, seen.address or None)
        if open_one is None or not await keep(connection, open_one, actor):
            return Refusal.LINK_INVALID
        return link.person_id


async def erase_due(pool: Pool, vault: Vault) -> int:
    """Do every erasure whose time has come and that nothing holds up; return how many. Each is a transaction of its own."""
    async with pool.acquire() as connection:
        due = await erasures.due_erasures(connection)
    done = 0
    for each in due:
        async with pool.acquire() as connection, connection.transaction():
            done += await _erase(connection, each.erasure_id, vault)
    return done


async def _erase(connection: Connection, erasure_id: int, vault: Vault) -> bool:
    erasure = await erasures.hold_open(connection, erasure_id)
    if erasure is None:
        return False
    person = None if erasure.person_id is None else await read_person(connection, erasure.person_id)
    subject = Subject(person, erasure.user_id)
    held = Holdings(0, 0, 0)
    if subject.user_id is not None:
        await data_keys.lock_keys(connection)
        held = await erasing.users_holdings(connection, subject.user_id)
    if (held.any and not erasure.forced) or await _is_needed(connection, subject):
        await erasures.note_tried(connection, erasure_id, held, done=False)
        log.info("erasure_waits", erasure_id=erasure_id, positions=held.protected_positions + held.unprotected_positions)
        return False
    if person is not None:
        # The address is sealed in the letter's job, for there it goes with the job, and nowhere else is it any more.
        await ask_letter_to(connection, vault, Letter.ERASED, person.email, person.language)
    if subject.user_id is not None:
        await erasing.erase_user(connection, subject.user_id)
    if subject.person_id is not None:
        await erasing.erase_person(connection, subject.person_id)
    await erasures.note_tried(connection, erasure_id, held, done=True)
    facts = {
        "erasure_id": erasure_id,
        "user_id": subject.user_id,
        "asked_by": erasure.asked_by,
        "protected_positions": held.protected_positions,
        "unprotected_positions": held.unprotected_positions,
        "orders": held.working_orders,
    }
    await record(connection, AuditEntry(Action.ERASED, Actor(ActorKind.SYSTEM), *subject.name, facts))
    log.info("erased", erasure_id=erasure_id, person_id=subject.person_id, user_id=subject.user_id)
    return True


async def _is_needed(connection: Connection, subject: Subject) -> bool:
    """Tell whether nobody else is an admin."""
    person = subject.person
    return person is not None and person.role is Role.ADMIN and await is_last_admin(connection, person.person_id)

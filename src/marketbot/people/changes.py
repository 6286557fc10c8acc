"""What people change about how they log in: the password, the second factor. Each change ends the sessions that it should end.

What makes somebody more or less of whom they were gives them a new session, so that nobody who had the old cookie gains by it.
"""

from __future__ import annotations

import asyncio

from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import PersonId
from marketbot.domain.limits import LOGIN_ADDRESS, SECOND_FACTOR, Check
from marketbot.domain.role import STAFF
from marketbot.intake.limits import sender
from marketbot.observability.logs import logger
from marketbot.people.bearer import bearer_digest, looks_like_bearer
from marketbot.people.chronicle import note_own
from marketbot.people.letters import Letter, ask_letter
from marketbot.people.login import check_password, take_code
from marketbot.people.password_rules import password_fault
from marketbot.people.reception import NewSession, NotDone, Reception, Refusal, Seen, begin_session
from marketbot.people.totp import Enrolment, enrol, is_totp, make_recovery_codes, read_code, recovery_digest, step_of, totp_aad
from marketbot.store.one_time_links import LinkKind, end_links, find_link, take_link
from marketbot.store.people import Credentials, read_credentials, set_password, unlock
from marketbot.store.pool import Connection
from marketbot.store.second_factors import confirm_totp, put_totp, remove_totp, replace_recovery_codes
from marketbot.store.sessions import revoke_sessions

log = logger(__name__)


async def change_password(
    reception: Reception, person_id: PersonId, present: str, wanted: str, seen: Seen
) -> NewSession | NotDone:
    """Let a password take the present one's place. Every session ends, and the one who asked gets a new one."""
    found = await check_password(reception, person_id, present, seen)
    if not isinstance(found, Credentials):
        return found
    if (fault := password_fault(wanted, found.email)) is not None:
        return fault
    stored = await reception.passwords.hash(wanted)
    async with reception.connect() as connection, connection.transaction():
        await _set_password(connection, person_id, stored)
        # Who owed a code was not let as far as here.
        new = await begin_session(connection, person_id, seen, shown=found.enrolled)
        await note_own(connection, Action.PASSWORD_CHANGED, person_id, seen, session_id=new.session_id)
    log.info("password_changed", person_id=person_id)
    return new


async def reset_password(reception: Reception, token: str, wanted: str, seen: Seen) -> PersonId | NotDone:
    """Set a password by a link that was sent to its person. Every session ends.

    Nobody is logged in by it: a second factor is still asked for.
    """
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen.address)))
    if not verdict.allowed:
        return verdict
    if not looks_like_bearer(token):
        return Refusal.LINK_INVALID
    async with reception.connect() as connection:
        link = await find_link(connection, LinkKind.RESET_PASSWORD, bearer_digest(token))
        found = None if link is None or link.person_id is None else await read_credentials(connection, link.person_id)
    if link is None or found is None:
        return Refusal.LINK_INVALID
    if (fault := password_fault(wanted, found.email)) is not None:
        return fault
    stored = await reception.passwords.hash(wanted)
    async with reception.connect() as connection, connection.transaction():
        if not await take_link(connection, link):
            return Refusal.LINK_INVALID
        await _set_password(connection, found.person_id, stored)
        await note_own(connection, Action.PASSWORD_CHANGED, found.person_id, seen, by_link=True)
    log.info("password_reset", person_id=found.person_id)
    return found.person_id


async def _set_password(connection: Connection, person_id: PersonId, stored: str) -> None:
    await set_password(connection, person_id, stored)
    await unlock(connection, person_id)
    await revoke_sessions(connection, person_id)
    # A link that was asked for before is for the password of before.
    await end_links(connection, LinkKind.RESET_PASSWORD, person_id)
    await ask_letter(connection, Letter.PASSWORD_CHANGED, person_id=person_id)


async def begin_enrolment(reception: Reception, person_id: PersonId) -> Enrolment | Refusal:
    """Make a secret for a person's telephone; it is in force once a code of it was shown."""
    async with reception.connect() as connection:
        found = await read_credentials(connection, person_id)
    if found is None or found.enrolled:
        return Refusal.ENROLLED
    made = await asyncio.to_thread(enrol, found.email)
    sealed = reception.vault.seal(made.secret.encode(), aad=totp_aad(person_id))
    async with reception.connect() as connection:
        return made if await put_totp(connection, person_id, sealed) else Refusal.ENROLLED


async def confirm_enrolment(
    reception: Reception, person_id: PersonId, code: str, seen: Seen
) -> tuple[NewSession, list[str]] | NotDone:
    """Put a second factor in force by a first code; return a session that has shown it, and the recovery codes. Other sessions end."""
    verdict = await reception.limits.take(Check(SECOND_FACTOR, str(person_id)))
    if not verdict.allowed:
        return verdict
    codes = make_recovery_codes()
    async with reception.connect() as connection, connection.transaction():
        found = await read_credentials(connection, person_id)
        if found is None or found.totp_sealed is None:
            return Refusal.NOT_ENROLLED
        if found.enrolled:
            return Refusal.ENROLLED
        secret = reception.vault.open(found.totp_sealed, aad=totp_aad(person_id)).decode()
        read = read_code(code)
        step = step_of(secret, read, reception.clock.now()) if is_totp(read) else None
        if step is None or not await confirm_totp(connection, person_id, found.totp_sealed, step):
            return Refusal.CODE_INVALID
        await replace_recovery_codes(connection, person_id, [recovery_digest(each) for each in codes])
        await revoke_sessions(connection, person_id)
        new = await begin_session(connection, person_id, seen, shown=True)
        await note_own(connection, Action.SECOND_FACTOR_SET, person_id, seen, session_id=new.session_id)
    log.info("second_factor_set_up", person_id=person_id)
    return new, codes


async def end_enrolment(reception: Reception, person_id: PersonId, password: str, code: str, seen: Seen) -> NewSession | NotDone:
    """Turn a user's second factor off, against password and code. Staff must keep theirs."""
    found = await _prove(reception, person_id, password, seen)
    if not isinstance(found, Credentials):
        return found
    if found.role in STAFF:
        return Refusal.MUST_BE_ENROLLED
    async with reception.connect() as connection, connection.transaction():
        if not await take_code(reception, connection, found, code):
            return Refusal.CODE_INVALID
        await remove_totp(connection, person_id)
        await revoke_sessions(connection, person_id)
        await ask_letter(connection, Letter.SECOND_FACTOR_REMOVED, person_id=person_id)
        new = await begin_session(connection, person_id, seen, shown=False)
        await note_own(connection, Action.SECOND_FACTOR_REMOVED, person_id, seen, session_id=new.session_id)
    log.info("second_factor_removed", person_id=person_id)
    return new


async def renew_recovery_codes(
    reception: Reception, person_id: PersonId, password: str, code: str, seen: Seen
) -> list[str] | NotDone:
    """Return new recovery codes in place of all earlier ones, against password and code."""
    found = await _prove(reception, person_id, password, seen)
    if not isinstance(found, Credentials):
        return found
    codes = make_recovery_codes()
    async with reception.connect() as connection, connection.transaction():
        if not await take_code(reception, connection, found, code):
            return Refusal.CODE_INVALID
        await replace_recovery_codes(connection, person_id, [recovery_digest(each) for each in codes])
        await note_own(connection, Action.RECOVERY_CODES_MADE, person_id, seen)
    log.info("recovery_codes_renewed", person_id=person_id)
    return codes


async def _prove(reception: Reception, person_id: PersonId, password: str, seen: Seen) -> Credentials | NotDone:
    verdict = await reception.limits.take(Check(SECOND_FACTOR, f"{person_id}:{sender(seen.address)}"))
    if not verdict.allowed:
        return verdict
    found = await check_password(reception, person_id, password, seen)
    if isinstance(found, Credentials) and not found.enrolled:
        return Refusal.NOT_ENROLLED
    return found

"""Logging in: a password, then a code where one is owed.

Whoever asks learns nothing about who is here: an unknown address, a wrong password and a locked person are answered alike, after the same
work. A lock is for strangers: it grows with wrong attempts, but not beyond a quarter of an hour, is not prolonged by what comes meanwhile,
and neither it nor the count of attempts elsewhere concerns an address that the person logged in from lately. A new password by e-mail ends
it at once. So nobody is locked out for good by somebody else.
"""

from __future__ import annotations

import hashlib
import ipaddress

from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import PersonId
from marketbot.domain.limits import LOGIN_ADDRESS, LOGIN_EMAIL, SECOND_FACTOR, Check
from marketbot.domain.person import lock_after
from marketbot.intake.limits import sender
from marketbot.observability.logs import logger
from marketbot.people.chronicle import note_own, note_stranger, tell_of_new_address
from marketbot.people.email_address import read_email
from marketbot.people.reception import NewSession, NotDone, Reception, Refusal, Seen, begin_session
from marketbot.people.totp import is_totp, read_code, recovery_digest, step_of, totp_aad
from marketbot.store.people import Credentials, find_credentials, lock, note_failure, read_credentials, renew_hash, unlock
from marketbot.store.pool import Connection
from marketbot.store.second_factors import take_step, use_recovery_code
from marketbot.store.sessions import is_known_address, revoke_session

NOBODY = PersonId(0)
"""A number that no person has."""

log = logger(__name__)


async def log_in(reception: Reception, email: str, password: str, seen: Seen) -> NewSession | NotDone:
    """Return a new session for an address and its password; one that opens nothing yet where a second factor is owed.

    Raises:
        HashingFull: too many others log in at the moment.
    """
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen.address)))
    if not verdict.allowed:
        return verdict
    address = read_email(email)
    async with reception.connect() as connection:
        # An address that cannot be one, and a person who is not there, are looked up all the same, so that it takes as long.
        found = await find_credentials(connection, address or "nobody")
        known = await _is_known(connection, NOBODY if found is None else found.person_id, seen)
    verdict = await reception.limits.take(Check(LOGIN_EMAIL, _counted(email_digest(address or ""), seen, known=known)))
    if not verdict.allowed:
        return verdict
    right = await reception.passwords.verify(password, None if found is None else found.password_hash)
    if found is None:
        # No record: how many there are would be a stranger's choice.
        log.info("login_failed", person_id=None, locked=False)
        return Refusal.LOGIN_FAILED
    if found.locked and not known:
        async with reception.connect() as connection, connection.transaction():
            await note_stranger(connection, Action.LOGIN_FAILED, found.person_id, seen, locked=True)
        log.info("login_failed", person_id=found.person_id, locked=True)
        return Refusal.LOGIN_FAILED
    if not right:
        async with reception.connect() as connection, connection.transaction():
            await _count_failure(connection, found.person_id)
            await note_stranger(connection, Action.LOGIN_FAILED, found.person_id, seen, locked=False)
        log.info("login_failed", person_id=found.person_id, locked=False)
        return Refusal.LOGIN_FAILED
    if found.disabled:
        return Refusal.DISABLED
    renewed = await reception.passwords.hash(password) if reception.passwords.is_old(found.password_hash) else None
    async with reception.connect() as connection, connection.transaction():
        if not await _still_has(connection, found):
            return Refusal.LOGIN_FAILED
        if renewed is not None:
            await renew_hash(connection, found.person_id, found.password_hash, renewed)
        familiar = await is_known_address(connection, found.person_id, seen.address)
        new = await begin_session(connection, found.person_id, seen, shown=False)
        if not found.enrolled:
            await unlock(connection, found.person_id)
            if not familiar:
                await tell_of_new_address(connection, new, seen)
        await note_own(connection, Action.LOGIN, found.person_id, seen, session_id=new.session_id, factor=new.factor.value)
    log.info("logged_in", person_id=found.person_id, session_id=new.session_id, factor=new.factor.value)
    return new


async def show_code(reception: Reception, person_id: PersonId, session_id: int, code: str, seen: Seen) -> NewSession | NotDone:
    """Return a session that opens everything, in place of one that owed a code; the code is used up."""
    async with reception.connect() as connection:
        known = await _is_known(connection, person_id, seen)
    verdict = await reception.limits.take(Check(SECOND_FACTOR, _counted(str(person_id), seen, known=known)))
    if not verdict.allowed:
        return verdict
    async with reception.connect() as connection, connection.transaction():
        found = await read_credentials(connection, person_id)
        if found is None or not found.enrolled or (found.locked and not known):
            return Refusal.CODE_INVALID
        if not await take_code(reception, connection, found, code):
            await _count_failure(connection, person_id)
            await note_stranger(connection, Action.LOGIN_FAILED, person_id, seen, session_id=session_id)
            log.info("second_factor_failed", person_id=person_id)
            return Refusal.CODE_INVALID
        if not await revoke_session(connection, person_id, session_id):
            # It ended while its code was on the way.
            return Refusal.CODE_INVALID
        await unlock(connection, person_id)
        familiar = await is_known_address(connection, person_id, seen.address)
        new = await begin_session(connection, person_id, seen, shown=True)
        if not familiar:
            await tell_of_new_address(connection, new, seen)
        recovery = not is_totp(read_code(code))
        await note_own(
            connection, Action.LOGIN, person_id, seen, session_id=new.session_id, factor=new.factor.value, recovery_code=recovery
        )
    log.info("second_factor_shown", person_id=person_id, session_id=new.session_id)
    return new


async def take_code(reception: Reception, connection: Connection, found: Credentials, code: str) -> bool:
    """Use up a code of the moment, or a recovery code; False when it is neither, or was used before."""
    read = read_code(code)
    if not is_totp(read):
        used = await use_recovery_code(connection, found.person_id, recovery_digest(read))
        if used:
            log.info("recovery_code_used", person_id=found.person_id)
        return used
    if found.totp_sealed is None:
        return False
    secret = reception.vault.open(found.totp_sealed, aad=totp_aad(found.person_id)).decode()
    step = step_of(secret, read, reception.clock.now())
    return step is not None and await take_step(connection, found.person_id, step)


async def check_password(reception: Reception, person_id: PersonId, password: str, seen: Seen) -> Credentials | NotDone:
    """Have somebody who is logged in prove once more that it is them; return what they were checked against."""
    async with reception.connect() as connection:
        found = await read_credentials(connection, person_id)
    if found is None:
        return Refusal.PASSWORD_WRONG
    verdict = await reception.limits.take(Check(LOGIN_EMAIL, _counted(email_digest(found.email), seen, known=True)))
    if not verdict.allowed:
        return verdict
    return found if await reception.passwords.verify(password, found.password_hash) else Refusal.PASSWORD_WRONG


def email_digest(email: str) -> str:
    """Return what stands for an address where it is counted: not the address."""
    return hashlib.blake2b(email.encode(), digest_size=16).hexdigest()


async def _count_failure(connection: Connection, person_id: PersonId) -> None:
    period = lock_after(await note_failure(connection, person_id))
    if period is not None:
        await lock(connection, person_id, period)
        log.warning("person_locked", person_id=person_id, seconds=period.total_seconds())


async def _is_known(connection: Connection, person_id: PersonId, seen: Seen) -> bool:
    try:
        if ipaddress.ip_address(seen.address).is_loopback:
            # Behind a proxy that nobody told us of everybody comes from here.
            return False
    except ValueError:
        return False
    return await is_known_address(connection, person_id, seen.address)


def _counted(whose: str, seen: Seen, *, known: bool) -> str:
    return f"{whose}:{sender(seen.address)}" if known else whose


async def _still_has(connection: Connection, found: Credentials) -> bool:
    """Hold the person's row, and tell whether the password is still the one that was checked: a reset ends what an old one began."""
    held = await connection.fetchval(
        "SELECT password_hash = $2 AND disabled_at IS NULL FROM person WHERE person_id = $1 FOR UPDATE",
        found.person_id,
        found.password_hash,
    )
    return bool(held)

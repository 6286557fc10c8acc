"""Passkeys: registered against the password in a session that opens everything, and good for a login by themselves.

A device shows one only after it has made sure of its holder (user verification is required), so a login by passkey is both factors at once.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import PersonId
from marketbot.domain.limits import LOGIN_ADDRESS, Check
from marketbot.intake.limits import sender
from marketbot.observability.logs import logger
from marketbot.people.chronicle import note_own, tell_of_new_address
from marketbot.people.letters import Letter, ask_letter
from marketbot.people.login import check_password
from marketbot.people.reception import NewSession, NotDone, Reception, Refusal, Seen, begin_session
from marketbot.store.passkeys import (
    CHALLENGE_LIFE,
    FoundPasskey,
    PasskeyRow,
    add_passkey,
    ask_challenge,
    find_passkey,
    own_credentials,
    take_challenge,
    use_passkey,
)
from marketbot.store.people import Credentials, read_credentials, unlock
from marketbot.store.sessions import is_known_address

CHALLENGE_BYTES = 32
NAME = "MarketBot"

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Party:
    """Who passkeys are for, as browsers hold it: a domain, and the origins of its pages."""

    domain: str
    origin: str


def party_of(url: str) -> Party | None:
    """Return the party of an installation's public address. One by number has none, for browsers refuse it; this machine's has a name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return Party(host, f"{parts.scheme}://{parts.netloc}") if host else None
    port = "" if parts.port is None else f":{parts.port}"
    return Party("localhost", f"{parts.scheme}://localhost{port}") if number.is_loopback else None


async def begin_registration(
    reception: Reception, party: Party, person_id: PersonId, session_id: int, password: str, seen: Seen
) -> Mapping[str, Any] | NotDone:
    """Return what a device is asked, to make a passkey."""
    found = await check_password(reception, person_id, password, seen)
    if not isinstance(found, Credentials):
        return found
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    async with reception.connect() as connection, connection.transaction():
        present = await own_credentials(connection, person_id)
        await ask_challenge(connection, challenge, session_id)
    return {
        "challenge": _text(challenge),
        "rp": {"id": party.domain, "name": NAME},
        "user": {"id": _text(person_id.to_bytes(8, "big")), "name": found.email, "displayName": found.email},
        # EdDSA, ES256, RS256.
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in (-8, -7, -257)],
        "excludeCredentials": [{"type": "public-key", "id": _text(each)} for each in present],
        "authenticatorSelection": {"residentKey": "required", "requireResidentKey": True, "userVerification": "required"},
        "attestation": "none",
        "timeout": _timeout_ms(),
    }


async def register(
    reception: Reception, party: Party, person_id: PersonId, session_id: int, credential: Mapping[str, Any], name: str, seen: Seen
) -> PasskeyRow | Refusal:
    """Store the passkey that a device made."""
    challenge = _challenge_of(credential)
    async with reception.connect() as connection:
        if challenge is None or not await take_challenge(connection, challenge, session_id):
            return Refusal.PASSKEY_INVALID
    made = await asyncio.to_thread(_verify_registration, party, credential, challenge)
    if made is None:
        return Refusal.PASSKEY_INVALID
    async with reception.connect() as connection, connection.transaction():
        row = await add_passkey(connection, person_id, *made, name)
        if row is None:
            return Refusal.PASSKEY_INVALID
        await ask_letter(connection, Letter.PASSKEY_ADDED, person_id=person_id)
        await note_own(connection, Action.PASSKEY_ADDED, person_id, seen, passkey_id=row.passkey_id)
    log.info("passkey_added", person_id=person_id, passkey_id=row.passkey_id)
    return row


async def begin_login(reception: Reception, party: Party, seen: Seen) -> Mapping[str, Any] | NotDone:
    """Return what a device is asked, to show whichever passkey it has for this place. Nobody is named."""
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen.address)))
    if not verdict.allowed:
        return verdict
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    async with reception.connect() as connection:
        await ask_challenge(connection, challenge, None)
    return {
        "challenge": _text(challenge),
        "rpId": party.domain,
        "allowCredentials": [],
        "userVerification": "required",
        "timeout": _timeout_ms(),
    }


async def log_in_by_passkey(
    reception: Reception, party: Party, credential: Mapping[str, Any], seen: Seen
) -> NewSession | NotDone:
    """Return a new session, which opens everything of its person's role, for a passkey that was shown."""
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen.address)))
    if not verdict.allowed:
        return verdict
    challenge, credential_id = _challenge_of(credential), _bytes(credential.get("rawId"))
    if challenge is None or credential_id is None:
        return Refusal.PASSKEY_INVALID
    async with reception.connect() as connection:
        if not await take_challenge(connection, challenge, None):
            return Refusal.PASSKEY_INVALID
        passkey = await find_passkey(connection, credential_id)
    if passkey is None:
        return Refusal.PASSKEY_INVALID
    count = await asyncio.to_thread(_verify_login, party, credential, challenge, passkey)
    if count is None:
        log.info("passkey_refused", person_id=passkey.person_id, passkey_id=passkey.passkey_id)
        return Refusal.PASSKEY_INVALID
    async with reception.connect() as connection, connection.transaction():
        found = await read_credentials(connection, passkey.person_id)
        if found is None or not await use_passkey(connection, passkey, count):
            return Refusal.PASSKEY_INVALID
        if found.disabled:
            return Refusal.DISABLED
        familiar = await is_known_address(connection, found.person_id, seen.address)
        new = await begin_session(connection, found.person_id, seen, shown=True)
        await unlock(connection, found.person_id)
        if not familiar:
            await tell_of_new_address(connection, new, seen)
        await note_own(connection, Action.LOGIN, found.person_id, seen, session_id=new.session_id, passkey_id=passkey.passkey_id)
    log.info("logged_in", person_id=found.person_id, session_id=new.session_id, passkey_id=passkey.passkey_id)
    return new


def _verify_registration(party: Party, credential: Mapping[str, Any], challenge: bytes) -> tuple[bytes, bytes, int] | None:
    # Loaded when somebody uses it: it brings megabytes that most processes never need.
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        made = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=party.domain,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    return made.credential_id, made.credential_public_key, made.sign_count


def _verify_login(party: Party, credential: Mapping[str, Any], challenge: bytes, passkey: FoundPasskey) -> int | None:
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    handle = credential.get("response", {}).get("userHandle") if isinstance(credential.get("response"), dict) else None
    if handle is not None and _bytes(handle) != passkey.person_id.to_bytes(8, "big"):
        return None
    try:
        shown = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=party.domain,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    return shown.new_sign_count


def _challenge_of(credential: Mapping[str, Any]) -> bytes | None:
    """Read which challenge a device says it signed: what it is looked up by. That it did is verified afterwards."""
    response = credential.get("response")
    client = _bytes(response.get("clientDataJSON")) if isinstance(response, dict) else None
    try:
        document = orjson.loads(client or b"")
    except ValueError:
        return None
    challenge = _bytes(document.get("challenge")) if isinstance(document, dict) else None
    return challenge if challenge is not None and len(challenge) == CHALLENGE_BYTES else None


def _bytes(text: object) -> bytes | None:
    """Read base64url without padding; None for anything else."""
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _timeout_ms() -> int:
    return int(CHALLENGE_LIFE.total_seconds() * 1000)

"""Passkeys by person, and the challenges that are open: each used once, or over within minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from marketbot.domain.ids import PersonId
from marketbot.store.pool import Connection

PASSKEYS_MAX = 10
"""Of one person."""
CHALLENGE_LIFE = timedelta(minutes=3)
SWEPT_BATCH = 10
"""Challenges that are over, deleted with each that is made."""

_COLUMNS = "passkey_id, name, created_at, last_used_at"
_ADD = f"""
INSERT INTO passkey (person_id, credential_id, public_key, sign_count, name) SELECT $1, $2, $3, $4, $5
WHERE (SELECT count(*) FROM passkey p WHERE p.person_id = $1) < {PASSKEYS_MAX}
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""
_LIST = f"SELECT {_COLUMNS} FROM passkey WHERE person_id = $1 ORDER BY passkey_id"
_FIND = "SELECT passkey_id, person_id, public_key, sign_count FROM passkey WHERE credential_id = $1"
# Not by one that counts backwards, nor by two that show the same count at once.
_USE = """
UPDATE passkey SET sign_count = $3, last_used_at = clock_timestamp() WHERE passkey_id = $1 AND sign_count = $2 RETURNING 1
"""
_CREDENTIALS = "SELECT credential_id FROM passkey WHERE person_id = $1 ORDER BY passkey_id"
_RENAME = f"UPDATE passkey SET name = $3 WHERE person_id = $1 AND passkey_id = $2 RETURNING {_COLUMNS}"
_REMOVE = "DELETE FROM passkey WHERE person_id = $1 AND passkey_id = $2 RETURNING 1"
# Whoever asks sweeps: more are over than are asked for, so few lie about.
_ASK = f"""
WITH swept AS (
    DELETE FROM passkey_challenge WHERE challenge IN (
        SELECT c.challenge FROM passkey_challenge c WHERE c.expires_at < clock_timestamp()
        ORDER BY c.expires_at LIMIT {SWEPT_BATCH} FOR UPDATE SKIP LOCKED)
)
INSERT INTO passkey_challenge (challenge, session_id, expires_at) VALUES ($1, $2, clock_timestamp() + $3::interval)
"""
_TAKE = """
DELETE FROM passkey_challenge WHERE challenge = $1 AND session_id IS NOT DISTINCT FROM $2 RETURNING expires_at > clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey as its person sees it."""

    passkey_id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundPasskey:
    """What a proof is checked against."""

    passkey_id: int
    person_id: PersonId
    public_key: bytes = field(repr=False)
    sign_count: int


async def add_passkey(
    connection: Connection, person_id: PersonId, credential_id: bytes, public_key: bytes, sign_count: int, name: str
) -> PasskeyRow | None:
    """Store a passkey; None when it is there already, or its person has as many as they may."""
    row = await connection.fetchrow(_ADD, person_id, credential_id, public_key, sign_count, name)
    return None if row is None else PasskeyRow(**dict(row))


async def list_passkeys(connection: Connection, person_id: PersonId) -> list[PasskeyRow]:
    return [PasskeyRow(**dict(row)) for row in await connection.fetch(_LIST, person_id)]


async def own_credentials(connection: Connection, person_id: PersonId) -> list[bytes]:
    """Return what a device must not register a second time."""
    return [row["credential_id"] for row in await connection.fetch(_CREDENTIALS, person_id)]


async def find_passkey(connection: Connection, credential_id: bytes) -> FoundPasskey | None:
    row = await connection.fetchrow(_FIND, credential_id)
    return None if row is None else FoundPasskey(**dict(row))


async def use_passkey(connection: Connection, found: FoundPasskey, sign_count: int) -> bool:
    """Note a use; False when the count is not the one that was checked any more."""
    return await connection.fetchval(_USE, found.passkey_id, found.sign_count, sign_count) is not None


async def rename_passkey(connection: Connection, person_id: PersonId, passkey_id: int, name: str) -> PasskeyRow | None:
    row = await connection.fetchrow(_RENAME, person_id, passkey_id, name)
    return None if row is None else PasskeyRow(**dict(row))


async def remove_passkey(connection: Connection, person_id: PersonId, passkey_id: int) -> bool:
    return await connection.fetchval(_REMOVE, person_id, passkey_id) is not None


async def remove_passkeys(connection: Connection, person_id: PersonId) -> None:
    """Remove all of a person's: their device was lost."""
    await connection.execute("DELETE FROM passkey WHERE person_id = $1", person_id)


async def ask_challenge(connection: Connection, challenge: bytes, session_id: int | None) -> None:
    await connection.execute(_ASK, challenge, session_id, CHALLENGE_LIFE)


async def take_challenge(connection: Connection, challenge: bytes, session_id: int | None) -> bool:
    """Use a challenge up; False when it is none of this session's (None: of a login), was used, or is over."""
    return bool(await connection.fetchval(_TAKE, challenge, session_id))

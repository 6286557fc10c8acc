"""What makes a person's codes: the sealed secret, the last half minute that was taken, and the recovery codes by digest."""

from __future__ import annotations

from collections.abc import Sequence

from marketbot.domain.ids import PersonId
from marketbot.store.pool import Connection

_PUT = "UPDATE person SET totp_sealed = $2, totp_step = 0 WHERE person_id = $1 AND totp_confirmed_at IS NULL RETURNING 1"
_CONFIRM = """
UPDATE person SET totp_confirmed_at = clock_timestamp(), totp_step = $3
WHERE person_id = $1 AND totp_confirmed_at IS NULL AND totp_sealed = $2 RETURNING 1
"""
_TAKE = "UPDATE person SET totp_step = $2 WHERE person_id = $1 AND totp_step < $2 AND totp_confirmed_at IS NOT NULL RETURNING 1"
_USE = "UPDATE recovery_code SET used_at = clock_timestamp() WHERE person_id = $1 AND sha256 = $2 AND used_at IS NULL RETURNING 1"


async def put_totp(connection: Connection, person_id: PersonId, sealed: bytes) -> bool:
    """Store a secret that is not in force yet; False when the person has one that is."""
    return await connection.fetchval(_PUT, person_id, sealed) is not None


async def confirm_totp(connection: Connection, person_id: PersonId, sealed: bytes, step: int) -> bool:
    """Put a stored secret in force, a code of it having been shown; False when it is another by now, or in force already."""
    return await connection.fetchval(_CONFIRM, person_id, sealed, step) is not None


async def take_step(connection: Connection, person_id: PersonId, step: int) -> bool:
    """Take a half minute's code; False when it, or a later one, was taken before."""
    return await connection.fetchval(_TAKE, person_id, step) is not None


async def remove_totp(connection: Connection, person_id: PersonId) -> None:
    """Forget a person's second factor. Run it in a transaction."""
    await connection.execute("DELETE FROM recovery_code WHERE person_id = $1", person_id)
    await connection.execute("UPDATE person SET totp_confirmed_at = NULL, totp_sealed = NULL WHERE person_id = $1", person_id)


async def replace_recovery_codes(connection: Connection, person_id: PersonId, digests: Sequence[bytes]) -> None:
    """Let these be a person's recovery codes, and no others. Run it in a transaction."""
    await connection.execute("DELETE FROM recovery_code WHERE person_id = $1", person_id)
    await connection.execute(
        "INSERT INTO recovery_code (person_id, sha256) SELECT $1, digest FROM unnest($2::bytea[]) digest",
        person_id,
        list(digests),
    )


async def use_recovery_code(connection: Connection, person_id: PersonId, sha256: bytes) -> bool:
    """Use a code up; False when it is none of the person's, or was used."""
    return await connection.fetchval(_USE, person_id, sha256) is not None


async def count_recovery_codes(connection: Connection, person_id: PersonId) -> int:
    """Return how many are left."""
    left: int = await connection.fetchval(
        "SELECT count(*) FROM recovery_code WHERE person_id = $1 AND used_at IS NULL", person_id
    )
    return left

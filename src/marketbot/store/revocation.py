"""Statements of a mass revocation: what it would leave open, the wiping, and the data keys that nothing needs afterwards.

An operator's: over all users where the scope says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.pool import Connection

WIPE = (Path(__file__).with_name("sql") / "revoke_keys.sql").read_text()

_COVERED = "($1 = 'all' OR ($1 = 'user' AND a.user_id = $2) OR ($1 = 'account' AND a.account_id = $2))"
_EXPOSURE = f"""
SELECT count(*) FILTER (WHERE p.protection = 'protected') AS protected_positions,
       count(*) FILTER (WHERE p.protection <> 'protected') AS unprotected_positions,
       count(DISTINCT p.account_id) AS accounts_with_positions
FROM position p JOIN account a ON a.account_id = p.account_id AND a.user_id = p.user_id
WHERE p.protection <> 'closed' AND {_COVERED}
"""
_USERS = f"SELECT count(DISTINCT a.user_id) FROM account a WHERE a.status_code = 'KEY_REVOKED' AND {_COVERED}"
_DROP = """
DELETE FROM data_key k WHERE NOT EXISTS (SELECT FROM account a WHERE a.user_id = k.user_id AND k.key_id IN
    (data_key_of(a.api_key_sealed), data_key_of(a.api_secret_sealed), data_key_of(a.api_passphrase_sealed)))
"""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What stays open at the venues: positions whose verified stop rests there, and positions without one."""

    protected_positions: int
    unprotected_positions: int
    accounts_with_positions: int


@dataclass(frozen=True, slots=True)
class VenueCount:
    venue: str
    environment: str
    accounts: int


async def exists(connection: Connection, scope: str, key: int) -> bool:
    table = {"user": "app_user WHERE user_id", "account": "account WHERE account_id"}[scope]
    return bool(await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table} = $1)", key))


async def exposure(connection: Connection, scope: str, key: int | None) -> Exposure:
    row = await connection.fetchrow(_EXPOSURE, scope, key)
    assert row is not None
    return Exposure(**dict(row))


async def wipe(connection: Connection, scope: str, key: int | None, code: str, reason: str) -> list[VenueCount]:
    """Wipe keys and what is on its way to them, stop the accounts, have their owners told; return how many at each market."""
    rows = await connection.fetch(WIPE, scope, key, code, reason)
    await connection.execute("SELECT pg_notify($1, '')", ACCOUNT_CHANNEL)
    return [VenueCount(**dict(row)) for row in rows]


async def users(connection: Connection, scope: str, key: int | None) -> int:
    found: int = await connection.fetchval(_USERS, scope, key)
    return found


async def drop_data_keys(connection: Connection) -> int:
    """Delete the data keys that seal nothing any more, so that what they sealed is shut in every copy; return how many."""
    done: str = await connection.execute(_DROP)
    return int(done.rsplit(" ", 1)[-1])

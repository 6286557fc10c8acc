"""Users: made, listed, shut out and let in again. The operator's statements, over all users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import UserId
from marketbot.store.pool import Connection

_COLUMNS = """
u.user_id, u.name, u.created_at, u.disabled_at, u.erased_at, (SELECT count(*) FROM account a WHERE a.user_id = u.user_id) AS accounts
"""
_CREATE = "INSERT INTO app_user (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING user_id"
_LIST = f"SELECT {_COLUMNS} FROM app_user u WHERE u.user_id > $1 ORDER BY u.user_id LIMIT $2"
_READ = f"SELECT {_COLUMNS} FROM app_user u WHERE u.user_id = $1"
_SET_ENABLED = """
UPDATE app_user SET disabled_at = CASE WHEN $2 THEN NULL ELSE coalesce(disabled_at, clock_timestamp()) END
WHERE user_id = $1 AND erased_at IS NULL RETURNING user_id
"""


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user, and how many accounts are theirs. ``disabled_at`` is None while their tokens are taken."""

    user_id: UserId
    name: str
    created_at: datetime
    disabled_at: datetime | None
    erased_at: datetime | None
    accounts: int


async def create_user(connection: Connection, name: str) -> UserId | None:
    """Make a user; None when the name is taken."""
    found = await connection.fetchval(_CREATE, name)
    return None if found is None else UserId(found)


async def list_users(connection: Connection, after: UserId, limit: int) -> list[UserRow]:
    """Return a page of users by ascending id, those above ``after``."""
    return [UserRow(**dict(row)) for row in await connection.fetch(_LIST, after, limit)]


async def read_user(connection: Connection, user_id: UserId) -> UserRow | None:
    row = await connection.fetchrow(_READ, user_id)
    return None if row is None else UserRow(**dict(row))


async def find_user(connection: Connection, name: str) -> UserId | None:
    found = await connection.fetchval("SELECT user_id FROM app_user WHERE name = $1", name)
    return None if found is None else UserId(found)


async def set_enabled(connection: Connection, user_id: UserId, *, enabled: bool) -> bool:
    """Take a user's tokens, or refuse them; False when there is no such user, or none any more.

    Their accounts trade on: that is a switch's.
    """
    return await connection.fetchval(_SET_ENABLED, user_id, enabled) is not None

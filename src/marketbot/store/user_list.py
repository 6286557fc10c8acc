"""Everybody who is a user, for operators: a page by id, upwards or downwards, narrowed by what an operator looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import UserId
from marketbot.store.pool import Connection

_COLUMNS = """
u.user_id, u.name, u.created_at, u.disabled_at,
(SELECT count(*) FROM account a WHERE a.user_id = u.user_id) AS accounts,
(SELECT count(*) FROM account a WHERE a.user_id = u.user_id AND a.status = 'ready') AS ready,
(SELECT count(*) FROM account a JOIN position p ON p.account_id = a.account_id
 WHERE a.user_id = u.user_id AND p.protection <> 'closed') AS open_positions,
(SELECT s.state::text FROM switch s WHERE s.scope = 'user' AND s.key = u.user_id::text AND s.state <> 'active') AS switched
"""
_PAGE = """
SELECT {columns} FROM app_user u
WHERE u.user_id {compare} $1 AND ($2::boolean IS NULL OR (u.disabled_at IS NULL) = $2)
  AND ($3::text IS NULL OR starts_with(lower(u.name), lower($3)))
ORDER BY u.user_id {direction} LIMIT $4
"""
UPWARDS = _PAGE.format(columns=_COLUMNS, compare=">", direction="ASC")
DOWNWARDS = _PAGE.format(columns=_COLUMNS, compare="<", direction="DESC")
ONE = f"SELECT {_COLUMNS} FROM app_user u WHERE u.user_id = $1"


@dataclass(frozen=True, slots=True)
class UserFilter:
    """None narrows nothing. ``begins`` is how the name begins, in any case."""

    enabled: bool | None = None
    begins: str | None = None


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user with what there is of theirs; ``switched`` is their own switch, where one is set."""

    user_id: UserId
    name: str
    created_at: datetime
    disabled_at: datetime | None
    accounts: int
    ready: int
    open_positions: int
    switched: str | None


async def list_users_by(
    connection: Connection, wanted: UserFilter, behind: int, limit: int, *, newest_first: bool
) -> list[ListedUser]:
    """Return so many users behind an id, in the direction that is read in."""
    rows = await connection.fetch(DOWNWARDS if newest_first else UPWARDS, behind, wanted.enabled, wanted.begins, limit)
    return [ListedUser(**dict(row)) for row in rows]


async def read_listed(connection: Connection, user_id: UserId) -> ListedUser | None:
    row = await connection.fetchrow(ONE, user_id)
    return None if row is None else ListedUser(**dict(row))

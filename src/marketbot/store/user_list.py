"""Everybody who is a user, for operators: a page by id, upwards or downwards, narrowed by what an operator looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import UserId
from marketbot.store.pool import Connection

_LISTED = """
SELECT u.user_id, u.name, u.created_at, u.disabled_at, u.erased_at, c.accounts, c.ready, c.open_positions::bigint AS open_positions,
       (SELECT s.state::text FROM switch s WHERE s.scope = 'user' AND s.key = u.user_id::text AND s.state <> 'active') AS switched
FROM ({page}) u, LATERAL (
    SELECT count(*) AS accounts, count(*) FILTER (WHERE a.status = 'ready') AS ready,
           coalesce(sum((SELECT count(*) FROM position p WHERE p.account_id = a.account_id AND p.protection <> 'closed')), 0)
               AS open_positions
    FROM account a WHERE a.user_id = u.user_id) c
"""
_PAGE = """
SELECT * FROM app_user WHERE user_id {compare} $1 AND ($2::boolean IS NULL OR (disabled_at IS NULL) = $2)
AND ($3::text IS NULL OR starts_with(lower(name), lower($3))) ORDER BY user_id {direction} LIMIT $4
"""
UPWARDS = _LISTED.format(page=_PAGE.format(compare=">", direction="ASC")) + "ORDER BY u.user_id"
DOWNWARDS = _LISTED.format(page=_PAGE.format(compare="<", direction="DESC")) + "ORDER BY u.user_id DESC"
ONE = _LISTED.format(page="SELECT * FROM app_user WHERE user_id = $1")


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
    erased_at: datetime | None
    accounts: int
    ready: int
    open_positions: int
    switched: str | None

    @property
    def access(self) -> str:
        """``erased`` is for good: what is left is a number, for the books."""
        return "erased" if self.erased_at else "closed" if self.disabled_at else "open"


async def list_users_by(
    connection: Connection, wanted: UserFilter, behind: int, limit: int, *, newest_first: bool
) -> list[ListedUser]:
    """Return so many users behind an id, in the direction that is read in."""
    rows = await connection.fetch(DOWNWARDS if newest_first else UPWARDS, behind, wanted.enabled, wanted.begins, limit)
    return [ListedUser(**dict(row)) for row in rows]


async def read_listed(connection: Connection, user_id: UserId) -> ListedUser | None:
    row = await connection.fetchrow(ONE, user_id)
    return None if row is None else ListedUser(**dict(row))

"""The second wall between users: the role that a user's request runs under, and whether this process may act as it.

The first wall is every statement's own condition on the user. This one holds where a statement forgot it: row-level security
shows the role no row of anybody else, and no key at all (docs/adr/0007).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import asyncpg

from marketbot.domain.ids import UserId
from marketbot.store.pool import Connection

_ROLE = re.compile(r"marketbot_user_[0-9a-f]{8}")
WALL_MISSING = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError)
"""What a server answers when the role is not there, may not be assumed, or lost its rights."""


@dataclass(frozen=True, slots=True)
class UserWall:
    """A wall that stands."""

    role: str

    def opening(self, user_id: UserId, *, writes: bool) -> str:
        """Return what begins a transaction in which only this user's rows exist, for ``execute`` without arguments.

        One round trip. Measured over a unix socket, with one look-up and the COMMIT: 250 us; BEGIN by itself and the rest after
        it: 320 us; the same with a prepared set_config: 320 us; the bare look-up without a transaction: 90 us. Role and user
        are local to the transaction, so a pooled connection never keeps them.
        """
        mode = "READ WRITE" if writes else "READ ONLY"
        return (
            f"BEGIN {mode}; SET LOCAL ROLE {self.role}; SELECT pg_catalog.set_config('marketbot.user_id', '{int(user_id)}', true)"
        )


def opening_without_wall(*, writes: bool) -> str:
    """Return what begins the same transaction where there is no role: statements scope themselves, nothing else does."""
    return f"BEGIN {'READ WRITE' if writes else 'READ ONLY'}"


async def find_wall(connection: Connection) -> UserWall | None:
    """Return the wall, raising it anew where it is missing (a restored dump); None where this login may not."""
    role = await connection.fetchval("SELECT role_name FROM user_wall")
    if role is None or _ROLE.fullmatch(role) is None:
        return None
    wall = UserWall(role)
    if await _stands(connection, wall):
        return wall
    raised = await connection.fetchval("SELECT raise_user_wall()")
    return wall if raised and await _stands(connection, wall) else None


async def sees_all_rows(connection: Connection) -> bool:
    """Tell whether this login is one whom the policies do not bind, as engines and operators must be."""
    return not await connection.fetchval("SELECT row_security_active('account')")


async def _stands(connection: Connection, wall: UserWall) -> bool:
    """Try it: a transaction as nobody's user that must be allowed to read, under row-level security."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {wall.role}")
            return bool(
                await connection.fetchval("SELECT row_security_active('account') AND NOT EXISTS (SELECT user_id FROM account)")
            )
    except WALL_MISSING:
        return False

"""Staff of each role, logged in, beside the scene's operator."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from marketbot.domain.role import STAFF, Role

from .scene import Login, give_session

_STAFF = """
INSERT INTO person (email, name, role, password_hash, language, email_confirmed_at, totp_sealed, totp_confirmed_at)
VALUES ($1, $2, $3, 'none', 'en', now(), 'sealed', now())
"""


def email_of(role: Role) -> str:
    return f"{role.value}@club.example"


async def give_staff(connection: asyncpg.Connection) -> Mapping[Role, Login]:
    """Make one of each role of staff, and log them in."""
    logins = {}
    for role in sorted(STAFF):
        await connection.execute(_STAFF, email_of(role), f"Staff {role.value}", role.value)
        logins[role] = await give_session(connection, email_of(role))
    return logins

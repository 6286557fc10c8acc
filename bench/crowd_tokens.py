"""API tokens for the users of a measurement, made where the product makes them."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from marketbot.accounts.api_token import make_token
from marketbot.domain.scope import Scope
from marketbot.store.tokens import create_token
from marketbot.store.users import find_user
from readiness.load.scenario import User

SCOPES = (Scope.ACCOUNTS_READ, Scope.ORDERS_READ, Scope.SETTINGS_WRITE)


async def tokens_of(connection: asyncpg.Connection[asyncpg.Record], names: Sequence[str]) -> list[User]:
    """Return a user with a new token, and the first account's id, for each name."""
    users = []
    for name in names:
        user_id, token = await find_user(connection, name), make_token(operator=False)
        assert user_id is not None
        async with connection.transaction():
            await create_token(connection, user_id, "bench", SCOPES, token, None)
        account_id = await connection.fetchval("SELECT min(account_id) FROM account WHERE user_id = $1", user_id)
        users.append(User(token.text, {"account_id": str(account_id)}))
    return users

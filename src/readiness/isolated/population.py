"""Who lives in a throw-away installation: sources, accounts at the simulated venues, users with a token each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from readiness.isolated.errors import RunFailed
from readiness.isolated.installation import PRICES, Installation
from readiness.load.scenario import User
from readiness.load.wire import Connection, WireFailed, connect, request
from readiness.measure.database import Db

SOURCE, DRILL_SOURCE, IDLE_SOURCE, SMALL_SOURCE = "readiness", "drill", "load", "small"
SMALL_SOURCE_PER_HOUR = 5
SOURCES = ((SOURCE, 100_000), (DRILL_SOURCE, 100_000), (IDLE_SOURCE, 1_000_000), (SMALL_SOURCE, SMALL_SOURCE_PER_HOUR))
DRILL_ACCOUNTS = 96
"""Followers of the source that most drills signal to: enough for a middle to strike in, few enough to be done in seconds."""
TOKENS_OF_A_USER = 40
MAKERS = 8
"""Tokens are made side by side, over so many connections."""
CREATED = 201
ASK_TIMEOUT_S = 20.0
SCOPES = ["accounts:read", "orders:read", "settings:write"]
_OWNERS = "SELECT account_id, user_id FROM account ORDER BY account_id"


@dataclass(frozen=True, slots=True)
class _Owner:
    account_id: int
    user_id: int


async def populate(made: Installation, accounts: int, say: Callable[[str], None]) -> None:
    """Make sources and accounts, and import them as an operator would. The first accounts follow the drills' source too."""
    say("accounts")
    await made.control.set_prices(PRICES)
    for source, per_hour in SOURCES:
        made.secrets[source] = (await made.command("source", "add", source, "--signals-per-hour", str(per_hour)))["secret"]
    held = await made.control.make_accounts(accounts)
    made.venue_accounts = [str(each["account_id"]) for each in held]
    rows = [_row(made, number, each) for number, each in enumerate(held)]
    file = made.place / "accounts.json"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target_file:
        target_file.write(orjson.dumps(rows))
    imported = await made.command("accounts", "import", str(file))
    file.unlink()
    if imported["created"] != accounts:
        raise RunFailed(f"only {imported['created']} of {accounts} accounts were imported")


def drill_accounts(made: Installation) -> int:
    """Return how many accounts follow the drills' source."""
    return min(DRILL_ACCOUNTS, len(made.venue_accounts))


def _row(made: Installation, number: int, each: dict[str, Any]) -> dict[str, Any]:
    return {
        "user": f"user{number}",
        "label": "main",
        "venue": each["venue"],
        "environment": each["environment"],
        "api_key": each["api_key"],
        "api_secret": each["api_secret"],
        "follows": [SOURCE, DRILL_SOURCE] if number < DRILL_ACCOUNTS else [SOURCE],
        "max_positions": len(PRICES),
        "position_size_pct": 10,
        "cooldown_min": 0,
        "egress": number // 4 % made.egresses,
    }


async def give_tokens(made: Installation, db: Db, users: int, say: Callable[[str], None]) -> None:
    """Give every virtual user a token of an account's owner, made by the API as an operator makes them.

    Raises:
        RunFailed: the API made none.
    """
    say("tokens")
    owners = [_Owner(row["account_id"], row["user_id"]) for row in await db.fetch(_OWNERS)]
    wanted = [owners[number % len(owners)] for number in range(min(users, TOKENS_OF_A_USER * len(owners)))]
    parts = await asyncio.gather(*(_make(made, wanted[maker::MAKERS]) for maker in range(MAKERS)))
    made.users = [user for part in parts for user in part]


async def _make(made: Installation, owners: list[_Owner]) -> list[User]:
    if not owners:
        return []
    # Past the front door: making tokens is no part of what is measured, and its bound of an address is another's.
    target = made.apis[0]
    found = []
    connection: Connection | None = None
    try:
        for owner in owners:
            if connection is None or not connection.is_open:
                connection = await connect(target)
            body = orjson.dumps({"user_id": owner.user_id, "name": "load", "scopes": SCOPES})
            asked = request("POST", "/v1/operator/tokens", host=target.authority, body=body, token=made.operator_token)
            reply = await connection.ask(asked, ASK_TIMEOUT_S)
            if reply.status != CREATED:
                raise RunFailed(f"a user's token was answered {reply.status}")
            found.append(User(orjson.loads(reply.body)["token"], {"account_id": str(owner.account_id)}))
    except WireFailed as failed:
        raise RunFailed(f"a user's token was not made ({failed.kind})") from None
    finally:
        if connection is not None:
            connection.close()
    return found

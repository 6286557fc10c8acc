"""Everybody's accounts for operators: a page by id, upwards or downwards, narrowed by what an operator looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketbot.domain.ids import AccountId, UserId
from marketbot.store.pool import Connection

STATUSES = ("connecting", "ready", "quarantined", "disconnected")
ENVIRONMENTS = ("mainnet", "testnet")
FIRST_ID, LAST_ID = 0, 2**63 - 1

_PAGE = """
SELECT a.account_id, a.user_id, u.name AS user_name, a.label, a.venue, a.environment::text, a.egress,
       CASE WHEN a.disconnected_at IS NULL THEN a.status::text ELSE 'disconnected' END AS status,
       a.status_reason, a.status_code, a.status_facts,
       a.paused, a.reduce_only, r.wallet_balance, r.read_at AS balance_read_at, a.created_at,
       (SELECT count(*) FROM position p WHERE p.account_id = a.account_id AND p.protection <> 'closed') AS open_positions
FROM account a JOIN app_user u USING (user_id) LEFT JOIN account_reading r USING (account_id)
WHERE a.account_id {compare} $1
  AND ($2::text IS NULL OR CASE WHEN a.disconnected_at IS NULL THEN a.status::text ELSE 'disconnected' END = $2)
  AND ($3::text IS NULL OR a.environment = $3::text::environment)
  AND ($4::text IS NULL OR a.venue = $4)
  AND ($5::text IS NULL OR starts_with(lower(u.name), lower($5)) OR starts_with(lower(a.label), lower($5)))
ORDER BY a.account_id {direction} LIMIT $6
"""
UPWARDS = _PAGE.format(compare=">", direction="ASC")
DOWNWARDS = _PAGE.format(compare="<", direction="DESC")
VENUES = "SELECT DISTINCT venue FROM account ORDER BY 1"


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """None narrows nothing. ``begins`` is how the user's name or the account's label begins, in any case."""

    status: str | None = None
    environment: str | None = None
    venue: str | None = None
    begins: str | None = None


@dataclass(frozen=True, slots=True)
class ListedAccount:
    account_id: AccountId
    user_id: UserId
    user_name: str
    label: str
    venue: str
    environment: str
    egress: int
    status: str
    status_reason: str | None
    status_code: str | None
    status_facts: dict[str, Any] | None
    paused: bool
    reduce_only: bool
    wallet_balance: Decimal | None
    balance_read_at: datetime | None
    created_at: datetime
    open_positions: int


async def list_accounts(
    connection: Connection, wanted: AccountFilter, behind: int, limit: int, *, newest_first: bool
) -> list[ListedAccount]:
    """Return so many accounts behind an id, in the direction that is read in."""
    rows = await connection.fetch(
        DOWNWARDS if newest_first else UPWARDS,
        behind,
        wanted.status,
        wanted.environment,
        wanted.venue,
        wanted.begins,
        limit,
    )
    return [ListedAccount(**dict(row)) for row in rows]


async def list_venues(connection: Connection) -> list[str]:
    return [row["venue"] for row in await connection.fetch(VENUES)]

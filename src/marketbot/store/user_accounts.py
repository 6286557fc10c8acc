"""A user and their accounts as the user sees them, and the settings that are the user's to change.

Every statement names the user; run them in a ``UserDoor``'s session, where row-level security holds as well. The operator's list
is the one without a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketbot.domain.ids import AccountId, UserId
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.pool import Connection

CHANGE_SETTINGS = (Path(__file__).with_name("sql") / "change_account_settings.sql").read_text()

_ACCOUNTS = """
SELECT a.account_id, a.user_id, a.label, a.venue, a.environment::text, a.egress,
       CASE WHEN a.disconnected_at IS NULL THEN a.status::text ELSE 'disconnected' END AS status,
       a.status_reason, a.status_code, a.status_facts, a.hedge_mode,
       (SELECT true FROM key_box b WHERE b.account_id = a.account_id AND b.user_id = a.user_id) IS TRUE AS key_pending,
       c.asked_at AS key_asked_at, c.checked_at AS key_checked_at, c.code AS key_code, c.facts AS key_facts,
       c.ip_restricted AS key_ip_restricted, c.expires_at AS key_expires_at,
       a.paused, a.reduce_only, a.leverage, a.stop_multiplier, a.target_multiplier, a.position_size_pct, a.max_positions,
       a.cooldown_min, a.daily_loss_limit, a.allowed_symbols, a.denied_symbols, r.wallet_balance, r.available_balance,
       r.read_at AS balance_read_at, a.created_at, a.changed_at,
       ARRAY(SELECT s.name FROM follow f JOIN source s USING (source_id) WHERE f.account_id = a.account_id ORDER BY 1) AS follows
FROM account a LEFT JOIN account_reading r ON r.account_id = a.account_id AND r.user_id = a.user_id
LEFT JOIN key_check c ON c.account_id = a.account_id AND c.user_id = a.user_id
"""
LIST_OWN = f"{_ACCOUNTS} WHERE a.user_id = $1 AND a.account_id > $2 ORDER BY a.account_id LIMIT $3"
READ_OWN = f"{_ACCOUNTS} WHERE a.account_id = $1 AND a.user_id = $2"
LIST_OWN_NARROWED = f"""{_ACCOUNTS}
WHERE a.user_id = $1 AND a.account_id {{compare}} $2
  AND ($4::text IS NULL OR CASE WHEN a.disconnected_at IS NULL THEN a.status::text ELSE 'disconnected' END = $4)
  AND ($5::text IS NULL OR a.environment = $5::text::environment)
ORDER BY a.account_id {{direction}} LIMIT $3
"""
OWN_UPWARDS = LIST_OWN_NARROWED.format(compare=">", direction="ASC")
OWN_DOWNWARDS = LIST_OWN_NARROWED.format(compare="<", direction="DESC")
READ_ANY = f"{_ACCOUNTS} WHERE a.account_id = $1"
LIST_ALL = f"{_ACCOUNTS} WHERE a.account_id > $1 ORDER BY a.account_id LIMIT $2"
PAUSE_OWN = """
WITH changed AS (
    UPDATE account SET paused = $2, changed_at = clock_timestamp() WHERE user_id = $1 AND paused <> $2 RETURNING account_id)
SELECT count(*) FROM changed
"""

ME = """
SELECT u.user_id, u.name, u.created_at,
       (SELECT coalesce(jsonb_object_agg(status, accounts), '{}')
        FROM (SELECT CASE WHEN disconnected_at IS NULL THEN status::text ELSE 'disconnected' END AS status, count(*) AS accounts
              FROM account WHERE user_id = $1 GROUP BY 1) counted) AS accounts
FROM app_user u WHERE u.user_id = $1
"""
SWITCHES = """
WITH own AS MATERIALIZED (
    SELECT scope, key, state, changed_at FROM switch
    WHERE state <> 'active' AND (scope NOT IN ('user', 'account') OR (scope = 'user' AND key = $1::bigint::text)
        OR (scope = 'account' AND EXISTS (SELECT FROM account a WHERE a.user_id = $1 AND a.account_id::text = switch.key)))
    ORDER BY scope, key LIMIT $2)
SELECT o.scope::text, o.key, o.state::text, o.changed_at, e.effective_at, e.took_ms
FROM own o LEFT JOIN LATERAL stop_effect($1, o.scope, o.key) e ON true
ORDER BY o.scope, o.key
"""
SWITCHES_MAX = 200


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account without its keys. Settings are the owner's wishes; None means the operator's default.

    ``status_code`` says why it stands still; ``key_code`` what its venue last told about the key (None: all is well), asked at
    ``key_checked_at``. ``key_pending``: a key that was handed in waits for an engine to open it.
    """

    account_id: AccountId
    user_id: UserId
    label: str
    venue: str
    environment: str
    egress: int
    status: str
    status_reason: str | None
    status_code: str | None
    status_facts: dict[str, Any] | None
    key_pending: bool
    key_asked_at: datetime | None
    key_checked_at: datetime | None
    key_code: str | None
    key_facts: dict[str, Any] | None
    key_ip_restricted: bool | None
    key_expires_at: datetime | None
    hedge_mode: bool
    paused: bool
    reduce_only: bool
    leverage: Decimal | None
    stop_multiplier: Decimal | None
    target_multiplier: Decimal | None
    position_size_pct: Decimal | None
    max_positions: int | None
    cooldown_min: int | None
    daily_loss_limit: Decimal | None
    allowed_symbols: list[str] | None
    denied_symbols: list[str]
    wallet_balance: Decimal | None
    available_balance: Decimal | None
    balance_read_at: datetime | None
    created_at: datetime
    changed_at: datetime
    follows: list[str]


@dataclass(frozen=True, slots=True)
class StoppedRow:
    """A switch that stops entries of this user, or of everybody.

    ``effective_at`` is when every engine went by it, ``took_ms`` after the command; None while one has not read it.
    """

    scope: str
    key: str
    state: str
    changed_at: datetime
    effective_at: datetime | None
    took_ms: int | None


@dataclass(frozen=True, slots=True)
class Me:
    """A user as they see themselves. ``accounts`` counts by status; ``stopped`` is what halts or reduces their trading now."""

    user_id: UserId
    name: str
    created_at: datetime
    accounts: dict[str, int]
    stopped: tuple[StoppedRow, ...]


async def read_me(connection: Connection, user_id: UserId) -> Me | None:
    row = await connection.fetchrow(ME, user_id)
    if row is None:
        return None
    stopped = await connection.fetch(SWITCHES, user_id, SWITCHES_MAX)
    return Me(**dict(row), stopped=tuple(StoppedRow(**dict(each)) for each in stopped))


async def list_own_accounts(connection: Connection, user_id: UserId, after: AccountId, limit: int) -> list[AccountRow]:
    """Return a page of a user's accounts by ascending id, those above ``after``."""
    return [AccountRow(**dict(row)) for row in await connection.fetch(LIST_OWN, user_id, after, limit)]


async def narrow_own_accounts(
    connection: Connection,
    user_id: UserId,
    behind: AccountId,
    limit: int,
    *,
    status: str | None,
    environment: str | None,
    newest_first: bool,
) -> list[AccountRow]:
    """Return so many of a user's accounts behind an id, in the direction that is read in; None narrows nothing."""
    statement = OWN_DOWNWARDS if newest_first else OWN_UPWARDS
    rows = await connection.fetch(statement, user_id, behind, limit, status, environment)
    return [AccountRow(**dict(row)) for row in rows]


async def list_all_accounts(connection: Connection, after: AccountId, limit: int) -> list[AccountRow]:
    """Return a page of everybody's accounts by ascending id; the operator's view."""
    return [AccountRow(**dict(row)) for row in await connection.fetch(LIST_ALL, after, limit)]


async def read_own_account(connection: Connection, user_id: UserId, account_id: AccountId) -> AccountRow | None:
    row = await connection.fetchrow(READ_OWN, account_id, user_id)
    return None if row is None else AccountRow(**dict(row))


async def read_any_account(connection: Connection, account_id: AccountId) -> AccountRow | None:
    """Return anybody's account; the operator's view."""
    row = await connection.fetchrow(READ_ANY, account_id)
    return None if row is None else AccountRow(**dict(row))


async def change_settings(connection: Connection, user_id: UserId, account_id: AccountId, changes: Mapping[str, Any]) -> bool:
    """Write checked changes (``accounts.settings.read_settings``) and tell every process; False when nothing changed.

    ``changed_at`` moves with them, which is how an engine notices that an account's leverage is to be looked at again.
    """
    if await connection.fetchval(CHANGE_SETTINGS, account_id, user_id, dict(changes)) is None:
        return False
    await connection.execute("SELECT pg_notify($1, $2)", ACCOUNT_CHANNEL, str(user_id))
    return True


async def pause_own_accounts(connection: Connection, user_id: UserId, *, paused: bool) -> int:
    """Pause all accounts of a user, or let them trade again, and tell every process; return how many were otherwise before."""
    changed: int = await connection.fetchval(PAUSE_OWN, user_id, paused)
    if changed:
        await connection.execute("SELECT pg_notify($1, $2)", ACCOUNT_CHANNEL, str(user_id))
    return changed

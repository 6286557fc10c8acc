"""A user's accounts as their owner may change them: made, tested, disconnected. Run behind the wall, in the user's transaction.

No statement here reads anything sealed, or could: the wall's role has no right to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketbot.domain.ids import AccountId, SourceId, UserId
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.pool import Connection

_HOLDINGS = """
SELECT count(*) FILTER (WHERE kind = 'position') AS positions, count(*) FILTER (WHERE kind = 'unprotected') AS unprotected,
       count(*) FILTER (WHERE kind = 'order') AS orders
FROM (SELECT CASE WHEN protection = 'protected' THEN 'position' ELSE 'unprotected' END AS kind
      FROM position WHERE account_id = $1 AND user_id = $2 AND protection <> 'closed'
      UNION ALL
      SELECT 'order' FROM order_current WHERE account_id = $1 AND user_id = $2 AND leg IN ('entry', 'exit', 'emergency_exit')
      AND state IN ('planned', 'submitted', 'unconfirmed', 'accepted', 'partially_filled')) held
"""
# Whom an account follows decides which leverage it needs, so a change counts as one of its settings (replace_follows.sql).
REPLACE_FOLLOWS = """
WITH own AS (SELECT account_id FROM account WHERE account_id = $1 AND user_id = $2 AND disconnected_at IS NULL),
gone AS (
    DELETE FROM follow f USING own WHERE f.account_id = own.account_id AND f.source_id <> ALL ($3::bigint[]) RETURNING f.account_id),
added AS (
    INSERT INTO follow (source_id, account_id) SELECT unnest($3::bigint[]), account_id FROM own ON CONFLICT DO NOTHING
    RETURNING account_id)
UPDATE account SET changed_at = clock_timestamp()
WHERE user_id = $2 AND account_id IN (SELECT account_id FROM gone UNION SELECT account_id FROM added)
RETURNING account_id
"""


@dataclass(frozen=True, slots=True)
class OwnLabel:
    """An account by its label. ``counts``: it is connected, or is being so; ``gone``: it may be connected again."""

    account_id: AccountId
    venue: str
    environment: str
    counts: bool
    gone: bool


@dataclass(frozen=True, slots=True)
class Standing:
    status: str
    disconnected: bool


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account holds by our books: positions with a verified stop, others, and orders that are not over."""

    protected_positions: int
    unprotected_positions: int
    working_orders: int

    @property
    def any(self) -> bool:
        return bool(self.protected_positions or self.unprotected_positions or self.working_orders)


async def labels(connection: Connection, user_id: UserId) -> dict[str, OwnLabel]:
    """Return a user's accounts by label."""
    rows = await connection.fetch(
        """SELECT a.label, a.account_id, a.venue, a.environment::text, a.disconnected_at IS NULL OR b.account_id IS NOT NULL AS counts,
                  a.disconnected_at IS NOT NULL AS gone
           FROM account a LEFT JOIN key_box b ON b.account_id = a.account_id AND b.user_id = a.user_id WHERE a.user_id = $1""",
        user_id,
    )
    return {row["label"]: OwnLabel(*list(row)[1:]) for row in rows}


async def standing(connection: Connection, user_id: UserId, account_id: AccountId) -> Standing | None:
    row = await connection.fetchrow(
        "SELECT status::text, disconnected_at IS NOT NULL AS disconnected FROM account WHERE account_id = $1 AND user_id = $2",
        account_id,
        user_id,
    )
    return None if row is None else Standing(**dict(row))


async def sources_by_name(connection: Connection, names: Sequence[str]) -> Mapping[str, SourceId]:
    rows = await connection.fetch("SELECT name, source_id FROM source WHERE name = ANY ($1::text[])", list(names))
    return {row["name"]: SourceId(row["source_id"]) for row in rows}


async def key_objection(connection: Connection, fingerprint: bytes, account_id: AccountId | None) -> str | None:
    """Return ``taken`` or ``revoked`` where a key may not be connected to the account (None: to a new one)."""
    found: str | None = await connection.fetchval("SELECT key_objection($1, $2)", fingerprint, account_id)
    return found


async def add_account(
    connection: Connection, user_id: UserId, label: str, venue: str, environment: str, fingerprint: bytes, egresses: int
) -> AccountId:
    """Write an account without a key, at the way out that has the fewest of its market."""
    account_id = await connection.fetchval(
        """INSERT INTO account (user_id, label, venue, environment, api_key_fingerprint, egress)
           VALUES ($1, $2, $3, $4::environment, $5, least_used_egress($3, $4::environment, $6)) RETURNING account_id""",
        user_id,
        label,
        venue,
        environment,
        fingerprint,
        egresses,
    )
    return AccountId(account_id)


async def follow(connection: Connection, account_id: AccountId, sources: Mapping[str, SourceId]) -> None:
    """Let an account that follows nothing follow sources."""
    await connection.execute(
        "INSERT INTO follow (source_id, account_id) SELECT unnest($1::bigint[]), $2::bigint ON CONFLICT DO NOTHING",
        list(sources.values()),
        account_id,
    )


async def replace_follows(
    connection: Connection, user_id: UserId, account_id: AccountId, sources: Mapping[str, SourceId]
) -> bool:
    """Let an account follow exactly these sources and tell the engines; False where it did already."""
    if await connection.fetchval(REPLACE_FOLLOWS, account_id, user_id, list(sources.values())) is None:
        return False
    await tell_engines(connection, user_id)
    return True


async def retry(connection: Connection, user_id: UserId, account_id: AccountId) -> bool:
    """Let a quarantined account that has a key be connected again."""
    return bool(await connection.fetchval("SELECT retry_account($1, $2)", user_id, account_id))


async def holdings(connection: Connection, user_id: UserId, account_id: AccountId) -> Holdings:
    row = await connection.fetchrow(_HOLDINGS, account_id, user_id)
    assert row is not None
    return Holdings(row["positions"], row["unprotected"], row["orders"])


async def disconnect(connection: Connection, user_id: UserId, account_id: AccountId, code: str, reason: str) -> bool:
    """Take the key away, and all that the account follows; tell the engines, which forget what they hold within a second."""
    done = await connection.fetchval("SELECT disconnect_account($1, $2, $3, $4)", user_id, account_id, code, reason)
    await tell_engines(connection, user_id)
    return bool(done)


async def tell_engines(connection: Connection, user_id: UserId) -> None:
    await connection.execute("SELECT pg_notify($1, $2)", ACCOUNT_CHANNEL, str(user_id))

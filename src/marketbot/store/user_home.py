"""What a user's first page sums up: money and results by environment, for practice money is never added to real money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketbot.domain.ids import UserId
from marketbot.domain.money import ZERO
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.pool import Connection

MONEY = """
SELECT a.environment::text, count(*) AS accounts, count(*) FILTER (WHERE a.status = 'ready') AS ready,
       count(*) FILTER (WHERE a.paused) AS paused, count(r.account_id) AS with_balance, sum(r.wallet_balance) AS wallet,
       sum(r.available_balance) AS available, min(r.read_at) AS read_at
FROM account a LEFT JOIN account_reading r ON r.account_id = a.account_id AND r.user_id = $1
WHERE a.user_id = $1 GROUP BY 1
"""
# All time by the days' totals; only today, which is the viewer's own and no day of UTC, is summed anew.
GAINS = """
WITH today AS (
    SELECT account_id, sum(result) AS result, count(*) AS closed FROM realized_result
    WHERE user_id = $1 AND closed_at >= $2 GROUP BY 1),
all_time AS (
    SELECT account_id, sum(result) AS result, sum(closed)::bigint AS closed FROM result_day WHERE user_id = $1 GROUP BY 1)
SELECT coalesce(a.environment::text, '') AS environment, sum(w.result) AS all_time, sum(w.closed)::bigint AS closed,
       coalesce(sum(t.result), 0) AS today, coalesce(sum(t.closed), 0)::bigint AS closed_today
FROM all_time w LEFT JOIN today t USING (account_id)
LEFT JOIN account a ON a.account_id = w.account_id AND a.user_id = $1 GROUP BY 1
"""
# changed_at moves as in change_account_settings.sql: an engine looks at the account's leverage again, which costs it nothing.
PAUSE_ALL = (
    "UPDATE account SET paused = $2, changed_at = clock_timestamp() WHERE user_id = $1 AND paused <> $2 RETURNING account_id"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A user's accounts of one environment together, in the quote currency. ``wallet`` is None until a balance was read.

    ``environment`` is empty for results whose account is gone. ``read_at`` is the oldest balance's.
    """

    environment: str
    accounts: int = 0
    ready: int = 0
    paused: int = 0
    with_balance: int = 0
    wallet: Decimal | None = None
    available: Decimal | None = None
    read_at: datetime | None = None
    today: Decimal = ZERO
    closed_today: int = 0
    all_time: Decimal = ZERO
    closed: int = 0


async def read_standings(connection: Connection, user_id: UserId, day_began: datetime) -> list[Standing]:
    """Return a user's standing by environment, mainnet first; ``day_began`` is where their own day does."""
    money = {row["environment"]: dict(row) for row in await connection.fetch(MONEY, user_id)}
    gains = {row["environment"]: dict(row) for row in await connection.fetch(GAINS, user_id, day_began)}
    order = [name for name in ("mainnet", "testnet", "") if name in money or name in gains]
    return [Standing(**{"environment": name, **money.get(name, {}), **gains.get(name, {})}) for name in order]


async def pause_all(connection: Connection, user_id: UserId, *, paused: bool) -> int:
    """Pause every account of a user, or let all trade again; tell every process, and return how many changed."""
    changed = await connection.fetch(PAUSE_ALL, user_id, paused)
    if changed:
        await connection.execute("SELECT pg_notify($1, $2)", ACCOUNT_CHANNEL, str(user_id))
    return len(changed)

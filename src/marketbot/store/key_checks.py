"""What venues said of accounts' keys, and when: read by their owners, and by whoever warns of what expires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.venue import Market
from marketbot.ports import Where
from marketbot.store.account_jobs import PAUSED_LATER
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.pool import Connection, Pool

WARN_DAYS = (14, 3)
"""Days before a key expires at which its owner is warned."""
WARN_PAGE = 500

_SQL = Path(__file__).with_name("sql")
WRITE = (_SQL / "write_key_checks.sql").read_text()
WARN = (_SQL / "warn_of_expiring_keys.sql").read_text()

# Long due: a paused account's job waits longer, and its owner wants to know now.
_ASKED = """
INSERT INTO job (kind, key, account_id, every, max_attempts, due_at)
SELECT $1::text, a.account_id::text, a.account_id, $6::interval, $7, clock_timestamp() - $8::interval
FROM key_check c JOIN account a USING (account_id, user_id)
WHERE c.asked_at IS NOT NULL AND a.status = 'ready' AND a.venue = $2 AND a.environment = $3::environment
  AND ($4::int[] IS NULL OR slot_of(a.egress, a.account_id, $5) = ANY ($4))
ON CONFLICT (kind, key) WHERE done_at IS NULL AND dead_at IS NULL
DO UPDATE SET due_at = least(job.due_at, excluded.due_at), attempts = 0
"""


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """What one look at a key told. ``code`` is a reason of ``domain.key_reason``; None: all is well."""

    account_id: AccountId
    user_id: UserId
    checked_at: datetime
    code: str | None
    facts: Mapping[str, str] = field(default_factory=dict)
    ip_restricted: bool | None = None
    expires_at: datetime | None = None


async def write(pool: Pool, findings: Sequence[KeyFinding]) -> None:
    """Keep the last look at each key. Another expiry than the one known is warned of anew; a look that failed tells of none."""
    if findings:
        await pool.execute(
            WRITE,
            [each.account_id for each in findings],
            [each.user_id for each in findings],
            [each.checked_at for each in findings],
            [each.code for each in findings],
            [dict(each.facts) for each in findings],
            [each.ip_restricted for each in findings],
            [each.expires_at for each in findings],
        )


async def ask(connection: Connection, user_id: UserId, account_id: AccountId) -> None:
    """Have the account's owner among the engines look at its key soon. For an account that is this user's."""
    done: str = await connection.execute(
        "UPDATE key_check SET asked_at = clock_timestamp() WHERE account_id = $1 AND user_id = $2", account_id, user_id
    )
    if done == "UPDATE 0":
        await connection.execute(
            "INSERT INTO key_check (account_id, user_id, asked_at) VALUES ($1, $2, clock_timestamp())", account_id, user_id
        )
    await connection.execute("SELECT pg_notify($1, $2)", ACCOUNT_CHANNEL, str(user_id))


async def make_asked_due(pool: Pool, kind: str, every: timedelta, max_attempts: int, market: Market, where: Where) -> None:
    """Let the checks that owners asked for be due now."""
    await pool.execute(
        _ASKED, kind, market.venue, market.environment, where.slots, where.egresses, every, max_attempts, PAUSED_LATER
    )


async def warn_of_expiry(pool: Pool) -> int:
    """Have owners told whose keys expire within the days of ``WARN_DAYS``, once for each; return how many were."""
    return len(await pool.fetch(WARN, list(WARN_DAYS), timedelta(days=max(WARN_DAYS)), WARN_PAGE))

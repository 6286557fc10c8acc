"""Jobs that only an account's owner may do, a row an account. They are not claimed: an account has one owner at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.venue import Market
from marketbot.ports import Where
from marketbot.store.pool import Pool

PAUSED_LATER = timedelta(hours=1)
"""A paused account's job is due this much later: nothing is sized on its balance, but it must not be unknown on the day it goes on."""

_SQL = Path(__file__).with_name("sql")
PLAN = (_SQL / "plan_account_jobs.sql").read_text()
UNPLAN = (_SQL / "unplan_account_jobs.sql").read_text()
DUE = (_SQL / "due_account_jobs.sql").read_text()
SETTLE = (_SQL / "settle_account_jobs.sql").read_text()


@dataclass(frozen=True, slots=True)
class AccountJob:
    """A due job. ``attempts`` counts those that failed since it last succeeded or was given up."""

    job_id: int
    account_id: AccountId
    user_id: UserId
    egress: int
    every: timedelta
    attempts: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """How an attempt ended: when the job is due again, and what it died of if it failed."""

    job_id: int
    due_at: datetime
    attempts: int
    failed: str | None


async def plan(pool: Pool, kind: str, every: timedelta, max_attempts: int, where: Where) -> int:
    """Make the rows that ready accounts of these slots lack, and drop those of accounts that are not ready; return how many are new."""
    await pool.execute(UNPLAN, kind, where.slots, where.egresses)
    done: str = await pool.execute(PLAN, kind, every, max_attempts, where.slots, where.egresses)
    return int(done.rsplit(" ", 1)[-1])


async def due(pool: Pool, kind: str, market: Market, limit: int, where: Where) -> list[AccountJob]:
    """Return due jobs of ready accounts, the longest due first."""
    rows = await pool.fetch(DUE, kind, market.venue, market.environment, PAUSED_LATER, limit, where.slots, where.egresses)
    return [AccountJob(**dict(row)) for row in rows]


async def settle(pool: Pool, settled: Sequence[Settled]) -> None:
    """Write how a page of attempts ended, in one statement."""
    if settled:
        await pool.execute(
            SETTLE,
            [each.job_id for each in settled],
            [each.due_at for each in settled],
            [each.attempts for each in settled],
            [each.failed for each in settled],
        )

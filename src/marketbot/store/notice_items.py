"""What channels are to be told: what happened, found in batches after its commit; what waits; what a message took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from marketbot.domain.ids import UserId
from marketbot.domain.notice import Notice
from marketbot.domain.notice_pace import MAX_DIGEST_ITEMS, Pace, Waiting
from marketbot.store.pool import Connection, Pool

LOOK_PAGE = 500
"""Channels that one statement finds news for."""
LOOK_WINDOW_MAX = timedelta(minutes=5)
"""How much time one statement looks at; what was missed for longer is caught up with in steps."""
LOOK_OVERLAP = timedelta(minutes=2)
"""A row's time is taken before its commit: what was committed late is found by looking again. It is told once all the same."""
DUE_PAGE = 500
"""Channels that are let speak before the next are looked for."""

_SQL = Path(__file__).with_name("sql")
FIND = {
    Notice.POSITION_PROTECTED: (_SQL / "find_protected_notices.sql").read_text(),
    Notice.POSITION_CLOSED: (_SQL / "find_closed_notices.sql").read_text(),
    Notice.ENTRY_NOT_MADE: (_SQL / "find_not_made_notices.sql").read_text(),
}
SUMMARIZE = (_SQL / "summarize_users_day.sql").read_text()
SUMMARIZE_OPERATOR = (_SQL / "summarize_operators_day.sql").read_text()

_DUE = """
SELECT c.channel_id, c.tat_us FROM notice_channel c WHERE c.channel_id IN (
    SELECT DISTINCT channel_id FROM notice_item i JOIN notice_channel q USING (channel_id)
    WHERE i.job_id IS NULL AND i.due_at <= now() AND (q.quiet_until IS NULL OR q.quiet_until <= clock_timestamp())
    LIMIT $1)
"""


@dataclass(frozen=True, slots=True)
class DueChannel:
    channel_id: int
    tat_us: int


@dataclass(frozen=True, slots=True)
class TakenItem:
    notice: str
    at: datetime
    facts: Mapping[str, Any]


async def put(
    connection: Connection, user_id: UserId | None, channel_id: int, notice: Notice, subject: str, facts: Mapping[str, Any]
) -> bool:
    """Have one channel of an owner told at once. False when it is not theirs, or not confirmed."""
    found = await connection.fetch(
        "SELECT put_notice(channel_id, $3, $4, $5, true) FROM notice_channel "
        "WHERE user_id IS NOT DISTINCT FROM $1::bigint AND channel_id = $2 AND confirmed_at IS NOT NULL",
        user_id,
        channel_id,
        notice.value,
        subject,
        dict(facts),
    )
    return bool(found)


async def find_news(pool: Pool, notice: Notice) -> bool:
    """Find what happened of one kind since the last look, for the channels that want it; tell whether there is more time to look at.

    The first look ever finds nothing older than itself, apart from the overlap.
    """
    since = await pool.fetchval(
        "INSERT INTO notice_look (name, seen_until) VALUES ($1, clock_timestamp()) "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING seen_until",
        notice.value,
    )
    now: datetime = await pool.fetchval("SELECT clock_timestamp()")
    until = min(now, since + LOOK_WINDOW_MAX)
    after: int | None = 0
    while after is not None:
        after = await pool.fetchval(FIND[notice], since - LOOK_OVERLAP, until, after, LOOK_PAGE)
    await pool.execute("UPDATE notice_look SET seen_until = $2 WHERE name = $1", notice.value, until)
    return bool(until < now)


async def summarize_yesterday(pool: Pool) -> None:
    """Put together what happened on the last whole day (UTC), once a channel that wants it."""
    after: int | None = 0
    while after is not None:
        after = await pool.fetchval(SUMMARIZE, after, LOOK_PAGE)
    await pool.execute(SUMMARIZE_OPERATOR)


async def due_channels(pool: Pool) -> list[DueChannel]:
    return [DueChannel(**dict(row)) for row in await pool.fetch(_DUE, DUE_PAGE)]


async def waiting_items(connection: Connection, channel_id: int) -> list[Waiting]:
    """Return what waits for a channel, what is new before what is held, the oldest first. Locked: of two rounds one decides."""
    rows = await connection.fetch(
        "SELECT item_id, notice, due_at, held FROM notice_item WHERE channel_id = $1 AND job_id IS NULL "
        "ORDER BY held, at, item_id LIMIT $2 FOR UPDATE SKIP LOCKED",
        channel_id,
        MAX_DIGEST_ITEMS,
    )
    return [Waiting(row["item_id"], Notice(row["notice"]), row["due_at"], row["held"]) for row in rows]


async def apply_pace(connection: Connection, channel_id: int, paced: Pace, max_attempts: int) -> None:
    """Make the messages, and keep what waits. In the caller's transaction, which holds the items."""
    for message in paced.messages:
        job_id = await connection.fetchval(
            "INSERT INTO job (kind, key, payload, max_attempts) VALUES ('tell', $1, $2, $3) RETURNING job_id",
            f"item {message[0]}",
            {"channel_id": channel_id},
            max_attempts,
        )
        await connection.execute("UPDATE notice_item SET job_id = $1 WHERE item_id = ANY ($2::bigint[])", job_id, list(message))
    if paced.held:
        await connection.execute(
            "UPDATE notice_item i SET held = true, due_at = n.due_at "
            "FROM unnest($1::bigint[], $2::timestamptz[]) AS n (item_id, due_at) WHERE i.item_id = n.item_id",
            [item_id for item_id, _ in paced.held],
            [due_at for _, due_at in paced.held],
        )
    await connection.execute("UPDATE notice_channel SET tat_us = $2 WHERE channel_id = $1", channel_id, paced.tat_us)
    if paced.messages:
        await connection.execute("NOTIFY job")


async def taken_items(pool: Pool, job_id: int) -> Sequence[TakenItem]:
    """Return what a message tells, the oldest first."""
    rows = await pool.fetch(
        "SELECT notice, at, facts FROM notice_item WHERE job_id = $1 ORDER BY at, item_id LIMIT $2", job_id, MAX_DIGEST_ITEMS
    )
    return [TakenItem(**dict(row)) for row in rows]


async def next_update(pool: Pool, bot: str) -> int:
    """Return the first of the bot's updates that was not read."""
    return await pool.fetchval("SELECT next_update FROM notice_look WHERE name = $1", bot) or 0


async def note_update(pool: Pool, bot: str, next_update: int) -> None:
    await pool.execute(
        "INSERT INTO notice_look (name, next_update) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET next_update = excluded.next_update",
        bot,
        next_update,
    )

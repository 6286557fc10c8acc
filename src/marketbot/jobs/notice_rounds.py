"""The recurring jobs behind channels: one lets channels speak, one finds what users like to know, one sums up the day.

None of it is near the order path: what happened is found in rows that were committed, a page of channels at a time, and only for those who
asked for it.
"""

from __future__ import annotations

from datetime import timedelta

from marketbot.domain.notice import Notice
from marketbot.domain.notice_pace import pace
from marketbot.jobs.kinds import Kind
from marketbot.jobs.tell import ATTEMPTS_MAX
from marketbot.ports import Clock
from marketbot.store import notice_items
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool

ROUND_NAME = "notice_round"
ROUND_EVERY = timedelta(seconds=5)
ROUND_PAGES_MAX = 20
"""Ten thousand channels in one round; the next round takes the rest."""
NEWS_NAME = "notice_news"
NEWS_EVERY = timedelta(seconds=60)
NEWS_WINDOWS_MAX = 12
"""An hour of catching up in one run; the next goes on."""
SUMMARY_NAME = "notice_summary"
SUMMARY_EVERY = timedelta(minutes=10)
TIMEOUT_S = 300.0
FOUND = (Notice.POSITION_PROTECTED, Notice.POSITION_CLOSED, Notice.ENTRY_NOT_MADE)


def round_kind(pool: Pool, clock: Clock) -> Kind:
    async def let_speak(_job: ClaimedJob) -> None:
        for _ in range(ROUND_PAGES_MAX):
            page = await notice_items.due_channels(pool)
            for due in page:
                async with pool.acquire() as connection, connection.transaction():
                    waiting = await notice_items.waiting_items(connection, due.channel_id)
                    if waiting:
                        paced = pace(waiting, due.tat_us, clock.now())
                        await notice_items.apply_pace(connection, due.channel_id, paced, ATTEMPTS_MAX)
            if len(page) < notice_items.DUE_PAGE:
                break

    return Kind(ROUND_NAME, let_speak, every=ROUND_EVERY, timeout_s=TIMEOUT_S, interruptible=True)


def news_kind(pool: Pool) -> Kind:
    async def find(_job: ClaimedJob) -> None:
        for notice in FOUND:
            for _ in range(NEWS_WINDOWS_MAX):
                if not await notice_items.find_news(pool, notice):
                    break

    return Kind(NEWS_NAME, find, every=NEWS_EVERY, timeout_s=TIMEOUT_S, interruptible=True)


def summary_kind(pool: Pool) -> Kind:
    async def summarize(_job: ClaimedJob) -> None:
        await notice_items.summarize_yesterday(pool)

    return Kind(SUMMARY_NAME, summarize, every=SUMMARY_EVERY, timeout_s=TIMEOUT_S, interruptible=True)

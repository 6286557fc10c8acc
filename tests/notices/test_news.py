"""What is news, found in committed rows after the fact: once, for those who want it, in steps."""

from __future__ import annotations

import pytest
from tests.store.queue import SYMBOL, make_intents, make_signal

from marketbot.domain.notice import ChannelKind, Notice, Severity
from marketbot.store import notice_items

from .telling import Telling


async def test_news_is_found_once_for_those_who_want_it_after_the_commit(telling: Telling) -> None:
    pool = telling.pool
    await telling.channel(ChannelKind.TELEGRAM, "1")
    await telling.channel(ChannelKind.TELEGRAM, "2", minimum=Severity.WARNING)
    await telling.channel(ChannelKind.TELEGRAM, "3", user=False)
    for notice in notice_items.FIND:
        assert not await notice_items.find_news(pool, notice)
    async with pool.acquire() as connection:
        signal_id = await make_signal(connection)
        await make_intents(connection, signal_id, telling.accounts)
        denied_id = await make_signal(connection)
        await connection.execute(
            "INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at) "
            "VALUES ($1, $2, $3, 1, 'denied', 'MAX_POSITIONS', '2 of 2', clock_timestamp())",
            denied_id, telling.accounts[0], telling.user_id,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at) VALUES ($1, $2, $4, 'rejected', "
            "'INSUFFICIENT_FUNDS', clock_timestamp()), ($1, $3, $4, 'ordered', NULL, clock_timestamp())",
            signal_id, *telling.accounts, telling.user_id,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, "
            "opened_at, protected_at) VALUES ($1, $2, 'long', $3, $4, 'protected', 1.5, 1234.5, 1200, now(), clock_timestamp())",
            telling.accounts[1], SYMBOL, telling.user_id, signal_id,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, signal_id, result) "
            "VALUES ($1, clock_timestamp(), $2, 'short', $3, $4, -12.5)",
            telling.accounts[0], SYMBOL, telling.user_id, signal_id,
        )  # fmt: skip
    for _ in range(2):
        for notice in notice_items.FIND:
            assert not await notice_items.find_news(pool, notice)
    rows = await pool.fetch("SELECT channel_id, notice, facts FROM notice_item ORDER BY notice, item_id")
    assert {row["channel_id"] for row in rows} == {1}
    told = [
        (row["notice"], row["facts"].get("became") or row["facts"].get("result") or row["facts"]["entry_price"]) for row in rows
    ]
    assert sorted(told) == [
        ("entry_not_made", "denied"),
        ("entry_not_made", "rejected"),
        ("position_closed", "-12.5"),
        ("position_protected", "1234.5"),
    ]
    await telling.round()
    assert await telling.messages() == []
    await pool.execute("UPDATE notice_item SET due_at = now() WHERE held")
    await telling.round()
    assert [len(message) for message in await telling.messages()] == [4]


async def test_what_was_missed_is_caught_up_with_in_steps(telling: Telling) -> None:
    await telling.channel(ChannelKind.TELEGRAM, "1")
    await telling.pool.execute("UPDATE notice_channel SET confirmed_at = now() - interval '1 day'")
    await telling.pool.execute(
        "INSERT INTO notice_look (name, seen_until) VALUES ('position_closed', now() - interval '12 minutes')"
    )
    await telling.pool.execute(
        "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) "
        "SELECT $1, now() - make_interval(mins => n), $2, 'long', $3, 1 FROM generate_series(0, 20) n",
        telling.accounts[0], SYMBOL, telling.user_id,
    )  # fmt: skip
    steps = 1
    while await notice_items.find_news(telling.pool, Notice.POSITION_CLOSED):
        steps += 1
    assert steps == 3
    # Twelve minutes, and the overlap before them.
    assert await telling.pool.fetchval("SELECT count(*) FROM notice_item") in (14, 15)


async def test_a_page_of_channels_at_a_time_finds_all(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_items, "LOOK_PAGE", 2)
    for number in range(5):
        await telling.channel(ChannelKind.TELEGRAM, str(number))
    assert not await notice_items.find_news(telling.pool, Notice.POSITION_CLOSED)
    await telling.pool.execute(
        "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) "
        "VALUES ($1, clock_timestamp(), $2, 'long', $3, 1)",
        telling.accounts[0], SYMBOL, telling.user_id,
    )  # fmt: skip
    await notice_items.find_news(telling.pool, Notice.POSITION_CLOSED)
    assert await telling.pool.fetchval("SELECT count(DISTINCT channel_id) FROM notice_item") == 5


async def test_the_day_is_summed_up_once_for_users_and_the_operator(telling: Telling) -> None:
    pool = telling.pool
    await telling.channel(ChannelKind.TELEGRAM, "1")
    await telling.channel(ChannelKind.TELEGRAM, "2", user=False)
    await notice_items.summarize_yesterday(pool)
    assert await pool.fetchval("SELECT count(*) FROM notice_item") == 0, "they were not here yesterday"
    await pool.execute("UPDATE notice_channel SET confirmed_at = now() - interval '2 days'")
    await pool.execute(
        "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) "
        "SELECT $1, date_trunc('day', now(), 'UTC') - make_interval(hours => n), $2, 'long', $3, n FROM generate_series(1, 3) n",
        telling.accounts[0], SYMBOL, telling.user_id,
    )  # fmt: skip
    for _ in range(2):
        await notice_items.summarize_yesterday(pool)
    rows = {row["notice"]: row["facts"] for row in await pool.fetch("SELECT notice, facts FROM notice_item")}
    assert set(rows) == {"daily_summary", "operator_summary"}
    assert (rows["daily_summary"]["closed"], rows["daily_summary"]["result"]) == (3, "6")
    assert rows["operator_summary"]["ready"] == 2
    await telling.round()
    assert sorted(await telling.messages()) == [["daily_summary"], ["operator_summary"]]

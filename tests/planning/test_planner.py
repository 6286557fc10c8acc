"""The planner on a real database: what is stored of one signal, and what is known when it is decided."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from marketbot.domain.ids import SignalId
from marketbot.planning.planner import PlanOutcome
from marketbot.store.pool import Pool

from .town import TAG, Town


async def test_an_entry_is_stored_with_its_three_orders_and_a_chunk(town: Town, pool: Pool) -> None:
    account = await town.account()
    signal = await town.signal()
    result = await town.planner().plan_signal(signal)
    assert (result.outcome, result.queued, result.denied.total()) == (PlanOutcome.PLANNED, 1, 0)

    intent = await pool.fetchrow("SELECT * FROM intent")
    assert intent is not None
    assert (intent["state"], intent["lane"], intent["side"], intent["qty"]) == ("queued", 1, "long", 15)
    assert (intent["stop_price"], intent["target_price"], intent["leverage"]) == (98, 103, 5)
    orders = await pool.fetch("SELECT * FROM order_current ORDER BY leg")
    assert [(row["leg"], row["qty"], row["trigger_price"]) for row in orders] == [
        ("entry", 15, None),
        ("stop_loss", None, 98),
        ("take_profit", None, 103),
    ]
    assert {row["state"] for row in orders} == {"planned"}
    assert len({row["client_order_id"] for row in orders}) == 3
    assert all(row["client_order_id"].startswith(f"mb{TAG}") for row in orders)
    chunk = await pool.fetchrow("SELECT * FROM chunk")
    assert chunk is not None
    assert (chunk["lane"], chunk["venue"], chunk["environment"]) == (1, "binance", "mainnet")
    assert chunk["account_ids"] == [account]
    assert await town.state(signal) == "planned"


async def test_an_account_that_does_not_follow_the_source_is_left_alone(town: Town, pool: Pool) -> None:
    follower = await town.account()
    other = await town.account(follows=False)
    await town.follow(other, await town.source("other-room"))
    signal = await town.signal()
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {follower: None}


async def test_mainnet_is_planned_before_testnet_and_each_in_its_lane(town: Town, pool: Pool) -> None:
    await town.crowd(150, environment="testnet")
    await town.crowd(150, venue="bybit", egresses=2)
    signal = await town.signal()
    result = await town.planner().plan_signal(signal)
    assert (result.pages, result.queued) == (3, 300)
    chunks = await pool.fetch("SELECT lane, venue, environment, cardinality(account_ids) AS size FROM chunk ORDER BY chunk_id")
    assert [row["lane"] for row in chunks] == [1, 1, 2, 2]
    assert {(row["venue"], row["environment"]) for row in chunks if row["lane"] == 1} == {("bybit", "mainnet")}
    assert [row["size"] for row in chunks if row["lane"] == 2] == [100, 50]


async def test_a_thousand_followers_get_one_decision_each_for_mixed_reasons(town: Town, pool: Pool) -> None:
    await town.crowd(600, egresses=3)
    await town.crowd(400, venue="bybit", environment="testnet")
    ids = [row["account_id"] for row in await pool.fetch("SELECT account_id FROM account ORDER BY account_id")]
    await pool.execute("UPDATE account SET paused = true WHERE account_id = ANY($1)", ids[:50])
    await pool.execute("UPDATE account SET status = 'quarantined' WHERE account_id = ANY($1)", ids[50:75])
    await pool.execute("UPDATE account_reading SET wallet_balance = 1 WHERE account_id = ANY($1)", ids[75:95])
    await pool.execute("DELETE FROM account_reading WHERE account_id = ANY($1)", ids[95:100])
    await pool.execute("UPDATE account SET denied_symbols = '{BTCUSDT}' WHERE account_id = ANY($1)", ids[700:710])
    for account in ids[710:715]:
        await town.position(account)
    for account in ids[715:720]:
        await town.position(account, closed_at=town.clock.now() - timedelta(minutes=1))
    signal = await town.signal()
    result = await town.planner().plan_signal(signal)
    assert result.denied == {
        "ACCOUNT_PAUSED": 50,
        "ACCOUNT_QUARANTINED": 25,
        "NOTIONAL_BELOW_MINIMUM": 20,
        "BALANCE_UNKNOWN": 5,
        "SYMBOL_NOT_ALLOWED": 10,
        "POSITION_EXISTS": 5,
        "SYMBOL_COOLDOWN": 5,
    }
    assert result.queued == 880
    assert len(await town.reasons(signal)) == 1000
    in_chunks = await pool.fetch("SELECT unnest(account_ids) AS account_id FROM chunk")
    queued = await pool.fetch("SELECT account_id FROM intent WHERE state = 'queued'")
    assert sorted(in_chunks) == sorted(queued)
    assert await pool.fetchval("SELECT count(*) FROM orders") == 3 * 880
    assert await pool.fetchval("SELECT max(cardinality(account_ids)) FROM chunk") == 100


async def test_an_entry_on_its_way_pledges_its_margin_and_its_place(town: Town, pool: Pool) -> None:
    account = await town.account(max_positions=5, position_size_pct=Decimal(50))
    for symbol in ("AUSDT", "BUSDT"):
        await town.planner().plan_signal(await town.signal(symbol=symbol))
    third = await town.signal(symbol="CUSDT")
    await town.planner().plan_signal(third)
    assert await town.reasons(third) == {account: "MARGIN_EXCEEDS_FREE_BALANCE"}
    # With an outcome on record it is on its way no more.
    await pool.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at)"
        " SELECT signal_id, account_id, user_id, 'lapsed', 'TRADING_HALTED', now() FROM intent WHERE state = 'queued'"
    )
    fourth = await town.signal(symbol="DUSDT")
    await town.planner().plan_signal(fourth)
    assert await town.reasons(fourth) == {account: None}


async def test_ten_entries_a_minute_count_over_all_accounts_of_one_user(town: Town, pool: Pool) -> None:
    user, other = await town.user(), await town.user()
    crowded = [await town.account(user) for _ in range(12)]
    free = await town.account(other)
    signal = await town.signal()
    await town.planner().plan_signal(signal)
    reasons = await town.reasons(signal)
    assert [reasons[account] for account in crowded] == [None] * 10 + ["RATE_LIMIT_EXCEEDED"] * 2
    assert reasons[free] is None
    later = await town.signal(symbol="AUSDT")
    await town.planner().plan_signal(later)
    assert set((await town.reasons(later)).values()) == {"RATE_LIMIT_EXCEEDED", None}
    await town.clock.sleep(61)
    last = await town.signal(symbol="CUSDT")
    await town.planner().plan_signal(last)
    assert "RATE_LIMIT_EXCEEDED" in (await town.reasons(last)).values()
    assert list((await town.reasons(last)).values()).count("RATE_LIMIT_EXCEEDED") == 2


async def test_a_close_exits_who_holds_and_denies_the_others(town: Town, pool: Pool) -> None:
    holder, paused = await town.account(), await town.account(paused=True, environment="testnet")
    short, flat = await town.account(), await town.account()
    await town.position(holder)
    await town.position(paused)
    await town.position(short, "short")
    await town.position(flat, closed_at=town.clock.now())
    signal = await town.signal("close_long", age_s=5000)
    result = await town.planner().plan_signal(signal)
    assert result.queued == 2
    assert await town.reasons(signal) == {holder: None, paused: None, short: "NO_POSITION", flat: "NO_POSITION"}
    orders = await pool.fetch("SELECT leg, side, qty, trigger_price FROM orders")
    assert {tuple(row) for row in orders} == {("exit", "long", 2, None)}
    assert {row["lane"] for row in await pool.fetch("SELECT lane FROM chunk UNION ALL SELECT lane FROM intent")} == {0}


async def test_close_all_of_a_hedged_account_has_an_exit_order_for_each_side(town: Town, pool: Pool) -> None:
    account = await town.account(hedge_mode=True)
    await town.position(account, "long")
    await town.position(account, "short", qty=Decimal(3), stop_price=Decimal(102))
    await town.planner().plan_signal(await town.signal("close_all"))
    orders = await pool.fetch("SELECT attempt, side, qty FROM orders WHERE leg = 'exit' ORDER BY attempt")
    assert [tuple(row) for row in orders] == [(0, "short", 3), (1, "long", 2)]
    intent = await pool.fetchrow("SELECT side, qty, stop_price FROM intent")
    assert intent is not None
    assert tuple(intent) == ("short", 3, None)


async def test_an_expired_signal_denies_everybody_and_is_settled_at_once(town: Town) -> None:
    await town.crowd(5)
    signal = await town.signal(age_s=31)
    result = await town.planner().plan_signal(signal)
    assert result.denied == {"SIGNAL_EXPIRED": 5}
    assert await town.state(signal) == "settled"


async def test_the_switches_and_the_policy_of_the_moment_rule_each_page(town: Town, pool: Pool) -> None:
    account = await town.account()
    other = await town.account(environment="testnet")
    await pool.execute("INSERT INTO switch (scope, key, state) VALUES ('environment', 'testnet', 'halted')")
    await pool.execute("INSERT INTO policy (document) VALUES ($1)", {"leverage": {"default": "3"}})
    signal = await town.signal()
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {account: None, other: "TRADING_HALTED"}
    assert await pool.fetchval("SELECT leverage FROM intent WHERE account_id = $1", account) == 3


async def test_the_loss_of_the_day_stops_an_account_at_its_limit(town: Town, pool: Pool) -> None:
    midnight = town.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    town.clock.at = midnight + timedelta(hours=12)
    lost, gained_back, yesterday = [await town.account(daily_loss_limit=Decimal(50)) for _ in range(3)]
    await town.position(lost, symbol="AUSDT", closed_at=midnight, realized_pnl=Decimal(-50))
    await town.position(gained_back, symbol="AUSDT", closed_at=midnight, realized_pnl=Decimal(-50))
    await town.position(gained_back, symbol="BUSDT", closed_at=midnight, realized_pnl=Decimal(1))
    await town.position(yesterday, symbol="AUSDT", closed_at=midnight - timedelta(seconds=1), realized_pnl=Decimal(-50))
    await pool.execute("UPDATE account_reading SET read_at = $1", town.clock.now())
    signal = await town.signal()
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {lost: "DAILY_LOSS", gained_back: None, yesterday: None}


async def test_a_row_that_names_another_users_account_counts_for_nobody(town: Town, pool: Pool) -> None:
    account, stranger = await town.account(), await town.user()
    await town.position(account, user_id=stranger)
    await pool.execute("UPDATE account_reading SET user_id = user_id")
    signal = await town.signal()
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {account: None}
    assert await pool.fetchval("SELECT count(*) FROM intent WHERE user_id = $1", stranger) == 0
    assert await pool.fetchval("SELECT count(*) FROM orders WHERE user_id = $1", stranger) == 0


async def test_a_page_tells_the_workers_once(town: Town, pool: Pool) -> None:
    await town.crowd(40, egresses=3)
    told = asyncio.Event()
    count = 0

    def hear(*_: object) -> None:
        nonlocal count
        count += 1
        told.set()

    async with pool.acquire() as connection:
        await connection.add_listener("chunk", hear)
        await town.planner().plan_signal(await town.signal())
        async with asyncio.timeout(5):
            await told.wait()
        await connection.fetchval("SELECT 1")
        await connection.remove_listener("chunk", hear)
    assert count == 1


async def test_signals_wait_oldest_first(town: Town) -> None:
    await town.account()
    signals = [await town.signal(symbol=symbol) for symbol in ("AUSDT", "BUSDT")]
    planner = town.planner()
    assert await planner.open_signals() == signals
    await planner.plan_signal(signals[0])
    assert await planner.open_signals() == signals[1:]


async def test_an_unknown_signal_is_nobodys(town: Town) -> None:
    assert (await town.planner().plan_signal(SignalId(999))).outcome is PlanOutcome.ELSEWHERE


@pytest.mark.parametrize("symbol", ["币安人生USDT", "A\\NB\\tC", "TAB\tBED", "LINE\nFEED\rUSDT", "\\."])
async def test_no_symbol_can_break_out_of_its_column(town: Town, pool: Pool, symbol: str) -> None:
    account = await town.account(balance="0.1")
    rich = await town.account()
    signal = await town.signal(symbol=symbol)
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {account: "NOTIONAL_BELOW_MINIMUM", rich: None}
    assert {row["symbol"] for row in await pool.fetch("SELECT symbol FROM orders")} == {symbol}

"""Prices gathered to minutes: what a bar says, who writes it, and that neither orders nor a database that is away are in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.ids import Symbol
from marketbot.domain.price_bar import Bar
from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market
from marketbot.observability import metrics
from marketbot.store import price_bars as rows
from marketbot.store.pool import Pool, open_pool
from marketbot.store.price_bars import Span, prune_bars, read_chart
from marketbot.workers import price_bars
from marketbot.workers.market_data import PriceTable
from marketbot.workers.price_bars import PriceBars

MARKET = Market(BYBIT, Environment.MAINNET)
BTC, ETH, XRP = Symbol("BTCUSDT"), Symbol("ETHUSDT"), Symbol("XRPUSDT")
BEGIN = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
BARS = "SELECT symbol, minute, open, high, low, close FROM price_bar ORDER BY symbol, minute"


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Engine:
    """The part of one that keeps bars; prices are set by hand."""

    def __init__(self, pool: Pool) -> None:
        self.time = Time()
        self.prices = PriceTable(self.time)
        self.writes, self.busy = True, False
        self.bars = PriceBars(pool, self.prices, self.time, lambda: self.writes, lambda: self.busy)

    def read(self, price: str, symbol: Symbol = BTC, *, after_s: float = 1.0) -> None:
        self.time.at += timedelta(seconds=after_s)
        self.prices.of_market[MARKET] = ({symbol: Decimal(price)}, self.time.monotonic())
        self.bars.gather()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with await open_pool(database, name="engine", size=2) as pool:
        await pool.execute(
            "INSERT INTO source (name, kind, secret_sha256) VALUES ('room', 'webhook', decode(repeat('00', 32), 'hex'))"
        )
        await pool.execute(
            "INSERT INTO signal (source_id, dedup_key, action, symbol, body) VALUES (1, '1', 'open_long', 'BTCUSDT', '')"
        )
        yield pool


async def engine_of(pool: Pool) -> Engine:
    engine = Engine(pool)
    engine.prices.of_market[MARKET] = ({}, -1.0)
    await engine.bars.watch()
    return engine


def dropped() -> float:
    line = next(each for each in metrics.render().decode().splitlines() if each.startswith("marketbot_price_bars_dropped_total "))
    return float(line.split(" ")[1])


@given(st.lists(st.decimals(min_value="0.0001", max_value="100000", places=4), min_size=1))
def test_a_bar_is_what_its_prices_were(prices: list[Decimal]) -> None:
    bar = Bar.begun(prices[0])
    for price in prices[1:]:
        bar = bar.with_price(price)
    assert bar == Bar(prices[0], max(prices), min(prices), prices[-1])


async def test_a_minute_is_written_while_it_lasts_and_once_it_is_over(pool: Pool) -> None:
    engine = await engine_of(pool)
    for price in ("100", "103", "99"):
        engine.read(price)
    await engine.bars.write()
    engine.read("101")
    engine.read("102", after_s=60)
    await engine.bars.write()
    assert [tuple(row)[1:] for row in await pool.fetch(BARS)] == [
        (BEGIN, 100, 103, 99, 101),
        (BEGIN + timedelta(minutes=1), 102, 102, 102, 102),
    ]
    await engine.bars.write()
    assert "1 of" in repr(engine.bars), "a minute that is over and written is not kept"


async def test_after_a_restart_a_minute_keeps_how_it_began(pool: Pool) -> None:
    before = await engine_of(pool)
    before.read("100")
    before.read("104")
    await before.bars.write()
    after = await engine_of(pool)
    after.read("101", after_s=10)
    await after.bars.write()
    assert [tuple(row)[2:] for row in await pool.fetch(BARS)] == [(100, 104, 100, 101)]


async def test_only_one_engine_writes_and_never_while_orders_are_on_their_way(pool: Pool) -> None:
    engine = await engine_of(pool)
    engine.writes = False
    engine.read("100")
    await engine.bars.write()
    assert await pool.fetch(BARS) == []
    engine.writes, engine.busy = True, True
    engine.read("101")
    await engine.bars.write()
    assert await pool.fetch(BARS) == []
    engine.busy = False
    await engine.bars.write()
    assert [tuple(row)[2:] for row in await pool.fetch(BARS)] == [(100, 101, 100, 101)]


async def test_what_nobody_holds_and_no_signal_was_about_is_not_kept(pool: Pool) -> None:
    engine = await engine_of(pool)
    engine.read("0.5", XRP)
    await engine.bars.write()
    assert await pool.fetch(BARS) == []


async def test_a_store_that_is_away_costs_bars_and_nothing_else(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_bars, "WAITING_MAX", 3)

    async def away(*_arguments: object) -> None:
        raise TimeoutError

    engine = await engine_of(pool)
    lost = dropped()
    with monkeypatch.context() as patch:
        patch.setattr(price_bars, "write_bars", away)
        for number in range(5):
            engine.read(str(100 + number), after_s=60)
            await engine.bars.write()
    assert dropped() - lost == 2
    await engine.bars.write()
    assert [row["open"] for row in await pool.fetch(BARS)] == [102, 103, 104]


async def test_what_most_accounts_hold_is_kept_first(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "WATCHED_MAX", 2)
    await pool.execute("INSERT INTO app_user (name) VALUES ('ana')")
    await pool.execute(
        "INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint)"
        " SELECT 1, n::text, CASE WHEN n < 4 THEN 'bybit' ELSE 'binance' END, 'mainnet', 'k', 's', n::text::bytea"
        " FROM generate_series(1, 4) n"
    )
    for account_id, symbol in ((1, ETH), (2, ETH), (3, XRP), (4, XRP)):
        await pool.execute(
            "INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, opened_at)"
            " VALUES ($1, $2, 'long', 1, 'naked', 1, 1, now())",
            account_id,
            symbol,
        )
    other = Market(BINANCE, Environment.MAINNET)
    async with pool.acquire() as connection:
        found = await rows.watched(connection, [MARKET, other])
    assert found == {MARKET: {ETH, XRP}, other: {XRP, BTC}}


async def test_a_chart_is_made_of_whole_steps_and_old_bars_go(pool: Pool) -> None:
    now = await pool.fetchval("SELECT date_trunc('day', now()) + interval '12 hours'")
    await pool.execute(
        "INSERT INTO price_bar SELECT 'bybit', 'mainnet', 'BTCUSDT', $1::timestamptz - make_interval(mins => n), 100 + n, 200 + n,"
        " 50 - n * 0.001, 101 + n FROM generate_series(0, 11000) n",
        now,
    )
    async with pool.acquire() as connection:
        for span, points, step in ((Span.HOURS, 361, 1), (Span.DAY, 289, 5), (Span.WEEK, 337, 30)):
            chart = await read_chart(connection, "bybit", "mainnet", BTC, span, now)
            assert len(chart) == points
            assert {later.at - earlier.at for earlier, later in pairwise(chart)} == {timedelta(minutes=step)}
            whole = chart[-2]
            minutes = [int((now - whole.at).total_seconds() // 60) - number for number in range(step)]
            assert (whole.open, whole.high, whole.close) == (100 + minutes[0], 200 + minutes[0], 101 + minutes[-1])
        assert await read_chart(connection, "bybit", "testnet", BTC, Span.HOURS, now) == []
        age = timedelta(days=7) + (await connection.fetchval("SELECT now()") - now)
        assert await prune_bars(connection, age, 500) == 500
        while await prune_bars(connection, age, 500):
            pass
        assert await connection.fetchval("SELECT min(minute) FROM price_bar") >= now - timedelta(days=7, minutes=1)

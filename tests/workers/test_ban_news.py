"""A ban that one process meets stops the others too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market
from marketbot.store.listen import Line
from marketbot.store.pool import open_pool
from marketbot.workers.ban_news import CHANNEL, BanNews

MARKET = Market(BYBIT, Environment.MAINNET)
UNTIL = datetime.now(UTC) + timedelta(minutes=10)


async def test_what_one_says_another_hears(database: str) -> None:
    async with await open_pool(database, name="test", size=2) as pool:
        told, heard = BanNews(pool), BanNews(pool)
        arrived: asyncio.Future[tuple[Market, int, datetime]] = asyncio.get_running_loop().create_future()
        heard.on_block(lambda market, egress, until: arrived.set_result((market, egress, until)))
        line = Line(database, name="test")
        line.listener([CHANNEL], heard.hear)
        async with line:
            await line.connected.wait()
            told.publish(MARKET, 3, UNTIL)
            async with asyncio.timeout(10):
                assert await arrived == (MARKET, 3, UNTIL)


async def test_nonsense_is_passed_over(database: str) -> None:
    async with await open_pool(database, name="test", size=1) as pool:
        news = BanNews(pool)
        heard: list[int] = []
        news.on_block(lambda _market, egress, _until: heard.append(egress))
        for nonsense in (
            "",
            "x",
            "[]",
            "{}",
            '["binance","moon",0,"2026-01-01"]',
            '["binance","mainnet","a","2026-01-01T00:00:00Z"]',
        ):
            news.hear(CHANNEL, nonsense)
        assert heard == []
        news.hear(CHANNEL, f'["{BINANCE}","mainnet",7,"{UNTIL.isoformat()}"]')
        assert heard == [7]

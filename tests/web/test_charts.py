"""Charts in a real browser: drawn under our own policy, with what they show beside them, anew when it changes."""

from __future__ import annotations

import re

from playwright.async_api import expect

from .browser import PHONE, chromium, visit
from .conftest import Console

DRAWN = "[data-chart][data-drawn]"


async def test_a_position_is_drawn_with_its_stop_and_told_in_words(console: Console) -> None:
    async with chromium() as browser:
        for locale, size, price in (("en-US", (1280, 860), "60,213.2"), ("pt-BR", PHONE, "60.213,2")):
            async with visit(browser, console.api.port, console.ana, locale=locale, size=size, scheme="dark") as visitor:
                page = visitor.page
                await visitor.open("/home")
                await page.get_by_role("link", name="BTCUSDT", exact=True).click()
                await expect(page).to_have_url(visitor.base + "/positions/1/BTCUSDT/long")
                await expect(page.locator(DRAWN)).to_have_attribute("data-drawn", re.compile("^3[56][0-9]$"))
                assert await page.locator("[data-chart] canvas").count() > 1
                await expect(page.locator("#standing")).to_contain_text(price)
                await expect(page.get_by_role("link", name="TradingView")).to_have_attribute(
                    "href", "https://www.tradingview.com/"
                )
                await page.get_by_role("link", name=re.compile("^1 d")).click()
                await expect(page.locator(DRAWN)).to_have_attribute("data-drawn", re.compile("^8[01]$"))
                assert await visitor.faults() == []


async def test_a_price_that_moves_is_seen_without_a_reload(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana) as visitor:
        page = visitor.page
        await visitor.open("/positions/1/BTCUSDT/long")
        await expect(page.locator(DRAWN)).to_have_count(1)
        await page.evaluate("window.kept = true")
        await console.store.execute(
            "INSERT INTO price_bar SELECT 'binance', 'mainnet', 'BTCUSDT', date_trunc('minute', now()) + interval '1 minute',"
            " 62001, 62002, 62000, 62001.5"
        )
        await page.evaluate(
            "for (const part of document.querySelectorAll('[data-live]')) htmx.trigger(part, 'marketbot:changed')"
        )
        await expect(page.locator("#standing")).to_contain_text("62,001.5")
        await expect(page.locator("#standing")).to_contain_text("+23.49")
        await expect(page.locator(DRAWN)).to_have_attribute("data-drawn", re.compile("^36[01]$"))
        assert await page.evaluate("window.kept") is True


async def test_results_are_drawn_by_environment_in_either_theme(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana) as visitor:
        page = visitor.page
        await visitor.open("/results")
        await expect(page.locator(DRAWN)).to_have_count(2)
        days = [int(await each.get_attribute("data-drawn") or 0) for each in await page.locator(DRAWN).all()]
        assert min(days) > 5
        await page.get_by_label("Your menu").click()
        await page.get_by_role("button", name="Dark").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await visitor.open("/home")
        await expect(page.locator("#standing svg.spark")).to_have_count(2)
        assert await page.locator("script[src*='lightweight']").count() == 0, "charts are loaded where they are drawn"


async def test_an_operator_sees_the_hour_and_the_day(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.olga) as visitor:
        page = visitor.page
        await visitor.open("/operator")
        await expect(page.locator("[data-plots]")).to_have_attribute("data-drawn", "6")
        await expect(page.locator("[data-plot=outcomes] .u-legend")).to_contain_text("MAX_POSITIONS")
        hour = await page.locator("#figures dd").first.inner_text()
        await page.get_by_role("link", name="1 day").click()
        await expect(page.locator("[data-plots]")).to_have_attribute("data-drawn", "6")
        assert int(await page.locator("#figures dd").first.inner_text()) > 20 * int(hour)
        row = page.locator("#venues tr", has_text="Practice")
        await expect(row).to_contain_text("Open")
        await expect(row).to_contain_text("banned for")
        await console.store.execute("UPDATE market_standing SET breaker = 'closed', blocked_s = 0, read_at = clock_timestamp()")
        await expect(row).to_contain_text("Closed", timeout=15_000)


async def test_the_last_readiness_report_is_told_in_the_viewers_language(console: Console) -> None:
    async with chromium() as browser:
        for locale, verdict, state in (("en-US", "Not ready", "Alarm"), ("pt-BR", "Não está pronto", "Alarme")):
            async with visit(browser, console.api.port, console.olga, locale=locale) as visitor:
                page = visitor.page
                await visitor.open("/operator/readiness")
                await expect(page.locator("[data-course]")).to_have_attribute("data-drawn", "2")
                await expect(page.locator("#verdict")).to_contain_text(verdict)
                await expect(page.locator("section:has(#metrics-title)")).to_contain_text(state)
                async with page.expect_download() as taken:
                    await page.get_by_role("link", name="HTML").click()
                assert "<!doctype html>" in (await (await taken.value).path()).read_text()[:40]


async def test_charts_say_what_they_need_where_there_is_no_script(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana, scripts=False) as visitor:
        await visitor.open("/positions/1/BTCUSDT/long")
        assert (
            '<noscript><p class="note plain">Charts need JavaScript'
            in (await console.get("/positions/1/BTCUSDT/long", console.ana)).body.decode()
        )
        await expect(visitor.page.locator("#standing")).to_contain_text("61,442.1")

"""A user's own way out: what is open is closed from their first page, and they see it happen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.web.browser import chromium, visit

from .installation import SOURCE, house

pytestmark = pytest.mark.process


async def test_a_position_is_closed_after_it_was_named(place: Path) -> None:
    async with house(place) as made, chromium() as browser:
        [account] = await made.world.add_accounts(SOURCE, "ana", 1)
        user_id = await made.world.fetchval("SELECT user_id FROM account WHERE account_id = $1", account)
        ana = await made.newcomer("ana", user_id=user_id)
        await made.world.settled(await made.world.accepted(SOURCE))
        async with visit(browser, made.port, ana) as visitor:
            page = visitor.page
            await visitor.open("/home")
            await page.get_by_role("link", name="Close BTCUSDT of ana-0").click()
            await expect(page.get_by_text("1 open position")).to_be_visible()
            row = page.get_by_role("row").filter(has_text="BTCUSDT")
            await expect(row).to_contain_text("ana-0")
            qty = await made.world.fetchval("SELECT trim_scale(qty)::text FROM position WHERE protection <> 'closed'")
            await expect(row).to_contain_text(qty)
            await page.get_by_role("button", name="Close now").click()
            closing = page.locator("#closing")
            await expect(closing).to_contain_text("1 of 1 done")
            await expect(closing.locator(".tag")).to_have_text("Closed")
            await expect(page.locator("#positions")).to_contain_text("No open positions")
            assert await visitor.faults() == []
            await visitor.shoot("story-closed")
        audit = await made.world.final_audit(unprotected_limit_s=10.0)
        assert audit.clean, audit

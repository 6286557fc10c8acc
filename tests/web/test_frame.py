"""What stands around every page: each role's places, under what they are about, and within a thumb's reach on a phone."""

from __future__ import annotations

from playwright.async_api import expect

from marketbot.domain.role import Role
from marketbot.web.navigation import PLACES, QUICK, grouped

from .browser import PHONE, chromium, visit
from .conftest import Console
from .staff import give_staff


def test_each_group_stands_together() -> None:
    groups = grouped(list(PLACES))
    assert len({each.key for each in groups}) == len(groups)
    assert [place for each in groups for place in each.places] == list(PLACES)


async def test_a_phone_folds_what_does_not_fit(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    seen = [place for place in PLACES if place.group != "own"]
    async with chromium() as browser, visit(browser, console.api.port, admin, size=PHONE, scripts=False) as visitor:
        page = visitor.page
        await visitor.open("/operator/jobs")
        foot = page.locator("nav.thumb")
        await expect(foot.get_by_role("link")).to_have_count(QUICK)
        await foot.get_by_text("More").click()
        for place in seen:
            await expect(foot.locator(f'.menu a[href="{place.path}"]')).to_be_visible()
        await expect(foot.locator('.menu a[aria-current="page"]')).to_have_text("Jobs")
        await foot.locator('.menu a[href="/operator/audit"]').click()
        await expect(page).to_have_url(f"{visitor.base}/operator/audit")
    async with chromium() as browser, visit(browser, console.api.port, console.ana, size=PHONE) as visitor:
        await visitor.open("/home")
        await expect(visitor.page.locator("nav.thumb").get_by_role("link")).to_have_count(4)
        await expect(visitor.page.locator("nav.thumb details")).to_have_count(0)


async def test_the_overview_leads_to_accounts_set_aside_and_to_the_last_readiness(console: Console) -> None:
    await console.store.execute("DELETE FROM readiness_report")
    page = (await console.get("/operator", console.olga)).body.decode()
    number = await console.store.fetchval("SELECT account_id FROM account WHERE status = 'quarantined' LIMIT 1")
    assert f'href="/operator/accounts/{number}"' in page
    assert 'class="button small push" href="/operator/readiness"' not in page
    await console.store.execute(
        "INSERT INTO readiness_report (started_at, readiness, ready, simulation, documents, pages)"
        " VALUES (now(), 0.9349, true, false, '{}', '{}')"
    )
    page = (await console.get("/operator", console.olga)).body.decode()
    assert 'class="button small push" href="/operator/readiness"' in page
    assert "93.4%" in page

"""The operators' pages in a real browser: how they look to everybody, and what a person does there."""

from __future__ import annotations

from playwright.async_api import expect

from marketbot.domain.role import Role

from .browser import DESKTOP, PHONE, chromium, visit
from .conftest import Console
from .desk import Desk

LOOKS = ((DESKTOP, "light", "en-US"), (PHONE, "dark", "pt-BR"))
PREVIEW = "/operator/controls/preview?deed="


async def test_every_page_of_the_desk_is_for_everybody(console: Console, desk: Desk) -> None:
    paths = {
        "overview": "/operator",
        "controls": "/operator/controls",
        "command-halt": f"{PREVIEW}halt&scope=everything",
        "command-close": f"{PREVIEW}close&scope=account&key=1",
        "command-wrong": "/operator/controls",
        "given-halt": f"/operator/controls/{desk.halted}",
        "given-close": f"/operator/controls/{desk.closing}",
        "all-accounts": "/operator/accounts",
        "account": "/operator/accounts/1",
        "account-quarantined": "/operator/accounts/2",
        "users": "/operator/users",
        "user": "/operator/users/1",
        "signal": "/operator/signals/10",
        "jobs": "/operator/jobs",
        "audit": "/operator/audit",
        "proof": "/operator/audit/proof",
    }
    async with chromium() as browser:
        for size, scheme, locale in LOOKS:
            who = desk.staff[Role.ADMIN]
            async with visit(browser, console.api.port, who, size=size, scheme=scheme, locale=locale) as visitor:  # type: ignore[arg-type]
                for name, path in paths.items():
                    await visitor.open(path)
                    if name == "command-wrong":
                        await visitor.page.locator("form[action='/operator/controls/preview'] button").click()
                        await expect(visitor.page.locator("#key-error")).to_be_visible()
                    assert await visitor.faults() == [], (path, scheme)
                    await visitor.shoot(f"desk-{name}-{scheme}")

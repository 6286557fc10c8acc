"""The pages of administration in a real browser: axe, phone, dark, and what is shown once can be taken along."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.api.conftest import furnish, running

from marketbot.domain.reasons import RefusalReason
from marketbot.domain.role import Role
from marketbot.store.refusals import RefusalRow, write_refusals

from .browser import DESKTOP, PHONE, Visitor, chromium, visit
from .conftest import Console
from .staff import give_staff

PAGES = (
    "/operator",
    "/operator/sources",
    "/operator/sources/1",
    "/operator/sources/test",
    "/operator/policy",
    "/operator/people",
    "/operator/people/1",
    "/operator/people/6",
    "/operator/people/invitations",
    "/operator/tokens",
    "/operator/egress",
    "/operator/first-steps",
)
LOOKS = ((DESKTOP, "light", "en-US"), (PHONE, "dark", "pt-BR"))
AS_READER = ("/operator/sources/1", "/operator/policy", "/operator/people/1")


@pytest.fixture
def more_accounts() -> int:
    return 0


async def furnish_pages(console: Console) -> None:
    """Give every list of these pages something to show."""
    await furnish(console.api.database)
    store = console.store
    await store.execute("UPDATE account SET leverage = 20 WHERE account_id IN (1, 4)")
    await store.execute("UPDATE source SET allowed_addresses = '{52.89.214.238/32,203.0.113.0/24}' WHERE source_id = 1")
    await store.execute("UPDATE person SET locked_until = now() + interval '9 minutes' WHERE email = 'rui@club.example'")
    await store.execute("UPDATE person SET disabled_at = now() WHERE email = 'auditor@club.example'")
    await store.execute(
        "INSERT INTO invitation (email, role, language, expires_at, accepted_at) VALUES"
        " ('nova@club.example', 'user', 'pt-BR', now() + '5 days', NULL), ('bia@club.example', 'operator', 'en', now() + '1 day', now())"
    )
    await store.execute(
        "INSERT INTO api_token (name, scopes, sha256, prefix, expires_at) VALUES"
        " ('Grafana', '{operator:read}', sha256('a'), 'mbo_Zx81', now() + '80 days'),"
        " ('Desk scripts', '{operator:read,operator:write}', sha256('b'), 'mbo_q0Pw', NULL)"
    )
    await store.execute('INSERT INTO policy (document) VALUES (\'{"leverage": {"low": "1", "default": "5", "high": "8"}}\')')
    await write_refusals(
        store,  # type: ignore[arg-type]
        [
            RefusalRow(source, reason, detail, "52.89.214.238", None, await store.fetchval("SELECT now()"))
            for source, reason, detail in (
                (1, RefusalReason.SIGNAL_EXPIRED, "an entry may be 30 s old"),
                (1, RefusalReason.PLACEHOLDER_UNREPLACED, "action still holds a placeholder"),
                (None, RefusalReason.CREDENTIAL_INVALID, ""),
            )
        ],
    )


async def look(visitor: Visitor, name: str, path: str, scheme: str) -> None:
    assert await visitor.faults() == [], (path, scheme)
    await visitor.shoot(f"{name}{path.replace('/', '-')}-{scheme}")


async def test_every_page_of_administration_is_for_everybody(console: Console, tmp_path: Path) -> None:
    staff = await give_staff(console.store)
    await furnish_pages(console)
    place = tmp_path / "ways"
    place.mkdir()
    async with (
        chromium() as browser,
        running(console.api.database, place, egress_addresses="203.0.113.7,http://203.0.113.9:3128") as api,
    ):
        for size, scheme, locale in LOOKS:
            for role, paths in ((Role.ADMIN, PAGES), (Role.MANAGER, AS_READER), (Role.OPERATOR, AS_READER[:2])):
                async with visit(browser, api.port, staff[role], size=size, scheme=scheme, locale=locale) as visitor:  # type: ignore[arg-type]
                    for path in paths:
                        await visitor.open(path)
                        await look(visitor, role.value, path, scheme)


async def test_what_is_shown_once_is_for_everybody_and_copied(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    await furnish_pages(console)
    async with chromium() as browser:
        for (size, scheme, locale), texts in zip(LOOKS, (TEXTS_EN, TEXTS_PT), strict=True):
            async with visit(browser, console.api.port, admin, size=size, scheme=scheme, locale=locale) as visitor:  # type: ignore[arg-type]
                page = visitor.page
                await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
                await visitor.open("/operator/sources")
                await page.locator("#name").fill(f"breakout-{scheme}")
                await page.get_by_role("button", name=texts["make"]).click()
                secret = page.locator("#secret")
                await expect(secret).to_be_visible()
                await page.locator("button[data-copy-from=url]").click()
                await expect(page.locator("button[data-copy-from=url] span").first).to_have_text(texts["copied"])
                copied = await page.evaluate("navigator.clipboard.readText()")
                assert copied.endswith(f"/v1/webhook/breakout-{scheme}/{await secret.text_content()}")
                await look(visitor, "admin", "/source-secret", scheme)
                await visitor.open("/operator/people/invitations")
                await page.locator("#email").fill(f"{scheme}@new.example")
                await page.get_by_role("button", name=texts["link"]).click()
                await expect(page.locator("#link")).to_be_visible()
                await look(visitor, "admin", "/link-once", scheme)
                await visitor.open("/operator/tokens")
                await page.locator("#name").fill("x")
                await page.get_by_role("button", name=texts["token"]).click()
                await expect(page.locator("#token")).to_be_visible()
                await look(visitor, "admin", "/token-once", scheme)
                await visitor.open("/operator/policy")
                await page.locator("[name='leverage.high']").fill("7")
                await page.locator("[name=cooldown_min\\.default]").fill("60")
                await page.get_by_role("button", name=texts["review"]).click()
                await expect(page.get_by_role("button", name=texts["apply"])).to_be_visible()
                await look(visitor, "admin", "/policy-review", scheme)
                await visitor.open("/operator/sources/test?source=sinais-btc")
                await page.locator("#symbol").fill("ETHUSDT")
                await page.get_by_role("button", name=texts["look"]).click()
                await expect(page.locator("button.danger").first).to_be_visible()
                await look(visitor, "admin", "/test-confirm", scheme)


async def test_a_text_is_copied_where_a_page_has_no_clipboard(console: Console) -> None:
    """Over plain http a browser gives a page none."""
    admin = (await give_staff(console.store))[Role.ADMIN]
    async with chromium() as browser, visit(browser, console.api.port, admin) as visitor:
        page = visitor.page
        await page.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', {value: undefined})")
        await visitor.open("/operator/sources/1")
        await page.get_by_role("button", name="Copy An indicator's alert that opens a short").click()
        field = page.get_by_label("Sends from")
        await field.fill("")
        await page.keyboard.press("Control+V")
        assert await field.input_value() == await page.locator("#message-open_short").text_content()


TEXTS_EN = {
    "make": "Make the source",
    "copied": "Copied",
    "link": "Make the link",
    "token": "Make the token",
    "review": "Look at the change",
    "apply": "Put it in force",
    "look": "See what it would do",
}
TEXTS_PT = {
    "make": "Criar a fonte",
    "copied": "Copiado",
    "link": "Criar o link",
    "token": "Criar o token",
    "review": "Revisar a alteração",
    "apply": "Colocar em vigor",
    "look": "Ver o que faria",
}

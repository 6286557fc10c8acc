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


async def test_a_command_is_followed_without_a_reload_and_left_alone_at_its_end(console: Console, desk: Desk) -> None:
    async with chromium() as browser, visit(browser, console.api.port, desk.staff[Role.AUDITOR]) as visitor:
        page, asked = visitor.page, list[str]()
        page.on("request", lambda request: asked.append(request.url))
        await visitor.open(f"/operator/controls/{desk.closing}")
        progress = page.locator("#progress")
        await expect(progress).to_contain_text("Taking effect")
        await page.evaluate("window.kept = true")
        await console.store.execute(
            "INSERT INTO outcome (signal_id, account_id, user_id, result, at) SELECT max(signal_id), 1, 1, 'ordered', now()"
            " FROM signal WHERE command_id = $1",
            desk.closing,
        )
        await console.store.execute("UPDATE signal SET state = 'settled', settled_at = now() WHERE command_id = $1", desk.closing)
        await expect(progress).to_contain_text("In force")
        await expect(page.locator("#took")).to_contain_text("ms")
        assert await page.evaluate("window.kept") is True
        assert await page.locator("[hx-trigger='every 1s']").count() == 0
        # Nothing is asked for any more: two of the page's own seconds go by.
        asked.clear()
        await page.evaluate("new Promise((done) => setTimeout(done, 2500))")
        assert [url for url in asked if "part=progress" in url] == []


async def test_a_dead_letter_is_dropped_after_a_question(console: Console, desk: Desk) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.olga) as visitor:
        page = visitor.page
        await visitor.open("/operator/jobs")
        await page.get_by_role("button", name="Drop letter no. 1", exact=True).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("for ever?")
        await dialog.get_by_role("button", name="Cancel").click()
        assert await console.store.fetchval("SELECT count(*) FROM job WHERE job_id = 1") == 1
        await page.get_by_role("button", name="Drop letter no. 1", exact=True).click()
        await dialog.get_by_role("button", name="Drop").click()
        await expect(page.locator(".toast")).to_contain_text("forgotten")
        assert await console.store.fetchval("SELECT count(*) FROM job WHERE job_id = 1") == 0


async def test_the_desk_works_without_a_script_and_in_portuguese(console: Console, desk: Desk) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.olga, locale="pt-BR", scripts=False) as visitor:
        page = visitor.page
        await visitor.open("/operator")
        await page.get_by_role("link", name="Suspender tudo").click()
        await page.get_by_label("Digite SUSPENDER para confirmar").fill("parar")
        await page.get_by_role("button", name="Suspender 124 contas").click()
        await expect(page.locator("#word-error")).to_have_text("Digite SUSPENDER para confirmar.")
        await page.get_by_label("Digite SUSPENDER para confirmar").fill("suspender")
        await page.get_by_role("button", name="Suspender 124 contas").click()
        await expect(page.get_by_role("heading", name="Suspender: Tudo")).to_be_visible()
        assert await console.store.fetchval("SELECT state FROM switch WHERE scope = 'everything'") == "halted"
        await page.get_by_role("link", name="Todos os comandos").click()
        await expect(page.locator("#switches")).to_contain_text("Tudo está suspenso")
        await page.get_by_label("O que fazer").select_option("close")
        await page.get_by_label("Onde").select_option("account")
        await page.get_by_label("Qual", exact=True).fill("4")
        await page.get_by_role("button", name="Ver o que será afetado").click()
        await page.get_by_role("button", name="Fechar 1 posição aberta").click()
        await expect(page.get_by_role("heading", name="Fechar posições: Conta 4")).to_be_visible()
        assert await console.store.fetchval("SELECT count(*) FROM control_command WHERE kind = 'close'") == 2

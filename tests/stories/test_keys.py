"""A user's key, from the form to the venue and back, as they see it: connected, refused, replaced, taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import PHONE, chromium, visit

from .installation import SOURCE, house

pytestmark = pytest.mark.process


async def hand_over(page: Page, key: dict[str, str]) -> None:
    """Type a key into the fields that the page has for it."""
    await page.locator("#api_key").fill(key["api_key"])
    await page.locator("#api_secret").fill(key["api_secret"])


async def test_a_key_is_connected_tested_replaced_and_taken_away(place: Path) -> None:
    async with house(place) as made, chromium() as browser:
        ana = await made.newcomer("ana")
        key = await made.at_venue("bybit", "testnet")
        async with visit(browser, made.port, ana) as visitor:
            page = visitor.page
            await visitor.open("/home")
            await page.get_by_role("link", name="Connect an account").first.click()
            await page.get_by_label("Bybit").check()
            assert await page.get_by_label("Practice").is_checked(), "practice unless real money is asked for"
            await page.get_by_role("button", name="Go on").click()
            await expect(page.get_by_text("Contract: Orders and Positions")).to_be_visible()
            for way in made.world.stage.supervisor.settings.egress_addresses:
                await expect(page.get_by_role("button", name=f"Copy {way.host}", exact=True)).to_be_visible()
            await visitor.shoot("story-connect")
            copying = page.get_by_role("button", name="Copy all, separated by commas")
            await copying.click()
            await expect(page.get_by_role("button", name="Copied")).to_be_visible()
            await page.get_by_label("Name of the account").fill("main")
            await page.get_by_label(SOURCE).check()
            await hand_over(page, key)
            await page.get_by_role("button", name="Connect and check").click()
            await expect(page).to_have_url(re.compile(r"/accounts/\d+$"))
            await page.evaluate("window.kept = true")
            card = page.locator("#key")
            # The wallet holds practice money, and no list of addresses was set.
            await expect(card.locator(".tag").first).to_have_text("Ready")
            await expect(card).to_contain_text("The key works")
            assert await page.evaluate("window.kept") is True, "it came without a reload"
            assert await visitor.faults() == []
            await visitor.shoot("story-key-ready")
            account = page.url

            await page.get_by_role("button", name="Test now").click()
            await expect(page.get_by_role("button", name="Test now")).to_be_enabled()
            await expect(card).to_contain_text("The key works")

            # Another key, with a secret that is not its own.
            other = await made.at_venue("bybit", "testnet")
            await page.get_by_role("link", name="Replace the key").click()
            await hand_over(page, {**other, "api_secret": "not-the-secret-of-this-key"})
            await page.get_by_role("button", name="Replace the key").click()
            await expect(page).to_have_url(account)
            await expect(card).to_contain_text("The secret does not belong to the key")
            await expect(card).to_contain_text("This account does not trade")
            await visitor.shoot("story-key-quarantined")
            await page.get_by_role("link", name="Replace the key").click()
            await hand_over(page, other)
            await page.get_by_role("button", name="Replace the key").click()
            await expect(card).to_contain_text("The key works")

            await page.get_by_role("link", name="Disconnect").click()
            await page.get_by_role("button", name="Disconnect").click()
            await expect(page).to_have_url(account)
            await expect(card).to_contain_text("This account is disconnected")
            await page.get_by_role("link", name="Connect it again").click()
            await expect(page.get_by_label("Name of the account")).to_have_value("main")
        shown = await made.world.fetchval("SELECT string_agg(a::text, ' ') FROM account a")
        assert key["api_secret"] not in shown
        assert await made.world.fetchval("SELECT count(*) FROM audit_entry WHERE actor_kind = 'person'") == 4


async def test_a_key_that_can_withdraw_is_refused_in_portuguese_on_a_phone(place: Path) -> None:
    async with house(place) as made, chromium() as browser:
        bia = await made.newcomer("bia", "pt-BR")
        key = await made.at_venue("bybit", "mainnet", can_withdraw=True)
        async with visit(browser, made.port, bia, size=PHONE, scheme="dark", locale="pt-BR") as visitor:
            page = visitor.page
            await visitor.open("/accounts")
            await page.get_by_role("link", name="Conectar uma conta").first.click()
            await page.get_by_label("Bybit").check()
            await page.get_by_label("Dinheiro real").check()
            await page.get_by_role("button", name="Continuar").click()
            await expect(page.get_by_text("Isto é dinheiro real")).to_be_visible()
            await page.get_by_label("Nome da conta").fill("principal")
            await hand_over(page, key)
            await page.get_by_label("Sei que as ordens desta conta").check()
            await page.get_by_role("button", name="Conectar e verificar").click()
            card = page.locator("#key")
            await expect(card).to_contain_text("Esta conta não está operando")
            await expect(card).to_contain_text("A chave pode retirar dinheiro da conta")
            assert await visitor.faults() == []
            await visitor.shoot("story-key-refused")

            # The same key does not go to a second account, and nothing that was typed as a secret comes back.
            await visitor.open("/accounts/connect?venue=bybit&environment=testnet")
            await page.get_by_label("Nome da conta").fill("outra")
            await hand_over(page, key)
            await page.get_by_role("button", name="Conectar e verificar").click()
            await expect(page.locator("#api_key-error")).to_contain_text("já está conectada")
            content = await page.content()
            assert key["api_key"] not in content
            assert key["api_secret"] not in content
            await expect(page.get_by_label("Nome da conta")).to_have_value("outra")
        assert await made.world.fetchval("SELECT status_code FROM account") == "KEY_CAN_WITHDRAW"

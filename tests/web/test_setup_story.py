"""A new installation lived through in a real browser: its first administrator, a user, a manager and an auditor come in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import Browser, Page, expect
from tests.api.conftest import running

from marketbot.people.newcomers import make_setup_link
from marketbot.store.pool import DirectConnection, connect

from .browser import PHONE, Visitor, chromium, visit
from .scene import PASSWORD


@dataclass(frozen=True, slots=True)
class House:
    """An installation that nobody has entered yet."""

    port: int
    store: DirectConnection


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    store = await connect(database, name="test")
    try:
        async with running(database, tmp_path) as api:
            yield House(api.port, store)
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody reads on the way in, in their language."""

    name: str
    email: str
    password: str
    again: str
    come_in: str
    set_up: str
    code: str
    confirm: str
    kept: str


EN = Words(
    "Name", "E-mail", "New password", "The same once more", "Create my login", "Set up", "Code", "Confirm", "I have kept them"
)
PT = Words(
    "Nome", "E-mail", "Nova senha", "A mesma outra vez", "Criar meu acesso", "Configurar", "Código", "Confirmar", "Já guardei"
)


async def choose_password(page: Page, words: Words, name: str) -> None:
    await page.get_by_label(words.name, exact=True).fill(name)
    await page.get_by_label(words.password, exact=True).fill(PASSWORD)
    await page.get_by_label(words.again, exact=True).fill(PASSWORD)


async def set_up_second_factor(page: Page, words: Words) -> None:
    await page.get_by_role("button", name=words.set_up).click()
    secret = await page.locator("p.mono").inner_text()
    await page.get_by_label(words.code, exact=True).fill(pyotp.TOTP(secret).at(datetime.now(UTC)))
    await page.get_by_role("button", name=words.confirm).click()
    await page.get_by_role("link", name=words.kept).click()


async def invite(visitor: Visitor, email: str, role: str, language: str) -> str:
    """Invite somebody as an English-speaking administrator does; return the link's path, which is shown once."""
    page = visitor.page
    await visitor.open("/operator/people/invitations")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_role("combobox", name="Role").select_option(role)
    await page.get_by_role("combobox", name="Language").select_option(language)
    await page.get_by_role("button", name="Make the link").click()
    link = await page.locator("#link").inner_text()
    assert link.startswith(f"{visitor.base}/invitation#")
    await page.get_by_role("link", name="Done").click()
    await expect(page.locator("main")).to_contain_text(email)
    return link.removeprefix(visitor.base)


async def become_administrator(house: House, visitor: Visitor) -> None:
    """Come in by the set-up link, and set up the second factor that staff must have."""
    page = visitor.page
    link = await make_setup_link(house.store)
    await visitor.open(f"/setup#{link.text}")
    await expect(page.locator("#token")).to_be_hidden()
    assert link.text not in page.url
    await page.get_by_label(EN.email).fill("ada@club.example")
    await choose_password(page, EN, "Ada")
    await page.get_by_role("button", name="Create the administrator").click()
    await set_up_second_factor(page, EN)
    await expect(page).to_have_url(f"{visitor.base}/operator")


async def come_in_by_link(browser: Browser, house: House, path: str, name: str) -> None:
    """Accept an invitation to the staff in Portuguese on a phone, and see what an auditor may."""
    async with visit(browser, house.port, None, size=PHONE, locale="pt-BR") as visitor:
        page = visitor.page
        await visitor.open(path)
        await choose_password(page, PT, name)
        await page.get_by_role("button", name=PT.come_in).click()
        await set_up_second_factor(page, PT)
        await expect(page).to_have_url(f"{visitor.base}/operator")
        # An auditor sees everything, is offered nothing to change, and is not told what others have to set up.
        await expect(page.locator("#first-steps")).to_have_count(0)
        await visitor.open("/operator/policy")
        await expect(page.get_by_role("heading", name="Política")).to_be_visible()
        await expect(page.get_by_role("button", name="Revisar a alteração")).to_have_count(0)
        await visitor.open("/operator/people")
        await expect(page.get_by_role("link", name="Ada")).to_be_visible()
        await expect(page.get_by_role("link", name="Convites")).to_have_count(0)
        await page.get_by_role("link", name="Ada").click()
        await expect(page.get_by_role("button", name="Retirar o acesso")).to_have_count(0)
        await visitor.open("/operator/sources")
        await expect(page.get_by_role("link", name="rompimento")).to_be_visible()
        await expect(page.get_by_role("button", name="Criar a fonte")).to_have_count(0)
        assert await visitor.faults() == []


async def test_a_new_installation_is_set_up_and_a_user_comes_in(house: House) -> None:
    async with chromium() as browser, visit(browser, house.port, None) as admin:
        page = admin.page
        await become_administrator(house, admin)
        # The overview names what is missing, and leads to it.
        steps = page.locator("#first-steps")
        await expect(steps.get_by_role("link")).to_have_count(5)
        await steps.get_by_role("link", name="Make a source").click()
        await page.get_by_label("Name").fill("rompimento")
        await page.get_by_role("button", name="Make the source").click()
        secret = await page.locator("#secret").inner_text()
        assert await page.locator("#url").inner_text() == f"{admin.base}/v1/webhook/rompimento/{secret}"
        await page.get_by_role("link", name="I have kept it").click()
        await expect(page.get_by_role("heading", name="rompimento")).to_be_visible()
        assert secret not in await page.content()
        await admin.open("/operator")
        await expect(steps.get_by_role("link")).to_have_count(4)
        await steps.get_by_role("link", name="Invite a user").click()
        await expect(page).to_have_url(f"{admin.base}/operator/people/invitations")
        link = await invite(admin, "bia@club.example", "user", "pt-BR")

        async with visit(browser, house.port, None, size=PHONE, locale="pt-BR") as user:
            hers = user.page
            await user.open(link)
            await expect(hers.get_by_text("bia@club.example")).to_be_visible()
            await choose_password(hers, PT, "Bia")
            await hers.get_by_role("button", name=PT.come_in).click()
            await expect(hers).to_have_url(f"{user.base}/home")
            await expect(hers.get_by_text("Nenhuma conta conectada").first).to_be_visible()
            # Her home leads to what comes first here: a key, for practice.
            await hers.get_by_role("link", name="Conectar uma conta").first.click()
            await expect(hers).to_have_url(f"{user.base}/accounts/connect")
            assert await user.faults() == []
            # The link is used up; her password lets her in again.
            await hers.get_by_label("Seu menu").click()
            await hers.get_by_role("button", name="Sair").click()
            await hers.get_by_label("E-mail").fill("bia@club.example")
            await hers.get_by_label("Senha", exact=True).fill(PASSWORD)
            await hers.get_by_role("button", name="Entrar").click()
            await expect(hers).to_have_url(f"{user.base}/home")
            answer = await hers.goto(user.base + "/operator/sources")
            assert answer is not None
            assert answer.status == 403
            user.complaints.clear()  # the browser notes the 403 that was asked for

        await admin.open("/operator/people/invitations")
        await expect(page.get_by_text("Accepted")).to_be_visible()
        await admin.open("/operator/people")
        await page.get_by_role("link", name="Bia").click()
        await page.get_by_role("button", name="Shut out").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Shut Bia out?")
        await dialog.get_by_role("button", name="Shut out").click()
        await expect(page.get_by_role("button", name="Let in again")).to_be_visible()


async def test_staff_come_in_by_links_and_see_what_they_may(house: House) -> None:
    async with chromium() as browser, visit(browser, house.port, None) as admin:
        page = admin.page
        await become_administrator(house, admin)
        await admin.open("/operator/sources")
        await page.get_by_label("Name").fill("rompimento")
        await page.get_by_role("button", name="Make the source").click()
        await expect(page.locator("#secret")).to_be_visible()
        auditor = await invite(admin, "rui@club.example", "auditor", "pt-BR")
        await come_in_by_link(browser, house, auditor, "Rui")

        manager = await invite(admin, "eva@club.example", "manager", "en")
        async with visit(browser, house.port, None) as visitor:
            hers = visitor.page
            await visitor.open(manager)
            await choose_password(hers, EN, "Eva")
            await hers.get_by_role("button", name=EN.come_in).click()
            await set_up_second_factor(hers, EN)
            # A manager changes the policy, invites users and no staff, and shuts nobody out.
            await visitor.open("/operator/policy")
            await hers.get_by_role("group", name="Leverage").get_by_label("Highest").fill("8")
            await hers.get_by_role("button", name="Look at the change").click()
            await expect(hers.get_by_role("row", name="Leverage")).to_contain_text("1 – 5 – 8")
            await hers.get_by_role("button", name="Put it in force").click()
            await expect(hers.get_by_text("Eva")).to_be_visible()
            await visitor.open("/operator/people/invitations")
            await expect(hers.get_by_label("Role").locator("option")).to_have_count(1)
            await visitor.open("/operator/people")
            await hers.get_by_role("link", name="Rui").click()
            await expect(hers.get_by_role("button", name="Shut out")).to_have_count(0)
            await expect(hers.get_by_text("rui@club.example")).to_be_visible()

        # The last administrator is told why she cannot leave.
        await admin.open("/operator/people")
        await page.get_by_role("link", name="Ada").click()
        await page.get_by_role("button", name="Shut out").click()
        await page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
        await expect(page.get_by_role("alert")).to_contain_text("last administrator")

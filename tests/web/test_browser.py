"""Stories that a person lives through, in a real browser. Skipped, loudly, where no Chromium can be had; never in CI."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from playwright.async_api import Route, expect

from marketbot.store.accounts import ACCOUNT_CHANNEL

from .browser import DESKTOP, PHONE, chromium, visit
from .conftest import Console
from .scene import PASSWORD

OF_ANA = (
    *(
        "/home",
        "/signals",
        "/results",
        "/accounts",
        "/accounts/1",
        "/positions/1/BTCUSDT/long",
        "/profile",
        "/profile/privacy",
        "/profile/passkeys",
        "/second-factor",
    ),
    *("/accounts/connect", "/accounts/connect?venue=bybit&environment=mainnet", "/accounts/1/key", "/accounts/1/disconnect"),
    *("/accounts/2", "/close", "/profile/channels?add=discord", "/profile/tokens"),
)
OF_OLGA = (
    "/operator",
    "/operator/accounts",
    "/operator/readiness",
    "/profile",
    "/profile/privacy",
    "/profile/passkeys",
    "/second-factor",
    "/operator/channels",
)
OPEN = ("/login", "/setup", "/reset", "/forgot", "/invitation", "/keep", "/developers", "/developers/connect_account")
LOOKS = ((DESKTOP, "light", "en-US"), (PHONE, "dark", "pt-BR"))


async def test_every_page_is_for_everybody(console: Console) -> None:
    """Keyboard, screen reader, phone, dark: axe finds nothing serious, nothing sticks out, the browser complains of nothing."""
    async with chromium() as browser:
        for size, scheme, locale in LOOKS:
            for who, name, paths in ((console.ana, "ana", OF_ANA), (console.olga, "olga", OF_OLGA), (None, "nobody", OPEN)):
                async with visit(browser, console.api.port, who, size=size, scheme=scheme, locale=locale) as visitor:  # type: ignore[arg-type]
                    for path in paths:
                        await visitor.open(path)
                        assert await visitor.faults() == [], (path, scheme)
                        await visitor.shoot(f"{name}{path.replace('/', '-')}-{scheme}")


async def test_somebody_logs_in_and_comes_to_where_they_wanted(console: Console) -> None:
    await console.store.execute(
        "UPDATE person SET password_hash = $1 WHERE email = 'ana@club.example'",
        PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD),
    )
    async with chromium() as browser, visit(browser, console.api.port, None) as visitor:
        page = visitor.page
        await page.goto(visitor.base + "/accounts/1")
        await expect(page).to_have_url(visitor.base + "/login?next=/accounts/1")
        await page.get_by_label("E-mail").fill("ana@club.example")
        await page.get_by_label("Password", exact=True).fill("not the password")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await page.get_by_label("E-mail").input_value() == "ana@club.example"
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(visitor.base + "/accounts/1")
        # The profile's language rules from here on.
        await expect(page.get_by_role("button", name="Salvar configurações")).to_be_visible()
        await page.get_by_label("Seu menu").click()
        await page.get_by_role("button", name="Sair").click()
        await expect(page).to_have_url(visitor.base + "/login")
        await page.goto(visitor.base + "/home")
        await expect(page).to_have_url(visitor.base + "/login?next=/home")


async def test_what_changes_is_seen_on_two_open_pages_without_a_reload(console: Console) -> None:
    async with (
        chromium() as browser,
        visit(browser, console.api.port, console.ana) as hers,
        visit(browser, console.api.port, console.olga) as operators,
    ):
        for visitor, path in ((hers, "/home"), (operators, "/operator")):
            await visitor.open(path)
            await expect(visitor.page.locator("#live")).to_have_attribute("data-state", "on")
            await visitor.page.evaluate("window.kept = true")
        await expect(hers.page.locator("#accounts").get_by_text("Paused")).to_have_count(1)
        await console.store.execute("UPDATE account SET paused = true, status = 'quarantined' WHERE account_id = 1")
        await console.store.execute("SELECT pg_notify($1, '1')", ACCOUNT_CHANNEL)
        await expect(hers.page.locator("#accounts").get_by_text("Paused")).to_have_count(2)
        before = await console.store.fetchval(
            "SELECT count(*) FROM account WHERE venue = 'binance' AND environment = 'mainnet' AND status = 'quarantined'"
        )
        row = operators.page.locator("#markets tr", has_text="Binance").filter(has_text="Real money")
        await expect(row.locator("td").nth(3)).to_have_text(str(before))
        for visitor in (hers, operators):
            assert await visitor.page.evaluate("window.kept") is True


async def test_what_ended_before_the_stream_was_open_is_seen(console: Console) -> None:
    """A key is checked within a second: no event may tell of it to a page that is still loading."""
    await console.store.execute("UPDATE account SET status = 'connecting' WHERE account_id = 3")
    async with chromium() as browser, visit(browser, console.api.port, console.ana) as visitor:
        page, checked = visitor.page, asyncio.Event()

        async def wait(route: Route) -> None:
            await checked.wait()
            await route.continue_()

        await page.route("**/v1/events", wait)
        await visitor.open("/accounts/3")
        await expect(page.locator("#key")).to_contain_text("The key is being checked")
        await console.store.execute("UPDATE account SET status = 'ready' WHERE account_id = 3")
        checked.set()
        await expect(page.locator("#key .tag").first).to_have_text("Ready")


async def test_a_form_is_sent_once_however_often_its_button_is_pressed(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana) as visitor:
        await visitor.open("/accounts/1")
        stopped = await visitor.page.evaluate(
            """() => {
                const seen = [];
                addEventListener("submit", (event) => seen.push(event.defaultPrevented));
                const form = document.getElementById("settings");
                for (const _ of [1, 2]) form.requestSubmit();
                return seen;
            }"""
        )
        assert stopped == [False, True]
        await expect(visitor.page.locator(".toast")).to_be_visible()


async def test_a_question_is_asked_before_everything_is_paused(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana) as visitor:
        page = visitor.page
        await visitor.open("/home")
        await page.get_by_role("button", name="Pause all").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Pause all your accounts?")
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(dialog).to_be_hidden()
        assert await console.store.fetchval("SELECT count(*) FROM account WHERE paused AND user_id = 1") == 1
        await page.get_by_role("button", name="Pause all").click()
        await dialog.get_by_role("button", name="Pause all").click()
        await expect(page.locator(".toast")).to_contain_text("Paused")
        assert await console.store.fetchval("SELECT count(*) FROM account WHERE paused AND user_id = 1") == 3
        await page.get_by_role("button", name="Resume Principal").click()
        await expect(page.get_by_role("button", name="Pause Principal")).to_be_visible()


async def test_the_price_distance_follows_what_is_typed(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana, locale="pt-BR") as visitor:
        page = visitor.page
        await visitor.open("/accounts/1")
        means = page.locator("#means")
        await expect(means.locator("[data-out=stop-margin]")).to_have_text("10%")
        await page.get_by_label("Alavancagem").fill("8")
        await page.get_by_label("Multiplicador do stop").fill("2,5")
        await expect(means.locator("[data-out=stop]")).to_have_text("2,5%")
        await expect(means.locator("[data-out=stop-margin]")).to_have_text("20%")
        await page.get_by_label("Alavancagem").fill("15")
        await expect(means.locator("[data-out=stop-margin]")).to_have_text("25%")
        await page.get_by_role("button", name="Salvar configurações").click()
        await expect(page.locator("#leverage-error")).to_be_visible()
        await page.get_by_label("Alavancagem").fill("8")
        await page.get_by_role("button", name="Salvar configurações").click()
        await expect(page.locator(".toast")).to_contain_text("salvas")
        assert await page.get_by_label("Multiplicador do stop").input_value() == "2,5"


async def test_language_theme_and_keyboard(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana) as visitor:
        page = visitor.page
        await visitor.open("/home")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.get_by_label("Your menu").click()
        await page.get_by_role("button", name="Dark").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.get_by_label("Your menu").click()
        await page.get_by_role("button", name="Português").click()
        await expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
        await expect(page).to_have_url(visitor.base + "/home")
        await page.get_by_label("Seu menu").click()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Sair")).to_be_hidden()


async def test_pages_work_without_a_script(console: Console) -> None:
    async with chromium() as browser, visit(browser, console.api.port, console.ana, scripts=False) as visitor:
        page = visitor.page
        await visitor.open("/home")
        await page.get_by_role("button", name="Pause Principal").click()
        await expect(page.get_by_role("button", name="Resume Principal")).to_be_visible()
        await visitor.open("/accounts/1")
        await page.get_by_label("Leverage").fill("7")
        await page.get_by_role("button", name="Save settings").click()
        await expect(page.get_by_label("Leverage")).to_have_value("7")
        await visitor.open("/signals")
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_role("link", name="First page")).to_be_visible()
        # What cannot be undone is asked about all the same: on a page of its own.
        await visitor.open("/home")
        await page.get_by_role("link", name="Close BTCUSDT of Principal").click()
        assert await console.store.fetchval("SELECT count(*) FROM control_command") == 0
        await page.get_by_role("button", name="Close now").click()
        await expect(page.locator("#closing")).to_contain_text("BTCUSDT")
        await visitor.open("/accounts/connect")
        await page.get_by_label("Bybit").check()
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_label("Secret")).to_be_visible()

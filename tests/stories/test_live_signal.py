"""A signal arrives, and whoever looks sees it become protected orders, without a reload; who else looks sees nothing that is not theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.api.conftest import until
from tests.web.browser import DESKTOP, PHONE, Visitor, chromium, visit

from .stage import ACCOUNTS, HERS, HIS, Stage, on_stage

pytestmark = pytest.mark.process

HEAR = """() => {
    window.heard = [];
    const stream = new EventSource("/v1/events");
    stream.addEventListener("reset", () => window.heard.push("reset"));
    stream.addEventListener("changed", (event) => window.heard.push(...JSON.parse(event.data).changed));
}"""
PAUSE = """async (csrf) => {
    const headers = {"X-CSRF-Token": csrf, "Content-Type": "application/json"};
    return (await fetch("/v1/me/pause", {method: "POST", headers, body: '{"paused": true}'})).status;
}"""
MINE = ("/home", "/signals", "/results", "/accounts", "/profile")
PARTS = tuple(f"/home?part={part}" for part in ("standing", "positions", "signals", "accounts"))
FILES = ("/signals?format=csv", "/results?format=csv")
LISTS = (
    "/v1/me",
    "/v1/accounts",
    "/v1/signals",
    "/v1/orders",
    "/v1/positions?closed=true",
    "/v1/results",
    "/v1/tokens",
    "/v1/channels",
)


async def listen(visitor: Visitor, path: str) -> None:
    await visitor.open(path)
    await expect(visitor.page.locator("#live")).to_have_attribute("data-state", "on")
    await visitor.page.evaluate("window.kept = true")


async def test_a_signal_arrives_on_a_users_and_an_operators_open_page(database: str, tmp_path: Path) -> None:
    """Hers on a phone, dark, in Portuguese; the operator's on a desk, light, in English."""
    async with (
        on_stage(database, tmp_path) as stage,
        chromium() as browser,
        visit(browser, stage.api.port, stage.ana, size=PHONE, scheme="dark", locale="pt-BR") as hers,
        visit(browser, stage.api.port, stage.olga, size=DESKTOP, locale="en-US") as operators,
    ):
        await listen(hers, "/home")
        await listen(operators, "/operator")
        await expect(hers.page.locator("body")).to_contain_text("SIMULAÇÃO")
        await expect(hers.page.locator("#signals .feed")).to_have_count(0)
        signal_id = await stage.send("BTCUSDT", "buy")
        position = hers.page.locator("#positions tbody tr", has_text="BTCUSDT")
        await expect(position).to_contain_text(HERS)
        await expect(position.locator(".tag.good")).to_have_text("Protegida")
        await expect(position.locator("svg[role=img]")).to_have_count(1)
        told = hers.page.locator("#signals .feed li").first
        await expect(told).to_contain_text("BTCUSDT")
        await expect(told.locator(".tag.good")).to_be_visible()
        fan_out = operators.page.locator("#progress .feed li").first
        await expect(fan_out).to_contain_text("BTCUSDT")
        await stage.made.settled([signal_id], 60)
        await expect(fan_out.locator(".tag.good")).to_be_visible()
        await expect(fan_out.locator(".legend")).to_contain_text(str(ACCOUNTS))
        await stage.send("BTCUSDT", "close_long")
        await expect(hers.page.locator("#positions tbody tr", has_text="BTCUSDT")).to_have_count(0)
        await expect(hers.page.locator("#signals .feed li")).to_have_count(2)
        for visitor, name in ((hers, "story-ana"), (operators, "story-olga")):
            assert await visitor.page.evaluate("window.kept") is True
            assert await visitor.faults() == []
            await visitor.shoot(name)


async def test_a_second_user_in_a_second_browser_sees_nothing_of_the_first(database: str, tmp_path: Path) -> None:
    async with (
        on_stage(database, tmp_path) as stage,
        chromium() as browser,
        visit(browser, stage.api.port, stage.ana, locale="pt-BR") as hers,
        visit(browser, stage.api.port, stage.rui, size=PHONE) as his,
    ):
        await listen(hers, "/home")
        await listen(his, "/home")
        await stage.made.settled([await stage.send("ETHUSDT", "buy")], 60)
        await expect(hers.page.locator("#positions")).to_contain_text(HERS)
        await expect(his.page.locator("#positions")).to_contain_text(HIS)
        await of_his_own(his, stage)
        await of_his_own_live(his, hers)


async def of_his_own(his: Visitor, stage: Stage) -> None:
    """Pages, parts, files and lists are his; addresses with her numbers are not there."""
    for path in MINE:
        await his.open(path)
        text = await his.page.content()
        assert HERS not in text, path
        assert "ana@club.example" not in text, path
    for path in (*PARTS, *FILES, *LISTS):
        status, text = await fetched(his, path)
        assert status == 200, path
        assert HERS not in text, path
    assert HIS in (await fetched(his, "/signals?format=csv"))[1]
    number = await stage.account_of(HERS)
    for path in (f"/accounts/{number}", f"/v1/accounts/{number}"):
        status, text = await fetched(his, path)
        assert (status, HERS in text) == (404, False), path
        assert (await fetched(his, path.replace(str(number), "999999")))[0] == 404
    for path in ("/operator", "/operator/accounts", "/v1/operator/accounts", "/v1/signals/1", "/v1/operator/events", "/metrics"):
        assert (await fetched(his, path))[0] == 403, path
    his.complaints.clear()  # the browser tells of each refusal above


async def fetched(visitor: Visitor, path: str) -> tuple[int, str]:
    answer = await visitor.page.evaluate(
        "async (path) => { const a = await fetch(path); return [a.status, await a.text()]; }", path
    )
    return int(answer[0]), str(answer[1])


async def of_his_own_live(his: Visitor, hers: Visitor) -> None:
    """What she changes is heard by her page and by nothing of his; what he changes he hears."""
    await his.open("/home")
    await his.page.evaluate(HEAR)
    await until(lambda: his.page.evaluate("window.heard.includes('reset')"))
    await hers.page.get_by_role("button", name=f"Pausar {HERS}").click()
    await expect(hers.page.get_by_role("button", name=f"Retomar {HERS}")).to_be_visible()
    await listen(hers, "/home")
    before = await his.page.evaluate("window.heard")
    assert "accounts" not in before, before
    csrf = await his.page.evaluate("async () => (await (await fetch('/v1/session')).json()).csrf_token")
    assert await his.page.evaluate(PAUSE, csrf) == 200
    await until(lambda: his.page.evaluate("window.heard.includes('accounts')"))
    await expect(his.page.get_by_role("button", name=f"Resume {HIS}")).to_be_visible()

"""An operator stops a running fan-out from the page, while others look on; what protects goes on, and everything is on record."""

from __future__ import annotations

import asyncpg
import pytest
from playwright.async_api import expect
from tests.api.conftest import running
from tests.faults.installation import Installation, eventually, open_installation_with
from tests.web.browser import Visitor, chromium, visit
from tests.web.scene import give_session

from marketbot.domain.ids import SignalId, Symbol
from marketbot.domain.signal import Action
from marketbot.store.audit_trail import verify

pytestmark = pytest.mark.process

ACCOUNTS = 40
LET_IN = 6
"""Entries of each venue that it takes before it has no time for more: the others are tried again until they may go or are stopped."""
BUSY = [
    {"kind": "definite_503", "path": path, "method": "POST", "after": LET_IN} for path in ("/fapi/v1/order", "/v5/order/create")
]
BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
WITHIN_S = 60.0
REASON = "the source has gone mad"

_PEOPLE = """
INSERT INTO person (email, name, role, user_id, password_hash, email_confirmed_at, totp_sealed, totp_confirmed_at) VALUES
    ('olga@club.example', 'Olga', 'operator', NULL, 'none', now(), 'sealed', now()),
    ('carla@club.example', 'Carla', 'auditor', NULL, 'none', now(), 'sealed', now()),
    ('ana@club.example', 'Ana', 'user', (SELECT user_id FROM account ORDER BY account_id LIMIT 1), 'none', now(), NULL, NULL)
"""
_OUTCOMES = """
SELECT CASE WHEN i.state = 'denied' THEN 'denied' ELSE coalesce(o.result::text, 'pending') END
           || coalesce(' ' || coalesce(o.reason, i.reason), '') AS became, count(*) AS accounts
FROM intent i LEFT JOIN outcome o USING (signal_id, account_id) WHERE i.signal_id = $1 GROUP BY 1
"""
_OPEN = "SELECT count(*) FROM position WHERE protection <> 'closed'"


async def outcomes(made: Installation, signal_id: SignalId) -> dict[str, int]:
    return {row["became"]: row["accounts"] for row in await made.connection.fetch(_OUTCOMES, signal_id)}


async def watch(visitor: Visitor, path: str) -> None:
    """Open a page and wait until it hears of changes; what is set on its window is gone if it is ever loaded anew."""
    await visitor.open(path)
    await expect(visitor.page.locator("#live")).to_have_attribute("data-state", "on")
    await visitor.page.evaluate("window.kept = true")


async def test_a_running_fan_out_is_halted_from_the_page(database: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("installation")
    async with open_installation_with(database, directory, accounts=ACCOUNTS) as made, running(database, directory) as api:
        await made.connection.execute(_PEOPLE)
        olga, carla, ana = [await give_session(made.connection, f"{name}@club.example") for name in ("olga", "carla", "ana")]
        for _ in range(2):
            await made.start_engine()
        await made.control.add_faults(BUSY)
        async with (
            chromium() as browser,
            visit(browser, api.port, olga) as operators,
            visit(browser, api.port, carla) as auditors,
            visit(browser, api.port, ana) as users,
        ):
            await watch(auditors, "/operator/controls")
            await watch(users, "/home")
            await expect(auditors.page.locator("#switches")).to_contain_text("Trading is open")
            signal_id = await made.signal(Action.OPEN_LONG, BTC)

            async def midway() -> bool:
                found = await outcomes(made, signal_id)
                return found.get("ordered", 0) >= LET_IN and found.get("pending", 0) > 0

            await eventually(midway, WITHIN_S)
            await see_it_run(operators, signal_id)
            await halt_everything(operators)

            # Two others see it without having done anything.
            await expect(auditors.page.locator("#switches")).to_contain_text("Everything is halted")
            await expect(auditors.page.locator("#switches")).to_contain_text("by Olga")
            await expect(auditors.page.locator("#switches")).to_contain_text(REASON)
            await expect(users.page.locator("#standing")).to_contain_text("The operator has halted all trading")
            took = await operators.page.locator("#took").inner_text()
            await expect(users.page.locator("#standing")).to_contain_text(f"in force everywhere after {took}")
            await expect(users.page.locator("#standing")).not_to_contain_text(REASON)
            await auditors.page.get_by_role("link", name="Details").click()
            await expect(auditors.page.locator("#took")).to_have_text(took)
            await expect(auditors.page.get_by_role("link", name="Resume")).to_have_count(0)
            await entries_stop_and_protection_goes_on(made, signal_id)

            await resume(operators)
            await expect(users.page.locator("#standing")).not_to_contain_text("halted")
            assert await users.page.evaluate("window.kept") is True
            taken = await made.signal(Action.OPEN_SHORT, ETH)
            await made.settled([taken], WITHIN_S)
            assert await outcomes(made, taken) == {"ordered": ACCOUNTS}
        await it_is_on_record(made.connection)
        found = await made.until_clean(WITHIN_S)
        assert found.clean, found.document()


async def see_it_run(operators: Visitor, signal_id: SignalId) -> None:
    page = operators.page
    await watch(operators, "/operator")
    await page.locator(f"a[href='/operator/signals/{signal_id}']").click()
    await expect(page.locator("#progress .legend")).to_contain_text("Under way")
    await page.get_by_role("link", name="Overview").click()


async def halt_everything(operators: Visitor) -> None:
    """Two clicks and a word, from the overview."""
    page = operators.page
    await page.get_by_role("link", name="Halt everything").click()
    await expect(page.locator("form[action='/operator/controls']")).to_contain_text(f"No new entries for {ACCOUNTS} accounts.")
    await expect(page.get_by_label("Type HALT to confirm")).to_be_focused()
    await page.keyboard.type("halt")
    await page.get_by_label("Reason").fill(REASON)
    await page.get_by_role("button", name=f"Halt {ACCOUNTS} accounts").click()
    await expect(page.locator("#progress")).to_contain_text("In force")
    await expect(page.locator("#progress")).to_contain_text("2 of 2")
    took = (await page.locator("#took").inner_text()).removesuffix(" ms").replace(",", "")
    assert took.isdigit(), took


async def entries_stop_and_protection_goes_on(made: Installation, signal_id: SignalId) -> None:
    await made.settled([signal_id], WITHIN_S)
    found = await outcomes(made, signal_id)
    assert found["ordered"] >= LET_IN
    assert found["ordered"] + found["lapsed TRADING_HALTED"] == ACCOUNTS, found
    command = await made.connection.fetchrow(
        "SELECT command_id, asked_at, (SELECT max(at) FROM control_ack k WHERE k.command_id = c.command_id) AS effective_at"
        " FROM control_command c"
    )
    assert command is not None
    late = await made.connection.fetchval(
        "SELECT count(*) FROM outcome o JOIN signal s USING (signal_id) WHERE s.received_at + make_interval(secs => o.sent_ms / 1000.0)"
        " > $1",
        command["effective_at"],
    )
    assert late == 0, "entries left after every engine had read the halt"

    async def protected() -> bool:
        query = "SELECT count(*) = $1 AND bool_and(protection = 'protected') FROM position WHERE protection <> 'closed'"
        return bool(await made.connection.fetchval(query, found["ordered"]))

    await eventually(protected, WITHIN_S)
    await made.control.clear_faults()
    denied = await made.signal(Action.OPEN_LONG, ETH)
    closing = await made.signal(Action.CLOSE_LONG, BTC)
    await made.settled([denied, closing], WITHIN_S)
    assert await outcomes(made, denied) == {"denied TRADING_HALTED": ACCOUNTS}
    assert (await outcomes(made, closing))["ordered"] == found["ordered"]
    assert await made.connection.fetchval(_OPEN) == 0


async def resume(operators: Visitor) -> None:
    page = operators.page
    await page.get_by_role("link", name="Resume").click()
    await page.get_by_label("Type RESUME to confirm").fill("RESUME")
    await page.get_by_role("button", name=f"Resume {ACCOUNTS} accounts").click()
    await expect(page.locator("#progress")).to_contain_text("In force")
    await expect(page.locator("#progress")).to_contain_text("Entries are taken again")


async def it_is_on_record(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch(
        "SELECT e.action, p.name, e.subject_kind, e.facts ->> 'reason' AS reason FROM audit_entry e"
        " JOIN person p ON e.actor_kind = 'person' AND p.person_id = e.actor_id ORDER BY entry_id"
    )
    assert [tuple(row) for row in rows] == [("halted", "Olga", "everything", REASON), ("resumed", "Olga", "everything", "")]
    assert (await verify(connection)).holds  # type: ignore[arg-type]

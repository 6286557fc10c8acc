"""Sources as pages: made, changed, given another secret; who may, what is shown once, and why alerts were refused."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.api.conftest import Answer, furnish

from marketbot.domain.reasons import RefusalReason
from marketbot.domain.role import Role
from marketbot.domain.signal import Action, Signal
from marketbot.intake.decode import decode
from marketbot.intake.document import Document, read_document
from marketbot.store.refusals import RefusalRow, write_refusals
from marketbot.web.alert_messages import messages_for, only_here, webhook_url
from marketbot.web.pages.sources import interval_text

from .conftest import Console
from .scene import HOSTILE
from .staff import give_staff

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHORT = b'{"symbol": "ETHUSDT", "action": "SHORT"}'
MAY_CHANGE = (Role.ADMIN, Role.MANAGER)


@pytest.fixture
def more_accounts() -> int:
    return 0


def secret_of(answer: Answer) -> str:
    found = re.search(r'id="secret"[^>]*>([^<]+)</pre>', answer.body.decode())
    assert found is not None, answer.body[:2000]
    return html.unescape(found[1])


async def test_a_source_is_made_and_its_secret_shown_once(console: Console) -> None:
    await furnish(console.api.database)
    manager = (await give_staff(console.store))[Role.MANAGER]
    made = await console.post("/operator/sources", manager, name="breakout", kind="webhook", signals_per_hour="120")
    assert made.status == 200
    assert made.headers["cache-control"] == "no-store"
    secret = secret_of(made)
    assert f"/v1/webhook/breakout/{secret}" in made.body.decode()
    row = await console.store.fetchrow("SELECT source_id, kind, signals_per_hour, enabled FROM source WHERE name = 'breakout'")
    assert tuple(row)[1:] == ("webhook", 120, True)
    sent = await console.api.post(SHORT, source="breakout", secret=secret)
    assert sent.status == 202
    for path in ("/operator/sources", f"/operator/sources/{row['source_id']}"):
        page = await console.get(path, manager)
        assert (page.status, b"breakout" in page.body, secret.encode() in page.body) == (200, True, False)
    facts = await console.store.fetchval("SELECT facts FROM audit_entry WHERE action = 'source_made'")
    assert secret not in str(facts)


async def test_what_cannot_be_is_told_beside_its_field(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    for fields, wrong in (
        ({"name": "Big Room", "kind": "webhook", "signals_per_hour": "300"}, "name"),
        ({"name": "momentum", "kind": "webhook", "signals_per_hour": "300"}, "name"),
        ({"name": "fine", "kind": "pigeon", "signals_per_hour": "300"}, "kind"),
        ({"name": "fine", "kind": "webhook", "signals_per_hour": "2.5"}, "signals_per_hour"),
        ({"name": "fine", "kind": "webhook", "signals_per_hour": "0"}, "signals_per_hour"),
    ):
        answer = await console.post("/operator/sources", manager, **fields)
        assert (answer.status, f'id="{wrong}-error"' in answer.body.decode()) == (422, True), fields
    assert await console.store.fetchval("SELECT count(*) FROM source WHERE name = 'fine'") == 0
    whole = await console.post(
        "/operator/sources/1",
        manager,
        enabled="true",
        signals_per_hour="x",
        allowed_addresses="here, 10.0.0.1",
        chart_interval="soon",
    )
    text = whole.body.decode()
    assert whole.status == 422
    for name in ("signals_per_hour", "allowed_addresses", "chart_interval"):
        assert f'id="{name}-error"' in text
    assert await console.store.fetchval("SELECT signals_per_hour FROM source WHERE source_id = 1") == 300


async def test_a_source_is_changed_as_a_whole(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    done = await console.post(
        "/operator/sources/1",
        manager,
        signals_per_hour="1,200",
        allowed_addresses="52.89.214.238\n203.0.113.0/24",
        chart_interval="4h",
    )
    assert (done.status, done.headers["location"]) == (303, "/operator/sources/1")
    row = await console.store.fetchrow(
        "SELECT enabled, signals_per_hour, allowed_addresses::text[] AS allowed, chart_interval_s FROM source WHERE source_id = 1"
    )
    assert tuple(row) == (False, 1200, ["52.89.214.238/32", "203.0.113.0/24"], 14_400)
    page = (await console.get("/operator/sources/1", manager)).body.decode()
    assert 'value="4h"' in page
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'source_changed'") == 1


async def test_another_secret_ends_the_one_before(console: Console) -> None:
    await furnish(console.api.database)
    manager = (await give_staff(console.store))[Role.MANAGER]
    old = secret_of(await console.post("/operator/sources", manager, name="desk", kind="webhook", signals_per_hour="300"))
    number = await console.store.fetchval("SELECT source_id FROM source WHERE name = 'desk'")
    new = secret_of(await console.post(f"/operator/sources/{number}/rotate", manager))
    assert new != old
    assert (await console.api.post(SHORT, source="desk", secret=old)).status == 401
    assert (await console.api.post(SHORT, source="desk", secret=new)).status == 202


async def test_a_program_gets_a_key_that_is_in_no_address(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    made = await console.post("/operator/sources", manager, name="bot", kind="program", signals_per_hour="300")
    key = secret_of(made)
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert f"/v1/webhook/bot/{key}" not in made.body.decode()
    assert "X-MarketBot-Signature" in made.body.decode()


async def test_roles_see_all_and_change_what_is_theirs(console: Console) -> None:
    for role, who in (await give_staff(console.store)).items():
        listed, shown = await console.get("/operator/sources", who), await console.get("/operator/sources/1", who)
        assert (listed.status, shown.status) == (200, 200), role
        forms = [
            path for page in (listed, shown) for path in re.findall(r'action="(/operator/sources[^"]*)"', page.body.decode())
        ]
        assert bool(forms) is (role in MAY_CHANGE), (role, forms)
        assert (b"/operator/sources/test" in shown.body) is (role is not Role.AUDITOR)
        for path, fields in (
            ("/operator/sources", {"name": f"by-{role}", "kind": "webhook", "signals_per_hour": "300"}),
            ("/operator/sources/1", {"enabled": "true", "signals_per_hour": "300"}),
            ("/operator/sources/1/rotate", {}),
        ):
            answer = await console.post(path, who, **fields)
            assert (answer.status != 403) is (role in MAY_CHANGE), (role, path)
    made = await console.store.fetch("SELECT name FROM source WHERE name LIKE 'by-%' ORDER BY name")
    assert [row["name"] for row in made] == ["by-admin", "by-manager"]
    who = (await console.get("/operator/sources/999999", console.olga)).status
    assert who == 404


async def test_refusals_are_told_with_their_reasons(console: Console) -> None:
    await write_refusals(
        console.store,  # type: ignore[arg-type]
        [
            RefusalRow(1, RefusalReason.SIGNAL_EXPIRED, "an entry may be 30 s old", "192.0.2.7", None, NOW),
            RefusalRow(2, RefusalReason.SYMBOL_UNKNOWN, "no connected venue lists the symbol", "192.0.2.8", None, NOW),
            RefusalRow(None, RefusalReason.CREDENTIAL_INVALID, HOSTILE, "192.0.2.9", None, NOW + timedelta(seconds=1)),
        ],
    )
    everything = (await console.get("/operator/sources", console.olga)).body.decode()
    assert everything.index("192.0.2.9") < everything.index("192.0.2.7")
    assert "Without a valid secret" in everything
    assert "<script>alert" not in everything
    of_one = (await console.get("/operator/sources/1", console.olga, cookie="marketbot_language=pt")).body.decode()
    assert "192.0.2.7" in of_one
    assert "192.0.2.8" not in of_one
    assert "192.0.2.9" not in of_one
    file = await console.get("/operator/sources?format=csv", console.olga)
    assert file.body.decode("utf-8-sig").splitlines()[0].startswith("source,kind,enabled,followers")


@pytest.mark.parametrize(
    ("key", "place", "action"),
    [
        ("strategy", {"strategy.order.action": "buy", "strategy.market_position": "long"}, Action.OPEN_LONG),
        ("strategy", {"strategy.order.action": "sell", "strategy.market_position": "flat"}, Action.CLOSE_LONG),
        ("open_long", {}, Action.OPEN_LONG),
        ("open_short", {}, Action.OPEN_SHORT),
        ("close_long", {}, Action.CLOSE_LONG),
        ("close_short", {}, Action.CLOSE_SHORT),
    ],
)
def test_messages_to_paste_are_read_as_they_say(key: str, place: dict[str, str], action: Action) -> None:
    body = next(each.body for each in messages_for("webhook", "https://x/v1/webhook/a/s") if each.key == key)
    filled = {
        "exchange": "BINANCE", "ticker": "BTCUSDT.P", "close": "61000.5", "timenow": "2026-03-01T11:59:58Z",
        "strategy.prev_market_position": "long" if action is Action.CLOSE_LONG else "flat", "strategy.order.id": "Long", **place,
    }  # fmt: skip
    for name, value in filled.items():
        body = body.replace("{{" + name + "}}", value)
    document = read_document(body.encode())
    assert isinstance(document, Document), document
    signal = decode(document, now=NOW, window_s=30)
    assert isinstance(signal, Signal), signal
    assert (signal.action, signal.symbol) == (action, "BTCUSDT")
    assert str(signal.price) == "61000.5"


def test_addresses_and_intervals() -> None:
    assert webhook_url("https://bot.example", "room", "webhook", "s3cret") == "https://bot.example/v1/webhook/room/s3cret"
    assert webhook_url("https://bot.example", "room", "program", "s3cret") == "https://bot.example/v1/webhook/room"
    here = ("http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost", "http://0.0.0.0:80")
    assert all(only_here(each) for each in here)
    assert not only_here("https://bot.example")
    assert [interval_text(each) for each in (None, 30, 60, 1800, 3600, 14_400, 86_400)] == [
        "",
        "30S",
        "1m",
        "30m",
        "1h",
        "4h",
        "1D",
    ]

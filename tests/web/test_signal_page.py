"""A test signal from a page: it is shown as intake reads it, with whom it reaches, and goes out once, when it is confirmed."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from tests.api.conftest import furnish

from marketbot.domain.role import Role
from marketbot.domain.signal import Action, Signal
from marketbot.intake.decode import decode
from marketbot.intake.document import Document, read_document
from marketbot.web.pages.signal_test import make_body

from .conftest import Console
from .scene import HOSTILE
from .staff import give_staff

PATH = "/operator/sources/test"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def more_accounts() -> int:
    return 0


def hidden(text: str) -> dict[str, str]:
    found = {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)}
    return {name: value for name, value in found.items() if name in ("source", "body", "confirmed")}


async def signals(console: Console) -> int:
    return int(await console.store.fetchval("SELECT count(*) FROM signal"))


async def test_it_says_whom_it_reaches_and_trades_once(console: Console) -> None:
    await furnish(console.api.database)
    before = await signals(console)
    form = (await console.get(f"{PATH}?source=momentum", console.olga)).body.decode()
    assert "It really trades" in form
    assert re.search(r'<option value="momentum" selected', form)
    review = await console.post(PATH, console.olga, source="sinais-btc", action="open_short", symbol="ethusdt", body="")
    text = review.body.decode()
    assert review.status == 200
    assert "Open short" in text
    assert "Send it to 4 accounts" in text
    assert ("3 accounts" in text, "1 account" in text) == (True, True)
    assert "2 trading now" in text
    assert await signals(console) == before
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'test_signal_sent'") == 0
    kept = hidden(text)
    sent = await console.post(PATH, console.olga, **kept)
    row = await console.store.fetchrow(
        "SELECT signal_id, source_id, action::text, symbol FROM signal ORDER BY signal_id DESC LIMIT 1"
    )
    assert tuple(row)[1:] == (1, "open_short", "ETHUSDT")
    assert (sent.status, sent.headers["location"]) == (303, f"/operator/signals/{row['signal_id']}")
    again = await console.post(PATH, console.olga, **kept)
    assert again.headers["location"] == sent.headers["location"]
    assert (again.status, "marketbot_said=test_repeated" in again.headers["set-cookie"]) == (303, True)
    assert await signals(console) == before + 1
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'test_signal_sent'") == 2


async def test_what_is_no_signal_is_told_in_words_and_nothing_is_sent(console: Console) -> None:
    pending = await console.post(PATH, console.olga, source="momentum", action="open_long", symbol="BTCUSDT")
    assert (pending.status, b"No exchange" in pending.body) == (422, True)
    await furnish(console.api.database)
    before = await signals(console)
    for fields, told in (
        ({"symbol": "", "action": "open_long"}, 'id="symbol-error"'),
        ({"symbol": "BTCUSDT", "action": "buy_the_dip"}, 'id="action-error"'),
        ({"symbol": "NOSUCHUSDT", "action": "open_long"}, "no connected venue lists the symbol"),
        ({"body": '{"symbol": "BTCUSDT", "action": "{{action}}"}'}, "still holds a placeholder"),
        ({"body": HOSTILE}, "=cmd|"),
        ({"body": "x" * 5_000}, 'id="body-error"'),
    ):
        for confirmed in ("", "true"):
            answer = await console.post(PATH, console.olga, source="momentum", confirmed=confirmed, **fields)
            assert answer.status == 422, fields
            assert told in answer.body.decode()
            assert b"<script>alert" not in answer.body
    nobody = await console.post(PATH, console.olga, source="nobody", action="open_long", symbol="BTCUSDT")
    assert (nobody.status, b'id="source-error"' in nobody.body) == (422, True)
    assert await signals(console) == before


async def test_a_source_that_is_off_is_not_offered(console: Console) -> None:
    await furnish(console.api.database)
    await console.store.execute("UPDATE source SET enabled = false WHERE name = 'momentum'")
    assert b'value="momentum"' not in (await console.get(PATH, console.olga)).body
    refused = await console.post(PATH, console.olga, source="momentum", action="open_long", symbol="BTCUSDT", confirmed="true")
    assert refused.status == 422
    await console.store.execute("UPDATE source SET enabled = false")
    assert b"No source takes signals" in (await console.get(PATH, console.olga)).body


async def test_who_watches_the_desk_sends_and_an_auditor_does_not(console: Console) -> None:
    await furnish(console.api.database)
    before = await signals(console)
    for role, who in (await give_staff(console.store)).items():
        may = role is not Role.AUDITOR
        assert ((await console.get(PATH, who)).status == 200) is may, role
        sent = await console.post(
            PATH, who, source="momentum", body=f"SINAL LONG BTCUSDT @ {61000 + len(role)}", confirmed="true"
        )
        assert (sent.status == 303) is may, (role, sent.body[:500])
    assert await signals(console) == before + 3


@pytest.mark.parametrize("action", list(Action))
def test_what_the_form_makes_is_read_as_it_was_meant(action: Action) -> None:
    document = read_document(make_body(action.value, "BTCUSDT", NOW).encode())
    assert isinstance(document, Document)
    signal = decode(document, now=NOW, window_s=30)
    assert isinstance(signal, Signal), signal
    assert (signal.action, signal.symbol, signal.sent_at) == (action, "BTCUSDT", None)
    assert signal.dedup_key is not None

"""The pages of controls over HTTP: shown before it is done, confirmed, done once, followed, and only by whoever may."""

from __future__ import annotations

import re
import uuid
from html import unescape

import pytest
from tests.api.conftest import Answer

from marketbot.domain.role import Role
from marketbot.store.audit_trail import verify

from .conftest import Console
from .desk import REASON, STAFF, Desk
from .scene import Login

PREVIEW = "/operator/controls/preview"
COMMANDS = "SELECT count(*) FROM control_command"
SWITCHES = "SELECT scope || ' ' || key || ' ' || state FROM switch ORDER BY 1"


def fields_of(page: Answer) -> dict[str, str]:
    """Return the hidden fields of a page's command, as a browser would send them."""
    text = page.body.decode()
    form = text[text.index('action="/operator/controls"') :]
    return {
        name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form) if name != "csrf"
    }


async def preview(console: Console, who: Login, **wish: str) -> Answer:
    query = "&".join(f"{name}={value}" for name, value in wish.items())
    return await console.get(f"{PREVIEW}?{query}", who, accept_language="en")


async def give(console: Console, who: Login, *, word: str = "", reason: str = "", **wish: str) -> Answer:
    """Go through the preview, as a person does."""
    page = await preview(console, who, **wish)
    assert page.status == 200, page.body
    return await console.post("/operator/controls", who, word=word, reason=reason, **fields_of(page))


async def test_what_a_command_would_touch_is_told_and_repeated(console: Console) -> None:
    page = (await preview(console, console.olga, deed="halt", scope="user", key="1")).body.decode()
    accounts, positions, worth = await console.store.fetchrow(
        "SELECT (SELECT count(*) FROM account WHERE user_id = 1), count(*), sum(qty * entry_price) FROM position"
        " WHERE user_id = 1 AND protection <> 'closed'"
    )
    assert f"<dt>Accounts</dt><dd>{accounts}</dd>" in page
    assert f"<dt>Open positions</dt><dd>{positions}</dd>" in page
    assert f"No new entries for {accounts} accounts. Stops and targets stay for {positions} open positions" in page
    assert f"worth {worth:,.2f} USDT" in page
    assert f"Halt {accounts} accounts" in page
    one = (await preview(console, console.olga, deed="close", scope="account", key="1", symbol="btcusdt")).body.decode()
    assert "Closes 1 open position of 1 account at the market" in one
    assert await console.store.fetchval(COMMANDS) == 0


async def test_a_command_is_confirmed_done_and_followed(console: Console) -> None:
    done = await give(console, console.olga, deed="reduce", scope="venue", key="Binance", reason=" moving out ")
    command_id = await console.store.fetchval("SELECT command_id FROM control_command")
    assert (done.status, done.headers["location"]) == (303, f"/operator/controls/{command_id}")
    assert [row[0] for row in await console.store.fetch(SWITCHES)] == ["venue binance reducing"]
    entry = await console.store.fetchrow(
        "SELECT e.action, e.actor_kind, e.actor_id, e.facts, a.address FROM audit_entry e JOIN audit_address a USING (entry_id)"
    )
    olga = await console.store.fetchval("SELECT person_id FROM person WHERE email = 'op@club.example'")
    assert (entry["action"], entry["actor_kind"], entry["actor_id"], entry["address"]) == ("halted", "person", olga, "127.0.0.1")
    assert (entry["facts"]["reason"], entry["facts"]["command_id"]) == ("moving out", command_id)
    assert (await verify(console.store)).holds  # type: ignore[arg-type]
    listed = (await console.get("/operator/controls", console.olga, accept_language="en")).body.decode()
    assert "by Olga" in listed
    assert "moving out" in listed
    resumed = await give(console, console.olga, deed="resume", scope="venue", key="binance")
    assert resumed.status == 303
    assert await console.store.fetch(SWITCHES) == []
    mistaken = await give(console, console.olga, deed="resume", scope="venue", key="binance")
    assert mistaken.status == 422
    assert b"This is not halted any more" in mistaken.body or "já não está suspenso" in mistaken.body.decode()


@pytest.mark.parametrize(
    "wish",
    [
        {"deed": "halt", "scope": "everything"},
        {"deed": "halt", "scope": "environment", "key": "mainnet"},
        {"deed": "close", "scope": "everything"},
        {"deed": "close", "scope": "environment", "key": "Mainnet"},
    ],
)
async def test_everything_and_real_money_ask_for_a_word(console: Console, wish: dict[str, str]) -> None:
    word = wish["deed"].upper()
    for typed in ("", "YES", f"{word} {word}"):
        refused = await give(console, console.olga, word=typed, **wish)
        assert refused.status == 422
        assert b'id="word-error"' in refused.body
    assert await console.store.fetchval(COMMANDS) == 0
    assert (await give(console, console.olga, word=word.lower(), **wish)).status == 303
    assert await console.store.fetchval(COMMANDS) == 1


async def test_practice_alone_asks_for_none_and_the_word_is_the_viewers(console: Console) -> None:
    assert (await give(console, console.olga, deed="halt", scope="environment", key="testnet")).status == 303
    page = await preview(console, console.olga, deed="halt", scope="everything")
    form = fields_of(page) | {"word": "suspender", "reason": ""}
    cookie = "marketbot_language=pt"
    body = "&".join(f"{name}={value}" for name, value in (form | {"csrf": console.olga.csrf}).items()).encode()
    done = await console.send(
        "POST", "/operator/controls", console.olga, body, content_type="application/x-www-form-urlencoded", cookie=cookie
    )
    assert done.status == 303


async def test_a_form_that_is_sent_twice_is_carried_out_once(console: Console) -> None:
    form = fields_of(await preview(console, console.olga, deed="close", scope="account", key="1")) | {"reason": "once"}
    answers = [await console.post("/operator/controls", console.olga, **form) for _ in range(3)]
    assert {(answer.status, answer.headers["location"]) for answer in answers} == {(303, "/operator/controls/1")}
    assert await console.store.fetchval(COMMANDS) == 1
    # Another command under the same key is none.
    other = await console.post("/operator/controls", console.olga, **(form | {"reason": "twice"}))
    assert other.status == 422
    assert await console.store.fetchval(COMMANDS) == 1
    # A refused one gives its key back.
    wrong = fields_of(await preview(console, console.olga, deed="resume", scope="account", key="1")) | {"reason": ""}
    assert (await console.post("/operator/controls", console.olga, **wrong)).status == 422
    await console.store.execute("INSERT INTO switch (scope, key, state) VALUES ('account', '1', 'halted')")
    assert (await console.post("/operator/controls", console.olga, **wrong)).status == 303


async def test_what_names_nothing_is_told_beside_its_field(console: Console) -> None:
    for query, field in (
        ("deed=halt&scope=everything&key=all", "key"),
        ("deed=halt&scope=environment&key=moon", "key"),
        ("deed=halt&scope=user", "key"),
        ("deed=halt&scope=user&key=999", "key"),
        ("deed=halt&scope=account&key=x", "key"),
        ("deed=halt&scope=account&key=99999999999999999999", "key"),
        ("deed=halt&scope=instrument&key=NOSUCH", "key"),
        ("deed=halt&scope=planet", "scope"),
        ("deed=destroy&scope=everything", "scope"),
        (f"deed=close&scope=everything&symbol={'X' * 101}", "symbol"),
    ):
        answer = await console.get(f"{PREVIEW}?{query}", console.olga)
        assert answer.status == 422, query
        assert f'id="{field}-error"'.encode() in answer.body, query
    once = str(uuid.uuid4())
    for fields in (
        {"deed": "halt", "scope": "user", "key": "1"},
        {"deed": "halt", "scope": "user", "key": "1", "once": "again"},
        {"deed": "halt", "scope": "user", "key": "1", "once": once.upper()},
        {"deed": "halt", "scope": "planet", "once": once},
    ):
        assert (await console.post("/operator/controls", console.olga, **fields)).status == 400
    missing = await console.post("/operator/controls", console.olga, deed="halt", scope="user", key="999", once=once)
    assert missing.status == 404
    long = await console.post("/operator/controls", console.olga, deed="halt", scope="user", key="1", once=once, reason="x" * 201)
    assert (long.status, b'id="reason-error"' in long.body) == (422, True)
    assert await console.store.fetchval(COMMANDS) == 0


async def test_a_command_tells_when_it_took_effect_and_what_it_could_not_do(console: Console, desk: Desk) -> None:
    halted = (await console.get(f"/operator/controls/{desk.halted}", console.olga, accept_language="en")).body.decode()
    assert '<dd id="took">412 ms</dd>' in halted
    assert "1 of 1" in halted
    assert 'hx-trigger="every 1s"' not in halted, "it has taken effect"
    closing = (
        await console.get(f"/operator/controls/{desk.closing}?part=progress", console.olga, accept_language="en")
    ).body.decode()
    for name, count in (("Exits", 2), ("Closed", 1), ("Under way", 1), ("Without an order of ours", 0)):
        assert f"<dt>{name}</dt><dd>{count}</dd>" in closing
    assert "ACCOUNT_NOT_READY" in closing
    assert 'hx-trigger="every 1s"' in closing, "it is still under way"
    assert closing.count("/operator/signals/") == 2
    await console.store.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at) SELECT max(signal_id), 1, 1, 'lapsed',"
        " 'POSITION_GONE', now() FROM signal WHERE command_id = $1",
        desk.closing,
    )
    await console.store.execute("UPDATE signal SET state = 'settled', settled_at = now() WHERE command_id = $1", desk.closing)
    closed = (await console.get(f"/operator/controls/{desk.closing}", console.olga, accept_language="en")).body.decode()
    assert "<dt>Without an order of ours</dt><dd>1</dd>" in closed
    assert "POSITION_GONE" in closed
    assert 'hx-trigger="every 1s"' not in closed
    for number in ("999", "0", str(2**63 - 1), "99999999999999999999"):
        assert (await console.get(f"/operator/controls/{number}", console.olga)).status == 404


async def test_a_user_sees_when_what_stops_them_took_effect(console: Console, desk: Desk) -> None:
    standing = "/home?part=standing"
    hers = (await console.get(standing, console.ana, accept_language="en")).body.decode()
    assert "The operator has halted bybit" in hers
    assert "in force everywhere after 412 ms" in hers
    assert 'hx-trigger="every 2s"' not in hers
    # His own account's switch has not been read by the engine; hers tells nothing of it.
    his = (await console.get(standing, console.rui, accept_language="en")).body.decode()
    assert his.count("taking effect") == 1
    assert 'hx-trigger="every 2s"' in his
    assert "no. 4" not in hers
    await console.store.execute(
        "INSERT INTO control_ack SELECT 2, 1, asked_at + interval '77 ms' FROM control_command WHERE command_id = 2"
    )
    read = (await console.get(standing, console.rui, accept_language="en")).body.decode()
    assert "in force everywhere after 77 ms" in read
    assert 'hx-trigger="every 2s"' not in read


async def test_commands_are_listed_narrowed_and_exported(console: Console, desk: Desk) -> None:
    for number in range(60):
        await console.store.execute(
            "INSERT INTO control_command (kind, scope, key, state, reason, accounts, open_positions, queued_chunks)"
            " VALUES ('resume', 'user', $1, 'active', '', 1, 0, 0)",
            str(number + 1),
        )
    seen: list[int] = []
    path = "/operator/controls"
    while path:
        text = (await console.get(path, console.olga)).body.decode()
        history = text[text.index("history-title") :]
        seen += [int(number) for number in re.findall(r'href="/operator/controls/(\d+)"', history)]
        found = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(found[1]) if found else ""
    assert seen == list(range(63, 0, -1))
    close = (await console.get("/operator/controls?kind=close", console.olga)).body.decode()
    assert close[close.index("history-title") :].count("<tr>") == 2
    file = (await console.get("/operator/controls?covers=venue&format=csv", console.olga)).body.decode("utf-8-sig")
    (head, line) = file.strip().split("\r\n")
    assert head.split(",")[:4] == ["asked_at", "command", "state", "scope"]
    assert "bybit" in line
    assert REASON in line
    for hostile in ("kind=x", "covers=planet", "after=nonsense"):
        assert (await console.get(f"/operator/controls?{hostile}", console.olga)).status == 400
    assert (await console.get("/operator/controls?part=x", console.olga)).status == 404


@pytest.mark.parametrize("role", STAFF)
async def test_a_role_acts_as_it_may_and_is_offered_nothing_else(console: Console, desk: Desk, role: Role) -> None:
    who, acts = desk.staff[role], role is not Role.AUDITOR
    for path in (
        "/operator",
        "/operator/controls",
        f"/operator/controls/{desk.halted}",
        "/operator/accounts/1",
        "/operator/users/1",
    ):
        answer = await console.get(path, who)
        assert answer.status == 200
        assert (b"/operator/controls/preview" in answer.body) is acts, path
    assert (await console.get(f"{PREVIEW}?deed=halt&scope=user&key=1", who)).status == (200 if acts else 403)
    before = await console.store.fetchval(COMMANDS)
    form = {"deed": "halt", "scope": "user", "key": "1", "once": str(uuid.uuid4()), "symbol": "", "reason": ""}
    assert (await console.post("/operator/controls", who, **form)).status == (303 if acts else 403)
    assert await console.store.fetchval(COMMANDS) == before + acts


async def test_a_command_needs_our_own_form(console: Console) -> None:
    form = fields_of(await preview(console, console.olga, deed="halt", scope="user", key="1"))
    for token in ("", "0" * 64, console.ana.csrf):
        assert (await console.post("/operator/controls", console.olga, csrf=token, **form)).status == 403
    assert (await console.post("/operator/controls", console.ana, **form)).status == 403
    assert await console.store.fetchval(COMMANDS) == 0

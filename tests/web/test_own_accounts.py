"""The pages of a user's own accounts: connecting, keys, sources, closing. What forms refuse, and that no key is written back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketbot.accounts.safe import Safe
from marketbot.vault.kek import Kek
from marketbot.vault.vault import Vault

from .conftest import Console

SECRET = "canary-SECRET-that-no-page-may-show"
KEY = "canary-key-0001"
WISH = {"venue": "bybit", "environment": "testnet", "label": "nova", "api_key": KEY, "api_secret": SECRET}


@pytest.fixture
async def engine(console: Console, tmp_path: Path) -> None:
    """As an engine at work has done: a pair that users' keys are sealed to."""
    safe = Safe(Vault.from_file(tmp_path / "vault.key"), Kek(lambda: [bytes(range(32))]))
    async with console.store.transaction():
        await safe.new_box_key(console.store)


@pytest.mark.usefixtures("engine")
async def test_a_key_is_sealed_and_its_account_waits(console: Console) -> None:
    answer = await console.post("/accounts/connect", console.ana, **WISH, **{"follow:momentum": "true", "follow:sinais-btc": ""})
    assert answer.status == 303, answer.body
    path = answer.headers["location"]
    number = int(path.rpartition("/")[2])
    row = await console.store.fetchrow("SELECT * FROM account WHERE account_id = $1", number)
    assert (row["user_id"], row["label"], row["environment"], row["status"]) == (1, "nova", "testnet", "connecting")
    followed = "SELECT array_agg(name) FROM follow JOIN source USING (source_id) WHERE account_id = $1"
    assert await console.store.fetchval(followed, number) == ["momentum"]
    assert await console.store.fetchval("SELECT count(*) FROM key_box WHERE account_id = $1", number) == 1
    page = (await console.get(path, console.ana)).body.decode()
    assert "The new key is on its way" in page
    assert 'aria-current="step"' in page
    assert (await console.get(path, console.rui)).status == 404
    entry = await console.store.fetchrow("SELECT * FROM audit_entry WHERE action = 'account_connected'")
    assert (entry["actor_kind"], entry["subject_id"]) == ("person", str(number))
    for table in ("account", "key_box", "audit_entry"):
        assert SECRET not in str(await console.store.fetch(f"SELECT t::text FROM {table} t"))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": ""}, "label"),
        ({"label": "Principal"}, "label"),
        ({"api_key": "short"}, "api_key"),
        ({"api_key": "two words of a key"}, "api_key"),
        ({"api_secret": ""}, "api_secret"),
        ({"venue": "ccxt", "exchange": "okx", "passphrase": "\u00e9" * 9}, "passphrase"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_no_key_comes_back(
    console: Console, change: dict[str, str], field: str
) -> None:
    answer = await console.post("/accounts/connect", console.ana, **(WISH | change))
    page = answer.body.decode()
    assert answer.status == 422
    assert f'id="{field}-error"' in page
    assert SECRET not in page
    assert KEY not in page
    assert await console.store.fetchval("SELECT count(*) FROM key_box") == 0


@pytest.mark.usefixtures("engine")
async def test_real_money_is_asked_for_twice(console: Console) -> None:
    assert b"This is real money" not in (await console.get("/accounts/connect?venue=bybit", console.ana)).body
    assert b"This is real money" in (await console.get("/accounts/connect?venue=bybit&environment=mainnet", console.ana)).body
    refused = await console.post("/accounts/connect", console.ana, **(WISH | {"environment": "mainnet"}))
    assert (refused.status, b'id="real-error"' in refused.body) == (422, True)
    taken = await console.post("/accounts/connect", console.ana, **(WISH | {"environment": "mainnet", "real": "true"}))
    assert taken.status == 303
    for strange in ({"venue": "nowhere"}, {"environment": "moon"}, {"venue": "ccxt", "exchange": "a/../b"}):
        assert (await console.post("/accounts/connect", console.ana, **(WISH | strange))).status == 422, strange


@pytest.mark.usefixtures("engine")
async def test_a_source_that_is_gone_and_a_key_in_use_are_told(console: Console) -> None:
    gone = await console.post("/accounts/connect", console.ana, **WISH, **{"follow:gone": "true"})
    assert (gone.status, b"A source that you ticked is gone" in gone.body) == (422, True)
    assert (await console.post("/accounts/connect", console.ana, **WISH)).status == 303
    taken = await console.post("/accounts/connect", console.ana, **(WISH | {"label": "mais uma"}))
    assert (taken.status, b"This key is connected already" in taken.body) == (422, True)
    full = await console.post("/accounts/connect", console.rui, **(WISH | {"api_key": "another-key"}))
    assert (full.status, b"as many accounts as this installation allows" in full.body) == (422, True)


async def test_without_an_engine_nobody_can_be_handed_a_key(console: Console) -> None:
    answer = await console.post("/accounts/connect", console.ana, **WISH)
    assert (answer.status, b"No machine that trades has been at work yet" in answer.body) == (422, True)
    assert await console.store.fetchval("SELECT count(*) FROM account WHERE label = 'nova'") == 0


@pytest.mark.usefixtures("engine")
async def test_another_key_a_test_and_the_end(console: Console) -> None:
    replaced = await console.post("/accounts/3/key", console.ana, api_key=KEY, api_secret=SECRET)
    assert (replaced.status, replaced.headers["location"]) == (303, "/accounts/3")
    assert await console.store.fetchval("SELECT account_id FROM key_box") == 3
    wrong = await console.post("/accounts/3/key", console.ana, api_key="", api_secret=SECRET)
    assert (wrong.status, SECRET.encode() in wrong.body) == (422, False)
    await console.post("/accounts/1/test", console.ana)
    assert await console.store.fetchval("SELECT asked_at IS NOT NULL FROM key_check WHERE account_id = 1")
    assert b"The exchange is being asked" in (await console.get("/accounts/1?part=key", console.ana)).body

    # It holds two positions: one stop is not confirmed.
    asked = (await console.get("/accounts/1/disconnect", console.ana)).body
    assert b"1 open position with its stop" in asked
    assert b"1 open position whose stop is not confirmed" in asked
    refused = await console.post("/accounts/1/disconnect", console.ana)
    assert (refused.status, b'name="force"' in refused.body) == (422, True)
    assert await console.store.fetchval("SELECT disconnected_at FROM account WHERE account_id = 1") is None
    done = await console.post("/accounts/1/disconnect", console.ana, force="true")
    assert (done.status, done.headers["location"]) == (303, "/accounts/1")
    page = (await console.get("/accounts/1", console.ana)).body
    assert b"This account is disconnected" in page
    assert b'id="settings"' not in page
    assert b"environment=mainnet" in page, "it is connected again as what it was"


@pytest.mark.usefixtures("engine")
async def test_nobody_touches_anothers_account(console: Console) -> None:
    await console.store.execute("INSERT INTO key_check (account_id, user_id) VALUES (1, 1)")

    async def state() -> str:
        questions = ("account", "key_box", "key_check", "follow", "control_command", "position")
        return str([await console.store.fetch(f"SELECT t::text FROM {name} t ORDER BY 1") for name in questions])

    before = await state()
    for path, fields in (
        ("/accounts/1/key", {"api_key": KEY, "api_secret": SECRET}),
        ("/accounts/1/test", {}),
        ("/accounts/1/disconnect", {"force": "true"}),
        ("/accounts/1/follows", {"follow:momentum": "true"}),
        ("/close", {"account": "1"}),
        ("/close", {"account": "1", "symbol": "BTCUSDT"}),
    ):
        stolen = await console.post(path, console.rui, **fields)
        absent = await console.post(
            path.replace("/1/", "/999999/"),
            console.rui,
            **(fields | ({"account": "999999"} if "account" in fields else {})),
        )
        assert stolen.status == absent.status == 404, path
        unsigned = await console.post(path, console.ana, csrf="0" * 64, **fields)
        assert unsigned.status == 403
    for path in ("/accounts/1/key", "/accounts/1/disconnect", "/close?account=1", "/accounts/1?part=key"):
        assert (await console.get(path, console.rui)).status == 404
    assert await state() == before


async def test_sources_are_followed_and_left(console: Console) -> None:
    async def followed() -> list[str]:
        rows = await console.store.fetch("SELECT name FROM follow JOIN source USING (source_id) WHERE account_id = 1 ORDER BY 1")
        return [row["name"] for row in rows]

    changed_at = "SELECT changed_at FROM account WHERE account_id = 1"
    before = await console.store.fetchval(changed_at)
    await console.post("/accounts/1/follows", console.ana, **{"follow:sinais-btc": "true", "follow:momentum": "true"})
    assert await followed() == ["momentum", "sinais-btc"]
    assert await console.store.fetchval(changed_at) > before, "an engine looks at its leverages again"
    # One that is not offered has no box, and is not lost by saving the others.
    await console.store.execute("UPDATE source SET enabled = false WHERE name = 'sinais-btc'")
    assert b'name="follow:sinais-btc"' not in (await console.get("/accounts/1", console.ana)).body
    await console.post("/accounts/1/follows", console.ana)
    assert await followed() == ["sinais-btc"]
    assert (await console.post("/accounts/1/follows", console.ana, **{"follow:nowhere": "true"})).status == 400
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'settings_changed'") == 2


async def test_what_would_be_closed_is_named_first(console: Console) -> None:
    one = (await console.get("/close?account=1&symbol=BTCUSDT", console.ana)).body.decode()
    assert "Principal" in one
    assert re.search(r">\s*0\.042<", one)
    assert "ETHUSDT" not in one
    everything = (await console.get("/close", console.ana)).body.decode()
    assert all(symbol in everything for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    assert "ADAUSDT" not in everything
    done = await console.post("/close", console.ana, account="1", symbol="BTCUSDT")
    assert done.status == 303
    path = done.headers["location"]
    command = await console.store.fetchrow("SELECT * FROM control_command")
    assert path == f"/home?close={command['command_id']}"
    assert (command["kind"], command["scope"], command["key"], command["symbol"]) == ("close", "account", "1", "BTCUSDT")
    home = (await console.get(path, console.ana)).body.decode()
    assert "Being closed" in home
    assert 'id="closing"' not in (await console.get(path, console.rui)).body.decode(), "another's close is nothing to see"
    assert (await console.get("/home?close=x", console.ana)).status == 200
    assert (await console.post("/close", console.ana)).status == 303
    assert await console.store.fetchval("SELECT scope FROM control_command ORDER BY command_id DESC") == "user"


async def test_ones_accounts_are_narrowed_paged_and_exported_in_ones_language(console: Console) -> None:
    portuguese = (await console.get("/accounts", console.rui, cookie="marketbot_language=pt")).body.decode()
    assert "Próxima página" in portuguese
    await console.store.execute(
        "UPDATE account SET status = 'quarantined', status_code = 'SECRET_WRONG', status_reason = 'x' WHERE label = 'conta 5'"
    )
    await console.store.execute("UPDATE account SET disconnected_at = now(), status = 'quarantined' WHERE label = 'conta 6'")
    narrowed = (await console.get("/accounts?status=quarantined", console.rui, cookie="marketbot_language=pt")).body.decode()
    assert "O segredo não corresponde à chave" in narrowed
    assert ">conta 6<" not in narrowed
    assert ">conta 6<" in (await console.get("/accounts?status=disconnected", console.rui)).body.decode()
    seen: list[str] = []
    path = "/accounts?order=newest&environment=testnet"
    while path:
        text = (await console.get(path, console.rui)).body.decode()
        seen += re.findall(r'href="/accounts/(\d+)"', text)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        path = found[1].replace("&amp;", "&") if found else ""
    wanted = await console.store.fetch(
        "SELECT account_id FROM account WHERE user_id = 2 AND environment = 'testnet' ORDER BY account_id DESC"
    )
    assert [int(each) for each in seen] == [row["account_id"] for row in wanted]
    file = (await console.get("/accounts?format=csv", console.rui)).body.decode("utf-8-sig")
    assert len(file.strip().split("\r\n")) == 1 + await console.store.fetchval("SELECT count(*) FROM account WHERE user_id = 2")
    assert "Principal" not in file
    for hostile in ("status=x", "order=up", "after=nonsense", "environment=real"):
        assert (await console.get(f"/accounts?{hostile}", console.rui)).status == 400

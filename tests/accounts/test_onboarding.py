"""From a user's form to an account that trades: sealed to the engines, opened there, proven at the venue, taken away again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marketbot.accounts import onboarding
from marketbot.accounts.connector import Connector
from marketbot.accounts.key_keeper import KeyKeeper
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.onboarding import AccountWish, KeyWish, Objection
from marketbot.accounts.safe import Safe
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.policy import Policy
from marketbot.vault.kek import Kek, NoKek

from .world import SOURCE, World

CANARY = "canary-SECRET-that-nobody-may-see"
LIMIT = 3


@pytest.fixture
async def ana(world: World) -> UserId:
    user_id = await world.pool.fetchval("INSERT INTO app_user (name) VALUES ('ana') RETURNING user_id")
    await keeper(world).run_once()
    return UserId(user_id)


def keeper(world: World, safe: Safe | None = None) -> KeyKeeper:
    return KeyKeeper(world.pool, safe or world.safe, world.clock, lambda: 0)


def connector(world: World) -> Connector:
    return Connector(world.pool, world.keyring, world.clients, world.instrument, world.clock, Policy)


async def form(world: World, **fields: Any) -> dict[str, Any]:
    """Return what a user would send, for an account that there is at the simulator."""
    at_venue = {key: fields.pop(key) for key in ("can_withdraw", "can_trade", "ip_whitelist", "balance") if key in fields}
    place = {"venue": fields.pop("venue", "bybit"), "environment": fields.pop("environment", "testnet")}
    [made] = await world.open_at_venue([{**place, "balance": "500", **at_venue}])
    return {"label": "main", **place, "api_key": made["api_key"], "api_secret": made["api_secret"], "follows": [SOURCE], **fields}


async def connect(world: World, user_id: UserId, document: dict[str, Any]) -> AccountId | Objection:
    wish = onboarding.read_account(document)
    assert isinstance(wish, AccountWish), wish
    async with world.pool.acquire() as connection, connection.transaction():
        return await onboarding.connect(connection, world.safe.vault, user_id, wish, limit=LIMIT, egresses=8)


async def connected(world: World, user_id: UserId, **fields: Any) -> AccountId:
    made = await connect(world, user_id, await form(world, **fields))
    assert not isinstance(made, Objection), made
    await keeper(world).run_once()
    await connector(world).run_once()
    return made


@pytest.mark.parametrize("venue", ["binance", "bybit"])
async def test_a_key_goes_from_the_form_to_the_venue(world: World, ana: UserId, venue: str) -> None:
    document = await form(world, venue=venue)
    account_id = await connect(world, ana, document)
    assert not isinstance(account_id, Objection)
    account = await world.account(account_id)
    assert (account["status"], account["api_secret_sealed"], account["environment"]) == ("connecting", b"", "testnet")
    assert await connector(world).run_once() == {}, "there is nothing to prove before an engine took the key"

    assert await keeper(world).run_once() == 1
    assert await world.pool.fetchval("SELECT count(*) FROM key_box") == 0
    assert (await world.keyring.credentials([account_id]))[account_id].secret == document["api_secret"].encode()
    await connector(world).run_once()
    assert (await world.account(account_id))["status"] == "ready"
    assert await world.pool.fetchval("SELECT count(*) FROM follow WHERE account_id = $1", account_id) == 1
    check = await world.pool.fetchrow("SELECT checked_at, code FROM key_check WHERE account_id = $1", account_id)
    assert check is not None
    assert check["checked_at"] is not None
    assert check["code"] is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"can_withdraw": True}, "KEY_CAN_WITHDRAW"),
        ({"can_trade": False}, "KEY_CANNOT_TRADE"),
        ({"ip_whitelist": ["10.1.2.3"]}, "ADDRESS_NOT_ALLOWED"),
        ({"api_secret": "not-the-secret-of-this-key"}, "SECRET_WRONG"),
        ({"api_key": "a-key-that-nobody-knows"}, "KEY_UNKNOWN"),
    ],
)
async def test_what_is_wrong_with_a_key_is_told_as_a_reason(world: World, ana: UserId, wrong: dict[str, Any], code: str) -> None:
    account_id = await connected(world, ana, environment="mainnet", **wrong)
    account = await world.account(account_id)
    assert (account["status"], account["status_code"]) == ("quarantined", code)
    assert await world.pool.fetchval("SELECT code FROM key_check WHERE account_id = $1", account_id) == code


async def test_an_empty_wallet_and_an_open_key_are_told_and_trade(world: World, ana: UserId) -> None:
    open_key = await connected(world, ana, environment="mainnet")
    assert (await world.account(open_key))["status"] == "ready"
    assert await world.pool.fetchval("SELECT code FROM key_check WHERE account_id = $1", open_key) == "ADDRESSES_UNRESTRICTED"
    empty = await connected(world, ana, label="empty", balance="0")
    assert (await world.account(empty))["status"] == "ready"
    assert await world.pool.fetchval("SELECT code FROM key_check WHERE account_id = $1", empty) == "BALANCE_EMPTY"


async def test_practice_unless_real_money_is_asked_for(world: World, ana: UserId) -> None:
    document = await form(world)
    del document["environment"]
    account_id = await connect(world, ana, document)
    assert (await world.account(AccountId(int(account_id))))["environment"] == "testnet"


async def test_what_cannot_be_connected_is_objected_to(world: World, ana: UserId) -> None:
    first = await form(world)
    assert not isinstance(await connect(world, ana, first), Objection)
    assert await connect(world, ana, await form(world)) is Objection.LABEL_IN_USE
    assert await connect(world, ana, {**first, "label": "again"}) is Objection.KEY_IN_USE
    await keeper(world).run_once()
    assert await connect(world, ana, {**first, "label": "again"}) is Objection.KEY_IN_USE
    assert await connect(world, ana, {**await form(world), "label": "b", "follows": ["nobody"]}) is Objection.SOURCE_UNKNOWN
    for number in range(LIMIT - 1):
        assert not isinstance(await connect(world, ana, await form(world, label=f"more {number}")), Objection)
    assert await connect(world, ana, await form(world, label="one too many")) is Objection.LIMIT_REACHED


async def test_nobody_hands_a_key_to_no_engine(world: World) -> None:
    user_id = UserId(await world.pool.fetchval("INSERT INTO app_user (name) VALUES ('bea') RETURNING user_id"))
    assert await connect(world, user_id, await form(world)) is Objection.ENGINE_AWAY
    assert await world.pool.fetchval("SELECT count(*) FROM key_box") == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"api_secret": f"{CANARY}\n\t{CANARY}"},
        {"api_key": f"{CANARY} with a space"},
        {"venue": CANARY},
        {"environment": CANARY},
        {"passphrase": CANARY},
        {"label": f"{CANARY}\x00"},
        {"follows": f"{CANARY}!"},
        {"venue": "ccxt:okx", "passphrase": f"{CANARY}\n"},
    ],
)
def test_no_problem_repeats_what_was_sent(fields: dict[str, str]) -> None:
    sent = {"label": "a", "venue": "bybit", "api_key": f"key-{CANARY}", "api_secret": f"secret-{CANARY}"}
    problems = onboarding.read_account({**sent, **fields})
    assert isinstance(problems, list)
    assert CANARY not in str(problems)


def test_a_passphrase_is_taken_where_venues_ask_for_one() -> None:
    sent = {"label": "a", "venue": "ccxt:okx", "api_key": "a-key-of-okx", "api_secret": "its-secret", "passphrase": "its phrase"}
    wish = onboarding.read_account(sent)
    assert isinstance(wish, AccountWish)
    assert wish.key.passphrase == "its phrase"
    for shown in (repr(wish), str(wish)):
        assert "secret" not in shown.replace("api_secret", "")
        assert "phrase" not in shown.replace("passphrase", "")


async def test_a_passphrase_reaches_the_credential(world: World, ana: UserId) -> None:
    sent = {"label": "a", "venue": "ccxt:okx", "api_key": "a-key-of-okx", "api_secret": "its-secret", "passphrase": "its phrase"}
    account_id = await connect(world, ana, sent)
    await keeper(world).run_once()
    credential = (await world.keyring.credentials([AccountId(int(account_id))]))[AccountId(int(account_id))]
    assert credential.passphrase == "its phrase"
    assert "phrase" not in repr(credential)


async def test_another_key_takes_over_and_the_old_one_works_until_then(world: World, ana: UserId) -> None:
    account_id = await connected(world, ana)
    before = await world.account(account_id)
    other = await form(world)
    key = KeyWish(other["api_key"], other["api_secret"])
    async with world.pool.acquire() as connection, connection.transaction():
        assert await onboarding.replace_key(connection, world.safe.vault, ana, account_id, key) is None
    waiting = await world.account(account_id)
    assert (waiting["status"], waiting["api_secret_sealed"]) == ("ready", before["api_secret_sealed"])

    await keeper(world).run_once()
    assert (await world.account(account_id))["status"] == "connecting"
    await world.keyring.refresh()
    await connector(world).run_once()
    assert (await world.account(account_id))["status"] == "ready"
    assert (await world.keyring.credentials([account_id]))[account_id].api_key == other["api_key"]


async def test_a_box_that_was_moved_to_another_account_does_not_open(world: World, ana: UserId) -> None:
    bea = UserId(await world.pool.fetchval("INSERT INTO app_user (name) VALUES ('bea') RETURNING user_id"))
    hers = await connect(world, ana, await form(world))
    his = await connect(world, bea, await form(world))
    await world.pool.execute(
        "UPDATE key_box b SET sealed = o.sealed FROM key_box o WHERE b.account_id = $1 AND o.account_id = $2", int(his), int(hers)
    )
    assert await keeper(world).run_once() == 1
    account = await world.account(AccountId(int(his)))
    assert (account["status"], account["status_code"], account["api_secret_sealed"]) == ("quarantined", "KEY_UNREADABLE", b"")
    assert await world.pool.fetchval("SELECT count(*) FROM key_box") == 0


async def test_whoever_holds_no_key_encryption_key_opens_no_box(world: World, ana: UserId) -> None:
    account_id = await connect(world, ana, await form(world))
    for kek in (NoKek(), Kek(lambda: [bytes(32)])):
        blind = Safe(world.safe.vault, kek)
        assert await keeper(world, blind).run_once() == 0
        assert await world.pool.fetchval("SELECT count(*) FROM key_box") == 1, "it waits for an engine that can"
    await keeper(world).run_once()
    for kek in (NoKek(), Kek(lambda: [bytes(32)])):
        keyring = Keyring(world.pool, Safe(world.safe.vault, kek))
        assert await keyring.credentials([AccountId(int(account_id))]) == {}
        assert keyring.unreadable == 1


async def test_a_disconnected_account_keeps_its_books_and_loses_its_key(world: World, ana: UserId) -> None:
    document = await form(world)
    account_id = AccountId(int(await connect(world, ana, document)))
    await keeper(world).run_once()
    await connector(world).run_once()
    await world.keyring.credentials([account_id])
    await world.pool.execute(
        """INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at)
           VALUES ($1, 'BTCUSDT', 'long', $2, 'protected', 1, 100, 98, now())""",
        account_id,
        ana,
    )
    async with world.pool.acquire() as connection, connection.transaction():
        assert await onboarding.disconnect(connection, ana, account_id, force=False) is Objection.BUSY
    assert (await world.account(account_id))["status"] == "ready"
    async with world.pool.acquire() as connection, connection.transaction():
        left = await onboarding.disconnect(connection, ana, account_id, force=True)
    assert not isinstance(left, Objection)
    assert (left.protected_positions, left.unprotected_positions) == (1, 0)
    account = await world.account(account_id)
    assert (account["api_key_sealed"], account["api_secret_sealed"], account["status_code"]) == (b"", b"", "DISCONNECTED")
    assert account["disconnected_at"] is not None
    assert await world.pool.fetchval("SELECT count(*) FROM follow") == 0
    assert await world.pool.fetchval("SELECT count(*) FROM position") == 1
    await world.keyring.refresh()
    assert await world.keyring.credentials([account_id]) == {}

    async with world.pool.acquire() as connection, connection.transaction():
        assert await onboarding.ask_test(connection, ana, account_id) is Objection.DISCONNECTED
    other = await form(world)
    async with world.pool.acquire() as connection, connection.transaction():
        key = KeyWish(other["api_key"], other["api_secret"])
        assert await onboarding.replace_key(connection, world.safe.vault, ana, account_id, key) is Objection.DISCONNECTED
    assert await connect(world, ana, {**document, "environment": "mainnet"}) is Objection.LABEL_IN_USE
    assert await connect(world, ana, document) == account_id, "its key is free again, and its label its own"
    await keeper(world).run_once()
    await connector(world).run_once()
    account = await world.account(account_id)
    assert (account["status"], account["disconnected_at"]) == ("ready", None)
    assert await world.pool.fetchval("SELECT count(*) FROM follow") == 1


async def test_nothing_of_a_key_is_in_the_database_in_clear(world: World, ana: UserId) -> None:
    document = await form(world)
    account_id = await connect(world, ana, document)
    for _ in range(2):  # in its box, and under its data key
        dump = await _dump(world)
        assert str(int(account_id)) in dump
        for secret in (document["api_key"], document["api_secret"]):
            assert secret not in dump
            assert secret.encode().hex() not in dump
        await keeper(world).run_once()


async def _dump(world: World) -> str:
    """Return every row of every table as text; bytes as hexadecimal digits."""
    tables = await world.pool.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    rows = [await world.pool.fetch(f"SELECT to_jsonb(t) AS row FROM {table['relname']} t") for table in tables]
    return "\n".join(json.dumps(row["row"]) for each in rows for row in each)


async def test_an_account_follows_exactly_what_is_named(world: World, ana: UserId) -> None:
    account_id = await connected(world, ana)

    async def follow(names: set[str], user_id: UserId = ana) -> bool | Objection:
        async with world.pool.acquire() as connection, connection.transaction():
            return await onboarding.follow_sources(connection, user_id, account_id, frozenset(names))

    async def followed() -> int:
        number: int = await world.pool.fetchval("SELECT count(*) FROM follow WHERE account_id = $1", account_id)
        return number

    assert await follow({SOURCE}) is False, "it does already"
    assert await follow(set()) is True
    assert await followed() == 0
    assert await follow({SOURCE, "nobody-sends-by-this"}) is Objection.SOURCE_UNKNOWN
    stranger = UserId(await world.pool.fetchval("INSERT INTO app_user (name) VALUES ('rui') RETURNING user_id"))
    assert await follow({SOURCE}, stranger) is Objection.NOT_FOUND
    assert await followed() == 0
    assert await follow({SOURCE}) is True
    async with world.pool.acquire() as connection, connection.transaction():
        await onboarding.disconnect(connection, ana, account_id, force=False)
    assert await follow({SOURCE}) is Objection.DISCONNECTED


def test_sources_are_read_by_the_rules_of_accounts() -> None:
    assert onboarding.read_follows({"follows": ["room", "club"]}) == {"room", "club"}
    assert onboarding.read_follows({"follows": []}) == frozenset()
    for wrong in ({}, {"follows": ["Not a name"]}, {"follows": 7}, {"follows": [], "label": "x"}):
        assert isinstance(onboarding.read_follows(wrong), list), wrong

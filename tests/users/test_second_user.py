"""A second user sees nothing of the first, at every address there is: one that is not tried here fails the test."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.live.reader import reading

from marketbot.api.admission import SCOPE
from marketbot.api.app import create_app
from marketbot.api.database import Database
from marketbot.api.user_door import UserDoor
from marketbot.domain.gcra import Rate
from marketbot.domain.ids import UserId
from marketbot.domain.limits import Limit, LimitName
from marketbot.domain.live import EVERYTHING, names
from marketbot.domain.scope import OPERATOR_SCOPES, USER_SCOPES, Scope
from marketbot.settings import Settings
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.pool import open_pool
from marketbot.store.switches import CONTROL_CHANNEL

from .crowd import settle_crowd
from .faces import Faces, faces_of

OPEN = {("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/v1/openapi.json")}
BY_SOURCE = {("POST", "/v1/webhook/{source:str}"), ("POST", "/v1/webhook/{source:str}/{secret:str}")}
"""Behind a source's own secret."""
BY_PASSWORD_OR_LINK = {
    ("POST", "/v1/session"),
    ("POST", "/v1/setup"),
    ("POST", "/v1/invitations/look"),
    ("POST", "/v1/invitations/accept"),
    ("POST", "/v1/sign-up"),
    ("POST", "/v1/password/forgot"),
    ("POST", "/v1/password/reset"),
    ("POST", "/v1/erasure/keep"),
    ("POST", "/v1/session/passkey/begin"),
    ("POST", "/v1/session/passkey"),
}
"""How people who are not logged in come in; tests/people holds them."""
OF_PERSONS = {
    ("GET", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("POST", "/v1/session/second-factor"),
    ("PATCH", "/v1/session/profile"),
    ("POST", "/v1/session/password"),
    ("POST", "/v1/session/totp"),
    ("DELETE", "/v1/session/totp"),
    ("POST", "/v1/session/totp/confirm"),
    ("POST", "/v1/session/recovery-codes"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions"),
    ("DELETE", "/v1/sessions/{session_id:int}"),
    ("POST", "/v1/me/export"),
    ("GET", "/v1/me/erasure"),
    ("POST", "/v1/me/erasure"),
    ("DELETE", "/v1/me/erasure"),
    ("GET", "/v1/passkeys"),
    ("POST", "/v1/passkeys/begin"),
    ("POST", "/v1/passkeys"),
    ("PATCH", "/v1/passkeys/{passkey_id:int}"),
    ("DELETE", "/v1/passkeys/{passkey_id:int}"),
}
"""About whoever is logged in; tests/people/test_second_person.py tries each."""


def routes_of(app: Litestar) -> dict[tuple[str, str], Scope | None]:
    """Return every address and method with the scope it demands."""
    found: dict[tuple[str, str], Scope | None] = {}
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            if handler.fn.__module__.startswith("marketbot.web"):
                continue  # pages: tests/web tries every one of them
            for method in handler.http_methods - {"OPTIONS"}:
                found[str(method), route.path_format if ":" in route.path_format else route.path] = handler.opt.get(SCOPE)
    return found


@pytest.fixture
def routes(tmp_path: Path) -> dict[tuple[str, str], Scope | None]:
    async def away() -> Any:
        raise OSError

    return routes_of(create_app(Database(open_pool=away), Settings(data_dir=tmp_path)))


async def own_pages(faces: Faces, path: str, noun: str, user_of: Callable[[Any], int]) -> None:
    """Both users see rows, each their own, and together all there are."""
    seen = {}
    for user_id, token in ((1, faces.ana), (2, faces.rui)):
        rows = await faces.pages(path, noun, token, 4)
        assert rows
        assert {user_of(row) for row in rows} == {user_id}
        seen[user_id] = len(rows)
    assert seen[1] == seen[2]


def owner_by_account(row: Any) -> int:
    """Account n of the crowd, whose number counts from 1, belongs to user 1 + (n - 1) % 2."""
    return int(1 + (row["account_id"] - 1) % 2)


async def me(faces: Faces) -> None:
    for user_id, token in ((1, faces.ana), (2, faces.rui)):
        answer = (await faces.get("/v1/me", token)).json
        assert answer["user"]["user_id"] == user_id
        assert answer["user"]["accounts"] == {"ready": 3}
        keys = {(each["scope"], each["key"]) for each in answer["user"]["stopped"]}
        assert ("user", str(user_id)) in keys
        assert {int(key) % 2 for scope, key in keys if scope == "account"} == {user_id % 2}


async def accounts(faces: Faces) -> None:
    await own_pages(faces, "/v1/accounts", "accounts", lambda row: int(row["user_id"]))


async def one_account(faces: Faces) -> None:
    assert (await faces.get("/v1/accounts/1", faces.ana)).json["account"]["user_id"] == 1
    stolen = await faces.get("/v1/accounts/1", faces.rui)
    absent = await faces.get("/v1/accounts/999", faces.rui)
    assert (stolen.status, stolen.body) == (absent.status, absent.body)
    assert stolen.status == 404


async def settings(faces: Faces) -> None:
    before = await faces.store.fetchrow("SELECT paused, changed_at FROM account WHERE account_id = 1")
    stolen = await faces.ask("PATCH", "/v1/accounts/1/settings", faces.rui, {"paused": True})
    absent = await faces.ask("PATCH", "/v1/accounts/999/settings", faces.rui, {"paused": True})
    assert (stolen.status, stolen.body) == (absent.status, absent.body)
    assert stolen.status == 404
    assert await faces.store.fetchrow("SELECT paused, changed_at FROM account WHERE account_id = 1") == before


async def signals(faces: Faces) -> None:
    await own_pages(faces, "/v1/signals", "signals", owner_by_account)


async def orders(faces: Faces) -> None:
    await own_pages(faces, "/v1/orders", "orders", owner_by_account)


async def positions(faces: Faces) -> None:
    await own_pages(faces, "/v1/positions?closed=true", "positions", owner_by_account)


async def results(faces: Faces) -> None:
    await own_pages(faces, "/v1/results", "results", owner_by_account)


async def result_days(faces: Faces) -> None:
    """Each is told of what their own three accounts gained, four times 1.25 each."""
    for token in (faces.ana, faces.rui):
        (equity,) = (await faces.get("/v1/results/days", token)).json["equity"]
        assert (equity["environment"], equity["before"], equity["days"][-1]["total"]) == ("mainnet", "0", "15")
        assert sum(day["closed"] for day in equity["days"]) == 12


async def position_prices(faces: Faces) -> None:
    """Prices are everybody's, the position is not: of another's not even its being there is told."""
    await faces.store.execute(
        "INSERT INTO price_bar SELECT 'bybit', 'mainnet', 'BTCUSDT', date_trunc('minute', now()), 100, 102, 99, 101 ON CONFLICT DO NOTHING"
    )
    hers = await faces.get("/v1/positions/1/BTCUSDT/long/prices", faces.ana)
    assert (hers.status, hers.json["position"]["account_id"]) == (200, 1)
    assert [each["close"] for each in hers.json["prices"]] == ["101"]
    for path in (
        "/v1/positions/{}/BTCUSDT/long/prices",
        "/v1/positions/{}/BTCUSDT/short/prices",
        "/v1/positions/{}/XRPUSDT/long/prices",
    ):
        stolen = await faces.get(path.format(1), faces.rui)
        absent = await faces.get(path.format(999), faces.rui)
        assert (stolen.status, stolen.body) == (absent.status, absent.body)
        assert stolen.status == 404


async def own_tokens(faces: Faces) -> None:
    await own_pages(faces, "/v1/tokens", "tokens", lambda row: int(row["user_id"]))


async def new_token(faces: Faces) -> None:
    wish = {"name": "x", "scopes": ["orders:read"]}
    assert (await faces.ask("POST", "/v1/tokens", faces.rui, wish | {"user_id": 1})).status == 422
    made = await faces.ask("POST", "/v1/tokens", faces.rui, wish)
    assert (made.status, made.json["user_id"]) == (201, 2)


async def revoked_token(faces: Faces) -> None:
    hers = (await faces.get("/v1/tokens", faces.ana)).json["tokens"][0]["token_id"]
    stolen = await faces.ask("DELETE", f"/v1/tokens/{hers}", faces.rui)
    absent = await faces.ask("DELETE", "/v1/tokens/999", faces.rui)
    assert (stolen.status, stolen.body) == (absent.status, absent.body)
    assert stolen.status == 404
    assert (await faces.get("/v1/me", faces.ana)).status == 200


async def events(faces: Faces) -> None:
    """What is said for one user is heard by that user alone; tests/live holds the rest of it against two instances."""
    async with reading(faces.api.port, faces.ana) as hers, reading(faces.api.port, faces.rui) as his:
        await hers.reset()
        await his.reset()
        heard: list[set[object]] = [set(), set()]
        saying = asyncio.create_task(_say_again_and_again(faces))
        try:
            for stream, kinds in zip((hers, his), heard, strict=True):
                while "accounts" not in kinds:
                    message = await stream.next()
                    assert message is not None
                    # Whoever begins to listen tells everybody to look at everything.
                    if message.changed != names(EVERYTHING):
                        kinds.update(message.changed)
        finally:
            saying.cancel()
        assert heard[0] == {"accounts"}
        assert heard[1] <= {"accounts", "controls"}


async def _say_again_and_again(faces: Faces) -> None:
    """For the API may not listen yet."""
    while True:
        for channel, user_id in ((CONTROL_CHANNEL, 2), (ACCOUNT_CHANNEL, 2), (ACCOUNT_CHANNEL, 1)):
            await faces.store.execute("SELECT pg_notify($1, $2)", channel, str(user_id))
        await asyncio.sleep(0.02)


async def notices(faces: Faces) -> None:
    """Each has an address of their own, and the other neither sees it nor can take it away."""
    for token, host in ((faces.ana, "ana.example"), (faces.rui, "rui.example")):
        made = await faces.ask("PUT", "/v1/notices", token, {"url": f"https://{host}/a/secret/path"})
        assert (made.status, made.json["hook"]["host"]) == (200, host)
        assert b"secret/path" not in made.body
    assert (await faces.get("/v1/notices", faces.ana)).json["hook"]["host"] == "ana.example"
    assert (await faces.ask("DELETE", "/v1/notices", faces.rui)).status == 200
    assert (await faces.ask("DELETE", "/v1/notices", faces.rui)).status == 404
    assert (await faces.get("/v1/notices", faces.rui)).json["hook"] is None
    assert (await faces.get("/v1/notices", faces.ana)).json["hook"]["host"] == "ana.example"


async def closed_account(faces: Faces) -> None:
    """Another's account is no account, and nothing is closed."""
    stolen = await faces.ask("POST", "/v1/accounts/1/close", faces.rui)
    absent = await faces.ask("POST", "/v1/accounts/999/close", faces.rui)
    assert (stolen.status, stolen.body) == (absent.status, absent.body)
    assert stolen.status == 404
    before = await faces.store.fetchval("SELECT count(*) FROM control_command")
    hers = await faces.ask("POST", "/v1/accounts/1/close", faces.ana)
    assert (hers.status, hers.json["accounts"], hers.json["open_positions"]) == (202, 1, 2)
    assert await faces.store.fetchval("SELECT count(*) FROM control_command") == before + 1


async def closed_positions(faces: Faces) -> None:
    """What is closed without an account is one's own; with another's account it is nothing."""
    assert (await faces.ask("POST", "/v1/positions/close", faces.rui, {"account_id": 1})).status == 404
    his = await faces.ask("POST", "/v1/positions/close", faces.rui, {"symbol": "ETHUSDT"})
    assert (his.status, his.json["accounts"], his.json["open_positions"], his.json["signals"]) == (202, 3, 3, 1)
    command = await faces.store.fetchrow("SELECT * FROM control_command ORDER BY command_id DESC LIMIT 1")
    assert (command["scope"], command["key"], command["user_id"]) == ("user", "2", 2)


async def shown_close(faces: Faces) -> None:
    made = await faces.ask("POST", "/v1/positions/close", faces.ana, {})
    path = f"/v1/closes/{made.json['command_id']}"
    hers = await faces.get(path, faces.ana)
    assert (hers.status, hers.json["progress"]["signals"], hers.json["progress"]["done"]) == (200, 2, False)
    stolen, absent = await faces.get(path, faces.rui), await faces.get("/v1/closes/999", faces.rui)
    assert (stolen.status, stolen.body) == (absent.status, absent.body)
    assert stolen.status == 404
    # An operator's close is no user's to look at, even of their own account.
    theirs = await faces.ask("POST", "/v1/operator/controls/close", faces.root, {"scope": "user", "key": "1"})
    assert (await faces.get(f"/v1/closes/{theirs.json['command_id']}", faces.ana)).status == 404


async def paused(faces: Faces) -> None:
    await faces.store.execute("UPDATE account SET paused = false")
    accounts = await faces.store.fetchval("SELECT count(*) FROM account WHERE user_id = 2")
    his = await faces.ask("POST", "/v1/me/pause", faces.rui, {"paused": True})
    assert (his.status, his.json) == (200, {"paused": True, "accounts": accounts})
    rows = await faces.store.fetch("SELECT DISTINCT user_id, paused FROM account ORDER BY 1")
    assert [tuple(row) for row in rows] == [(1, False), (2, True)]


async def new_account(faces: Faces) -> None:
    """It is one's own whatever the body says, and neither the other's key nor their label is in the way of anything but the key."""
    for token, user_id in ((faces.ana, 1), (faces.rui, 2)):
        wish = {"label": "made here", "venue": "bybit", "api_key": f"key-of-user-{user_id}", "api_secret": "a-secret-key"}
        assert (await faces.ask("POST", "/v1/accounts", token, {**wish, "user_id": 1})).status == 422
        made = await faces.ask("POST", "/v1/accounts", token, wish)
        assert (made.status, made.json["account"]["user_id"]) == (202, user_id)
    taken = {"label": "taken", "venue": "bybit", "api_key": "key-of-user-1", "api_secret": "a-secret-key"}
    assert (await faces.ask("POST", "/v1/accounts", faces.rui, taken)).json["reason"] == "KEY_IN_USE"


async def new_key(faces: Faces) -> None:
    await _nobody_elses(faces, "PUT", "/v1/accounts/{}/key", {"api_key": "key-of-rui-1", "api_secret": "a-secret-key"})


async def follows(faces: Faces) -> None:
    async def hers() -> list[Any]:
        return await faces.store.fetch("SELECT * FROM follow WHERE account_id = 1 ORDER BY 1")

    before = await hers()
    name = await faces.store.fetchval("SELECT name FROM source WHERE NOT internal ORDER BY source_id LIMIT 1")
    for document in ({"follows": []}, {"follows": [name]}):
        stolen = await faces.ask("PUT", "/v1/accounts/1/follows", faces.rui, document)
        assert (stolen.status, stolen.body) == (
            404,
            (await faces.ask("PUT", "/v1/accounts/999/follows", faces.rui, document)).body,
        )
        assert await hers() == before
    for wanted in ([], [name]):
        changed = await faces.ask("PUT", "/v1/accounts/1/follows", faces.ana, {"follows": wanted})
        assert (changed.status, changed.json["account"]["follows"]) == (200, wanted)


async def sources(faces: Faces) -> None:
    """What is offered is the same for everybody, by name alone."""
    hers, his = await faces.get("/v1/sources", faces.ana), await faces.get("/v1/sources", faces.rui)
    assert hers.json == his.json
    assert hers.json.keys() == {"sources"}
    assert hers.json["sources"]


async def account_test(faces: Faces) -> None:
    await _nobody_elses(faces, "POST", "/v1/accounts/{}/test", None)


async def gone_account(faces: Faces) -> None:
    await _nobody_elses(faces, "DELETE", "/v1/accounts/{}?force=true", None)


async def _nobody_elses(faces: Faces, method: str, path: str, document: object) -> None:
    async def rows() -> list[Any]:
        questions = ("SELECT * FROM account WHERE account_id = 1", "SELECT * FROM key_box", "SELECT * FROM key_check")
        return [await faces.store.fetch(question) for question in questions]

    before = await rows()
    stolen = await faces.ask(method, path.format(1), faces.rui, document)
    absent = await faces.ask(method, path.format(999), faces.rui, document)
    assert (stolen.status, stolen.body) == (absent.status, absent.body)
    assert stolen.status == 404
    assert await rows() == before
    assert (await faces.ask(method, path.format(1), faces.ana, document)).status in (200, 202)


async def egress(faces: Faces) -> None:
    for user_id, token in ((1, faces.ana), (2, faces.rui)):
        named = {each["account_id"] for each in (await faces.get("/v1/egress", token)).json["accounts"]}
        own = {row["account_id"] for row in await faces.store.fetch("SELECT account_id FROM account WHERE user_id = $1", user_id)}
        assert named
        assert named <= own


async def venues(faces: Faces) -> None:
    """The same for everybody."""
    assert (await faces.get("/v1/venues", faces.ana)).json == (await faces.get("/v1/venues", faces.rui)).json


async def channels(faces: Faces) -> None:
    """What rui asks of ana's channel is answered like what he asks of none, and changes nothing."""
    made = await faces.ask("POST", "/v1/channels", faces.ana, {"kind": "webhook", "url": "https://ana.example/a/secret/path"})
    hers = made.json["channel"]["channel_id"]
    assert (made.status, made.json["channel"]["name"]) == (201, "ana.example")
    assert (await faces.get("/v1/channels", faces.rui)).json["channels"] == []
    before = await faces.store.fetch("SELECT * FROM notice_channel")
    for method, path, document in (
        ("PATCH", "", {"language": "en"}),
        ("POST", "/test", None),
        ("POST", "/code", None),
        ("POST", "/confirm", {"code": "ABCDEFGHJK"}),
        ("DELETE", "", None),
    ):
        stolen = await faces.ask(method, f"/v1/channels/{hers}{path}", faces.rui, document)
        absent = await faces.ask(method, f"/v1/channels/999{path}", faces.rui, document)
        assert (stolen.status, stolen.body) == (absent.status, absent.body)
        assert stolen.status == 404
    assert await faces.store.fetch("SELECT * FROM notice_channel") == before
    assert await faces.store.fetchval("SELECT count(*) FROM notice_item") == 0
    assert [row["channel_id"] for row in (await faces.get("/v1/channels", faces.ana)).json["channels"]] == [hers]


TRIED: dict[tuple[str, str], Callable[[Faces], Awaitable[None]]] = {
    ("GET", "/v1/me"): me,
    ("GET", "/v1/accounts"): accounts,
    ("GET", "/v1/accounts/{account_id:int}"): one_account,
    ("PATCH", "/v1/accounts/{account_id:int}/settings"): settings,
    ("GET", "/v1/signals"): signals,
    ("GET", "/v1/orders"): orders,
    ("GET", "/v1/positions"): positions,
    ("GET", "/v1/results"): results,
    ("GET", "/v1/results/days"): result_days,
    ("GET", "/v1/positions/{account_id:int}/{symbol:str}/{side:str}/prices"): position_prices,
    ("GET", "/v1/tokens"): own_tokens,
    ("GET", "/v1/events"): events,
    ("POST", "/v1/tokens"): new_token,
    ("DELETE", "/v1/tokens/{token_id:int}"): revoked_token,
    ("POST", "/v1/accounts"): new_account,
    ("PUT", "/v1/accounts/{account_id:int}/key"): new_key,
    ("POST", "/v1/accounts/{account_id:int}/test"): account_test,
    ("PUT", "/v1/accounts/{account_id:int}/follows"): follows,
    ("GET", "/v1/sources"): sources,
    ("GET", "/v1/egress"): egress,
    ("GET", "/v1/venues"): venues,
    ("DELETE", "/v1/accounts/{account_id:int}"): gone_account,
    ("GET", "/v1/notices"): notices,
    ("PUT", "/v1/notices"): notices,
    ("DELETE", "/v1/notices"): notices,
    ("POST", "/v1/accounts/{account_id:int}/close"): closed_account,
    ("POST", "/v1/positions/close"): closed_positions,
    ("POST", "/v1/me/pause"): paused,
    ("GET", "/v1/closes/{command_id:int}"): shown_close,
    ("GET", "/v1/channels"): channels,
    ("POST", "/v1/channels"): channels,
    ("PATCH", "/v1/channels/{channel_id:int}"): channels,
    ("DELETE", "/v1/channels/{channel_id:int}"): channels,
    ("POST", "/v1/channels/{channel_id:int}/test"): channels,
    ("POST", "/v1/channels/{channel_id:int}/code"): channels,
    ("POST", "/v1/channels/{channel_id:int}/confirm"): channels,
}


def test_every_address_demands_a_scope_or_is_open_on_purpose(routes: dict[tuple[str, str], Scope | None]) -> None:
    assert {address for address, scope in routes.items() if scope is None} == (
        OPEN | BY_SOURCE | BY_PASSWORD_OR_LINK | OF_PERSONS
    )


def test_every_users_address_is_tried_here(routes: dict[tuple[str, str], Scope | None]) -> None:
    assert {address for address, scope in routes.items() if scope in USER_SCOPES} == set(TRIED)


@pytest.mark.parametrize("address", TRIED, ids=" ".join)
async def test_a_second_user_sees_nothing(faces: Faces, address: tuple[str, str]) -> None:
    await TRIED[address](faces)


@pytest.mark.usefixtures("unhurried")
async def test_it_holds_without_the_wall_too(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 3 alone: the statements' own conditions, where row-level security is not to be had."""

    async def none(_connection: Any) -> None:
        return None

    monkeypatch.setattr("marketbot.api.user_door.find_wall", none)
    # All of it within one minute is more than a user may change in it.
    monkeypatch.setattr("marketbot.api.admission.USER_COMMANDS", Limit(LimitName.USER_COMMANDS, Rate.per(1_000, 60)))
    async with faces_of(database, tmp_path) as made:
        for attempt in dict.fromkeys(TRIED.values()):
            await attempt(made)


async def test_a_user_opens_no_operators_address(
    faces: Faces, routes: dict[tuple[str, str], Scope | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One who shows no token at as many addresses as there are is soon asked to wait.
    monkeypatch.setattr("marketbot.api.limits.LOGIN", Limit(LimitName.LOGIN, Rate.per(1_000, 60)))
    for (method, path), scope in routes.items():
        if scope in OPERATOR_SCOPES:
            address = re.sub(r"\{\w+:int\}", "1", path.replace("{user_id:int}", "2"))
            answer = await faces.ask(method, address, faces.ana)
            assert (answer.status, answer.json["reason"]) == (403, "SCOPE_MISSING"), address
            assert (await faces.ask(method, address, None)).status == 401
    assert await faces.store.fetchval("SELECT count(*) FROM app_user WHERE disabled_at IS NOT NULL") == 0


async def test_an_operator_opens_no_users_address(faces: Faces) -> None:
    for method, path in TRIED:
        address = path
        for name in ("account_id", "token_id", "command_id", "channel_id"):
            address = address.replace(f"{{{name}:int}}", "1")
        for token in (faces.operator, faces.root):
            answer = await faces.ask(method, address, token)
            assert (answer.status, answer.json["reason"]) == (403, "SCOPE_MISSING"), address


async def test_a_pooled_connection_keeps_neither_role_nor_user(database: str, tmp_path: Path) -> None:
    async with faces_of(database, tmp_path, api_pool_size=1) as made:
        for address in ("/v1/me", "/v1/accounts", "/v1/signals?after=nonsense", "/v1/accounts/999"):
            await made.get(address, made.ana)
            # The same connection serves an operator, whose list is everybody's.
            everybody = (await made.get("/v1/operator/accounts", made.root)).json["accounts"]
            assert {row["user_id"] for row in everybody} == {1, 2}
        await made.ask("PATCH", "/v1/accounts/1/settings", made.ana, {"leverage": "7"})
        await made.ask("PATCH", "/v1/accounts/1/settings", made.ana, {"leverage": "77"})
        assert {row["user_id"] for row in (await made.get("/v1/accounts", made.rui)).json["accounts"]} == {2}
        sessions = await made.store.fetch(
            "SELECT state FROM pg_stat_activity WHERE application_name = 'marketbot api' AND datname = current_database()"
        )
        assert [row["state"] for row in sessions] == ["idle"]


async def test_a_failed_session_leaves_a_clean_connection(database: str, tmp_path: Path) -> None:
    pool = await open_pool(database, name="test", size=1)
    try:
        async with pool.acquire() as connection:
            await settle_crowd(connection)
            login = await connection.fetchval("SELECT current_user")
        door = UserDoor(Database(pool))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await door.read(UserId(1), lambda connection: connection.fetch("SELECT api_key_sealed FROM account"))
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with door.writing(UserId(1)) as connection:
                await connection.execute("UPDATE account SET paused = true; SELECT 1 / 0")
        assert (await door.read(UserId(1), lambda connection: connection.fetchval("SELECT current_user")))[0] != login
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT current_user") == login
            assert await connection.fetchval("SELECT nullif(current_setting('marketbot.user_id', true), '')") is None
            assert await connection.fetchval("SELECT count(*) FROM account WHERE paused") == 0
            assert not connection.is_in_transaction()
    finally:
        await pool.close()

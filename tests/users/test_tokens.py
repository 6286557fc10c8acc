"""Tokens: made, shown once, limited, expired, revoked, and never written down."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from marketbot.accounts.api_token import looks_like_token, make_token, token_digest
from marketbot.api import identity
from marketbot.api.database import Database
from marketbot.api.identity import TOKEN_AGE_S, Caller, TokenRegister
from marketbot.api.problems import ApiReason
from marketbot.domain.ids import UserId
from marketbot.domain.scope import OPERATOR_SCOPES, OPERATOR_TOKEN_SCOPES, USER_SCOPES, Scope, read_scopes
from marketbot.observability.logs import REDACTION
from marketbot.store.pool import DirectConnection, Pool, open_pool
from marketbot.store.tokens import LIVE_TOKENS_MAX, USED_GRAIN_S

from .crowd import give_token
from .faces import Faces

OWN = token_digest("the installation's own token")


@dataclass
class HandClock:
    """Time that moves when it is told to."""

    at: float = 1_000.0
    start: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(seconds=1_000))

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@asynccontextmanager
async def register_of(dsn: str) -> AsyncIterator[tuple[TokenRegister, HandClock, Pool]]:
    pool = await open_pool(dsn, name="test", size=2)
    clock = HandClock()
    try:
        yield TokenRegister(Database(pool), clock, OWN), clock, pool
    finally:
        await pool.close()


async def test_a_token_is_known_by_its_digest_alone(owner: DirectConnection, database: str) -> None:
    token = await give_token(owner, 2, frozenset({Scope.ORDERS_READ}))
    assert looks_like_token(token.text)
    assert len(token.text) == 47
    row = await owner.fetchrow("SELECT * FROM api_token WHERE sha256 = $1", hashlib.sha256(token.text.encode()).digest())
    assert row is not None
    assert token.text not in str(dict(row))
    assert token.text.startswith(row["prefix"])
    async with register_of(database) as (register, _, _pool):
        assert await register.identify(f"Bearer {token.text}") == Caller(row["token_id"], 2, frozenset({Scope.ORDERS_READ}))
        assert await register.identify(f"bearer  {token.text} ") != ApiReason.TOKEN_INVALID
        other = make_token(operator=False).text
        for wrong in (
            "",
            "Bearer",
            "Bearer ",
            f"Basic {token.text}",
            token.text,
            f"Bearer {other}",
            "Bearer \ud800",
            "Bearer " + "x" * 9000,
        ):
            assert await register.identify(wrong) is ApiReason.TOKEN_INVALID
        assert await register.identify("Bearer the installation's own token") == Caller(None, None, OPERATOR_SCOPES)


async def test_a_revocation_elsewhere_holds_after_the_age_and_one_here_at_once(owner: DirectConnection, database: str) -> None:
    token = await give_token(owner, 1)
    async with register_of(database) as (register, clock, _pool):
        caller = await register.identify(f"Bearer {token.text}")
        assert isinstance(caller, Caller)
        await owner.execute("UPDATE api_token SET revoked_at = now() WHERE token_id = $1", caller.token_id)
        clock.at += TOKEN_AGE_S - 0.001
        assert await register.identify(f"Bearer {token.text}") == caller
        clock.at += 0.001
        assert await register.identify(f"Bearer {token.text}") is ApiReason.TOKEN_INVALID
        await owner.execute("UPDATE api_token SET revoked_at = NULL WHERE token_id = $1", caller.token_id)
        clock.at += TOKEN_AGE_S
        assert await register.identify(f"Bearer {token.text}") == caller
        await owner.execute("UPDATE api_token SET revoked_at = now() WHERE token_id = $1", caller.token_id)
        register.forget_token(caller.token_id or 0)
        assert await register.identify(f"Bearer {token.text}") is ApiReason.TOKEN_INVALID


async def test_a_token_ends_at_its_time_remembered_or_not(owner: DirectConnection, database: str) -> None:
    async with register_of(database) as (register, clock, _pool):
        token = await give_token(owner, 1, expires_at=clock.now() + timedelta(hours=1))
        assert isinstance(await register.identify(f"Bearer {token.text}"), Caller)
        clock.at += 3_600
        assert await register.identify(f"Bearer {token.text}") is ApiReason.TOKEN_INVALID
        await owner.execute("UPDATE api_token SET created_at = now() - interval '2 h', expires_at = now() - interval '1 s'")
        # By the store's clock as well, where ours is behind.
        clock.at = 1_000
        register.forget_user(UserId(1))
        assert await register.identify(f"Bearer {token.text}") is ApiReason.TOKEN_INVALID


async def test_what_is_remembered_is_bounded(owner: DirectConnection, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MAX_REMEMBERED", 3)
    async with register_of(database) as (register, _, _pool):
        for _ in range(7):
            await register.identify(f"Bearer {make_token(operator=False).text}")
        assert repr(register) == "<TokenRegister 3 of 3 remembered>"


async def test_use_is_noted_coarsely(owner: DirectConnection, database: str) -> None:
    token = await give_token(owner, 1)
    async with register_of(database) as (register, clock, _pool):
        noted = []
        for age_s in (None, USED_GRAIN_S - 60, USED_GRAIN_S + 60):
            if age_s is not None:
                await owner.execute("UPDATE api_token SET last_used_at = now() - make_interval(secs => $1)", float(age_s))
            before = await owner.fetchval("SELECT last_used_at FROM api_token WHERE sha256 = $1", token.sha256)
            clock.at += TOKEN_AGE_S
            await register.identify(f"Bearer {token.text}")
            noted.append(await owner.fetchval("SELECT last_used_at FROM api_token WHERE sha256 = $1", token.sha256) != before)
    assert noted == [True, False, True]


@pytest.mark.parametrize("held", sorted(USER_SCOPES))
async def test_a_scope_opens_its_addresses_and_no_others(faces: Faces, held: Scope) -> None:
    token = (await faces.token(1, held)).text
    addresses: list[tuple[str, str, object, Scope]] = [
        ("GET", "/v1/me", None, Scope.ACCOUNTS_READ),
        ("GET", "/v1/accounts", None, Scope.ACCOUNTS_READ),
        ("GET", "/v1/accounts/1", None, Scope.ACCOUNTS_READ),
        ("PATCH", "/v1/accounts/1/settings", {"paused": True}, Scope.SETTINGS_WRITE),
        ("GET", "/v1/signals", None, Scope.ORDERS_READ),
        ("GET", "/v1/orders", None, Scope.ORDERS_READ),
        ("GET", "/v1/positions", None, Scope.ORDERS_READ),
        ("GET", "/v1/results", None, Scope.ORDERS_READ),
        ("GET", "/v1/tokens", None, Scope.ACCOUNTS_READ),
        ("POST", "/v1/tokens", {"name": "n", "scopes": [held]}, Scope.TOKENS_WRITE),
        ("DELETE", "/v1/tokens/1", None, Scope.TOKENS_WRITE),
    ]
    for method, path, document, needed in addresses:
        answer = await faces.ask(method, path, token, document)
        if needed is held:
            assert answer.status in (200, 201), (method, path, answer.json)
        else:
            assert (answer.status, answer.json["detail"]) == (403, f"it needs {needed}")


async def test_a_reading_operator_changes_nothing(faces: Faces) -> None:
    reading = (await faces.token(None, Scope.OPERATOR_READ)).text
    assert (await faces.get("/v1/operator/users", reading)).status == 200
    assert (await faces.get("/metrics", reading)).status == 200
    for method, path in (("POST", "/v1/operator/users"), ("PATCH", "/v1/operator/users/1"), ("POST", "/v1/operator/tokens")):
        assert (await faces.ask(method, path, reading, {})).status == 403
    wider = await faces.ask("POST", "/v1/operator/tokens", faces.operator, {"name": "x", "scopes": ["operator:read"]})
    assert wider.json["token"].startswith("mbo_")


async def test_a_token_gives_no_more_than_it_has(faces: Faces) -> None:
    ends = datetime.now(UTC) + timedelta(days=2)
    maker = (await faces.token(1, Scope.TOKENS_WRITE, Scope.ORDERS_READ, expires_at=ends)).text
    good = {"name": "phone", "scopes": ["orders:read"], "expires_at": (ends - timedelta(days=1)).isoformat()}
    made = await faces.ask("POST", "/v1/tokens", maker, good)
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    assert (await faces.get("/v1/orders", made.json["token"])).status == 200
    for wrong in (
        {"scopes": ["settings:write"]},
        {"scopes": ["operator:read"]},
        {"scopes": ["orders:read", "nonsense"]},
        {"scopes": []},
        {"scopes": "orders:read"},
        {"scopes": None},
        {"expires_at": None},
        {"expires_at": (ends + timedelta(seconds=1)).isoformat()},
        {"expires_at": "2000-01-01T00:00:00Z"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "2031-01-01T00:00:00"},
        {"expires_at": "soon"},
        {"expires_at": 7},
        {"name": ""},
        {"name": "x" * 101},
        {"name": None},
        {"name": "a\nb"},
    ):
        answer = await faces.ask("POST", "/v1/tokens", maker, {**good, **wrong})
        assert (answer.status, answer.json["reason"]) == (422, "FIELD_INVALID"), wrong


async def test_an_owner_has_so_many_live_tokens(faces: Faces) -> None:
    wanted = {"name": "n", "scopes": ["orders:read"]}
    live = await faces.store.fetchval("SELECT count(*) FROM api_token WHERE user_id = 1")
    await faces.store.execute(
        "INSERT INTO api_token (user_id, name, scopes, sha256, prefix)"
        " SELECT 1, 'n', '{orders:read}', sha256(n::text::bytea), 'mbu_' FROM generate_series($1 + 1, $2) n",
        live,
        LIVE_TOKENS_MAX - 1,
    )
    last = await faces.ask("POST", "/v1/tokens", faces.ana, wanted)
    assert last.status == 201
    refused = await faces.ask("POST", "/v1/tokens", faces.ana, wanted)
    assert (refused.status, refused.json["reason"]) == (409, "TOKEN_LIMIT_REACHED")
    assert (await faces.ask("DELETE", f"/v1/tokens/{last.json['token_id']}", faces.ana)).json["revoked_at"] is not None
    assert (await faces.get("/v1/me", last.json["token"])).status == 401
    assert (await faces.ask("POST", "/v1/tokens", faces.ana, wanted)).status == 201
    assert (await faces.ask("POST", "/v1/tokens", faces.rui, wanted)).status == 201


async def test_a_disabled_user_is_told_so_and_let_in_again(faces: Faces) -> None:
    assert (await faces.get("/v1/me", faces.ana)).status == 200
    disabled = await faces.ask("PATCH", "/v1/operator/users/1", faces.root, {"enabled": False})
    assert disabled.json["disabled_at"] is not None
    shut_out = await faces.get("/v1/me", faces.ana, accept_language="pt-BR")
    assert (shut_out.status, shut_out.json["reason"]) == (403, "USER_DISABLED")
    assert shut_out.json["title"] == "Este usuário foi desativado pelo operador."
    assert (await faces.get("/v1/me", faces.rui)).status == 200
    again = await faces.ask("PATCH", "/v1/operator/users/1", faces.root, {"enabled": True})
    assert again.json["disabled_at"] is None
    assert (await faces.get("/v1/me", faces.ana)).status == 200


async def test_operators_manage_users_and_tokens(faces: Faces) -> None:
    made = await faces.ask("POST", "/v1/operator/users", faces.operator, {"name": "bia"})
    assert (made.status, made.json["name"], made.json["accounts"]) == (201, "bia", 0)
    assert (await faces.ask("POST", "/v1/operator/users", faces.operator, {"name": "bia"})).status == 409
    assert [row["name"] for row in await faces.pages("/v1/operator/users", "users", faces.root, 2)] == ["user 1", "user 2", "bia"]
    assert len(await faces.pages("/v1/operator/accounts", "accounts", faces.root, 4)) == 6
    wish = {"name": "hers", "scopes": ["accounts:read"], "user_id": made.json["user_id"]}
    token = await faces.ask("POST", "/v1/operator/tokens", faces.operator, wish)
    assert (await faces.get("/v1/me", token.json["token"])).json["user"]["name"] == "bia"
    for wrong in ({"user_id": 0}, {"user_id": "1"}, {"user_id": True}, {"scopes": ["operator:read"]}):
        assert (await faces.ask("POST", "/v1/operator/tokens", faces.operator, {**wish, **wrong})).status == 422
    assert (await faces.ask("POST", "/v1/operator/tokens", faces.operator, {**wish, "user_id": 999})).status == 404
    listed = await faces.pages("/v1/operator/tokens", "tokens", faces.root, 2)
    assert [row["token_id"] for row in listed] == sorted(row["token_id"] for row in listed)
    assert {row["user_id"] for row in listed} == {1, 2, made.json["user_id"], None}
    assert (await faces.ask("DELETE", f"/v1/operator/tokens/{token.json['token_id']}", faces.operator)).status == 200
    assert (await faces.get("/v1/me", token.json["token"])).status == 401
    assert (await faces.ask("DELETE", "/v1/operator/tokens/999", faces.operator)).status == 404
    assert (await faces.ask("PATCH", "/v1/operator/users/999", faces.operator, {"enabled": False})).status == 404
    assert (await faces.ask("PATCH", "/v1/operator/users/1", faces.operator, {"enabled": "no"})).status == 422


async def test_a_token_is_in_no_log_no_repr_and_no_list(faces: Faces, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = await faces.ask("POST", "/v1/tokens", faces.ana, {"name": "n", "scopes": ["accounts:read"]})
    text = made.json["token"]
    listed = (await faces.get("/v1/tokens", text)).body + (await faces.get("/v1/operator/tokens", faces.root)).body
    await faces.get("/v1/orders", text)
    await faces.ask("DELETE", f"/v1/tokens/{made.json['token_id']}", faces.ana)
    secret = text[12:]
    assert secret not in caplog.text
    assert secret not in listed.decode()
    token = make_token(operator=False)
    assert token.text[12:] not in repr(token)
    assert REDACTION.text(f"the request of {token.text} failed") == "the request of mbu_*** failed"


def test_scopes_are_read_strictly() -> None:
    assert read_scopes(["orders:read", "orders:read"], USER_SCOPES) == {Scope.ORDERS_READ}
    for wrong in (None, "orders:read", [], ["operator:read"], ["x"], [1], [None], ["orders:read"] * (len(Scope) + 1)):
        assert read_scopes(wrong, USER_SCOPES) is None


async def test_the_schema_holds_the_same_scopes(owner: DirectConnection) -> None:
    numbers = itertools.count(1)

    async def fits(user_id: int | None, scope: str) -> bool:
        digest = next(numbers).to_bytes(32, "big")
        statement = "INSERT INTO api_token (user_id, name, scopes, sha256, prefix) VALUES ($1, 'n', $2, $3, 'p')"
        try:
            await owner.execute(statement, user_id, [scope], digest)
        except asyncpg.CheckViolationError as error:
            return error.constraint_name != "api_token_scopes"
        return True

    for scope in Scope:
        assert await fits(1, scope) is (scope in USER_SCOPES)
        assert await fits(None, scope) is (scope in OPERATOR_TOKEN_SCOPES)
    assert not await fits(1, "everything")

"""Addresses about whoever is logged in: no token opens them, none touches another person, and what changes something needs our page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar.routes import HTTPRoute
from tests.api.conftest import TOKEN
from tests.users.test_second_user import OF_PERSONS

from marketbot.api.admission import PERSON, READS, Standing
from marketbot.api.app import create_app
from marketbot.api.database import Database
from marketbot.settings import Settings

from .conftest import PASSWORD, Browser, Town

BODIES: dict[tuple[str, str], dict[str, Any] | None] = {
    ("POST", "/v1/session/second-factor"): {"code": "123456"},
    ("PATCH", "/v1/session/profile"): {"name": "Somebody Else"},
    ("POST", "/v1/session/password"): {"present": PASSWORD, "password": "um cavalo atravessa a ponte"},
    ("POST", "/v1/session/totp"): None,
    ("DELETE", "/v1/session/totp"): {"password": PASSWORD, "code": "123456"},
    ("POST", "/v1/session/totp/confirm"): {"code": "123456"},
    ("POST", "/v1/session/recovery-codes"): {"password": PASSWORD, "code": "123456"},
    ("DELETE", "/v1/session"): None,
    ("DELETE", "/v1/sessions"): None,
    ("DELETE", "/v1/sessions/{session_id:int}"): None,
    ("GET", "/v1/session"): None,
    ("GET", "/v1/sessions"): None,
    ("POST", "/v1/me/export"): {"password": PASSWORD},
    ("GET", "/v1/me/erasure"): None,
    ("POST", "/v1/me/erasure"): {"password": PASSWORD},
    ("DELETE", "/v1/me/erasure"): None,
    ("GET", "/v1/passkeys"): None,
    ("POST", "/v1/passkeys/begin"): {"password": PASSWORD},
    ("POST", "/v1/passkeys"): {"name": "x", "credential": {}},
    ("PATCH", "/v1/passkeys/{passkey_id:int}"): {"name": "x"},
    ("DELETE", "/v1/passkeys/{passkey_id:int}"): None,
}
EVERYTHING = """
SELECT p.*, (SELECT count(*) FROM login_session s WHERE s.person_id = p.person_id AND s.revoked_at IS NULL) AS sessions
FROM person p WHERE p.person_id = $1
"""


def persons_routes(data_dir: Path) -> dict[tuple[str, str], Standing]:
    async def away() -> Any:
        raise OSError

    app = create_app(Database(open_pool=away), Settings(data_dir=data_dir))
    found = {}
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            if handler.fn.__module__.startswith("marketbot.web"):
                continue  # pages: tests/web tries every one of them
            for method in handler.http_methods - {"OPTIONS"}:
                if PERSON in handler.opt:
                    found[str(method), route.path_format if ":" in route.path_format else route.path] = handler.opt[PERSON]
    return found


def test_every_such_address_is_tried_here(tmp_path: Path) -> None:
    assert set(persons_routes(tmp_path)) == OF_PERSONS == set(BODIES)


async def test_each_takes_a_whole_session_with_the_pages_token_alone(town: Town, tmp_path: Path) -> None:
    for (method, path), standing in persons_routes(tmp_path).items():
        body, address = BODIES[method, path], path.replace("{session_id:int}", "1").replace("{passkey_id:int}", "1")
        assert (await town.browser().ask(method, address, body)).json["reason"] == "SESSION_INVALID"
        for browser in (Browser(town.api, "x" * 43), Browser(town.api, "nonsense")):
            assert (await browser.ask(method, address, body)).json["reason"] == "SESSION_INVALID"
        token = await town.browser().ask(method, address, body, authorization=f"Bearer {TOKEN}")
        assert (token.status, token.json["reason"]) == (403, "SESSION_MISSING")
        owing = await town.inside("admin", shown=False)
        answer = await owing.ask(method, address, body)
        assert (answer.json.get("reason") == "SECOND_FACTOR_OWED") is (standing is Standing.WHOLE), (method, path)
        if method not in READS:
            whole = await town.inside("admin")
            answer = await Browser(town.api, whole.cookie).ask(method, address, body)
            assert (answer.status, answer.json["reason"]) == (403, "CSRF_INVALID"), (method, path)


async def test_none_touches_another_person(town: Town) -> None:
    await town.inside("rui")
    before = await town.store.fetchrow(EVERYTHING, town.people["rui"])
    theirs = await town.store.fetchval("SELECT session_id FROM login_session WHERE person_id = $1", town.people["rui"])
    for (method, path), body in BODIES.items():
        browser = await town.inside("user")
        answer = await browser.ask(method, path.replace("{session_id:int}", str(theirs)).replace("{passkey_id:int}", "1"), body)
        assert b"rui@" not in answer.body
    assert await town.store.fetchrow(EVERYTHING, town.people["rui"]) == before


async def test_no_body_names_somebody_else(town: Town) -> None:
    """Fields that are not asked for are refused rather than passed over: none of them can name a person or a role."""
    browser = await town.inside("user")
    for more in ({"person_id": town.people["rui"]}, {"user_id": 2}, {"role": "admin"}, {"email": "x@example.org"}):
        answer = await browser.ask("PATCH", "/v1/session/profile", {"name": "x", **more})
        assert answer.json["reason"] == "FIELD_INVALID"


async def test_a_users_session_sees_what_is_theirs_through_the_same_wall(town: Town) -> None:
    """What a session opens is what a token of the same user opens: another user's rows are not there."""
    for name, other in (("user", "rui"), ("rui", "user")):
        answer = await (await town.inside(name)).ask("GET", "/v1/me")
        assert answer.json["user"]["name"] == name
        assert other not in answer.json["user"]["name"]

"""Passkeys in a real browser with a device of its own: added, used to log in, refused where they must be, removed."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from argon2 import PasswordHasher
from playwright.async_api import Page, expect
from tests.api.conftest import Api, running

from marketbot.domain.gcra import Rate
from marketbot.people import login, passkeys
from marketbot.people.passkeys import Party, party_of
from marketbot.store.passkeys import ask_challenge, take_challenge
from marketbot.store.pool import DirectConnection, connect

from .browser import Visitor, chromium, visit
from .scene import PASSWORD, Login, give_session, set_scene


def test_who_passkeys_are_for_is_the_public_address_by_name() -> None:
    assert party_of("https://bot.example") == Party("bot.example", "https://bot.example")
    assert party_of("http://localhost:8000") == Party("localhost", "http://localhost:8000")
    # This machine's own address has a name.
    assert party_of("http://127.0.0.1:8000") == party_of("http://[::1]:8000") == Party("localhost", "http://localhost:8000")
    for url in ("http://192.0.2.1:8000", "https://[2001:db8::1]", "nonsense"):
        assert party_of(url) is None


@dataclass
class Place:
    api: Api
    store: DirectConnection
    base: str


@pytest.fixture
async def place(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    for module in (login, passkeys):
        limit = module.LOGIN_ADDRESS
        monkeypatch.setattr(module, "LOGIN_ADDRESS", replace(limit, rate=Rate.per(100_000, 60)))
    store = await connect(database, name="test")
    try:
        await set_scene(store)
        hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
        await store.execute("UPDATE person SET password_hash = $1, language = 'en'", hashed)
        async with running(database, tmp_path) as api:
            yield Place(api, store, f"http://localhost:{api.port}")
    finally:
        await store.close()


@asynccontextmanager
async def device(place: Place, who: Login | None) -> AsyncIterator[tuple[Visitor, Any]]:
    """Give a window whose browser has a device that verifies its holder, and the line to it."""
    async with chromium() as browser, visit(browser, place.api.port, None) as visitor:
        visitor.base = place.base
        if who is not None:
            cookie = {"name": "marketbot", "value": who.bearer.text, "url": place.base, "httpOnly": True}
            await visitor.page.context.add_cookies([cookie])  # type: ignore[list-item]
        line = await visitor.page.context.new_cdp_session(visitor.page)
        await line.send("WebAuthn.enable")
        made = await line.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        yield visitor, (line, made["authenticatorId"])


async def add(page: Page, base: str, name: str) -> None:
    await page.goto(base + "/profile/passkeys")
    form = page.locator("form[data-passkey]")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("Present password").fill(PASSWORD)
    await form.get_by_role("button").click()
    await expect(page.locator("strong", has_text=name)).to_be_visible()


async def log_in(page: Page, base: str) -> None:
    await page.context.clear_cookies()
    await page.goto(base + "/login?next=/profile")
    await page.get_by_role("button", name="Log in with a passkey").click()


@pytest.mark.parametrize("name", ["ana", "op"])
async def test_a_passkey_is_added_logs_in_with_both_factors_and_is_removed(place: Place, name: str) -> None:
    who = await give_session(place.store, f"{name}@club.example")
    async with device(place, who) as (visitor, (line, number)):
        page = visitor.page
        await add(page, place.base, "My telephone")
        await log_in(page, place.base)
        await expect(page).to_have_url(place.base + "/profile")
        row = await place.store.fetchrow("SELECT * FROM passkey")
        assert row is not None
        assert row["last_used_at"] is not None
        assert row["sign_count"] > 0
        assert await place.store.fetchval(
            "SELECT second_factor_at IS NOT NULL FROM login_session ORDER BY session_id DESC LIMIT 1"
        )
        # Of a device that was copied, the count does not rise: what it shows opens nothing any more.
        await place.store.execute("UPDATE passkey SET sign_count = 1000000")
        await log_in(page, place.base)
        await expect(page.get_by_role("alert")).to_contain_text("opens nothing here")
        await place.store.execute("UPDATE passkey SET sign_count = 0")
        # Nor is one taken that did not make sure of its holder.
        await line.send("WebAuthn.setUserVerified", {"authenticatorId": number, "isUserVerified": False})
        await log_in(page, place.base)
        await expect(page.get_by_role("alert")).to_be_visible()
        await line.send("WebAuthn.setUserVerified", {"authenticatorId": number, "isUserVerified": True})
        await log_in(page, place.base)
        await expect(page).to_have_url(place.base + "/profile")
        await page.goto(place.base + "/profile/passkeys")
        assert await visitor.faults() == []
        await visitor.shoot("passkeys")
        await page.get_by_role("button", name="Remove My telephone").click()
        await page.locator("#confirm button[value=yes]").click()
        await expect(page.get_by_text("None so far.")).to_be_visible()
        await log_in(page, place.base)
        await expect(page.get_by_role("alert")).to_contain_text("opens nothing here")
        visitor.complaints.clear()


async def test_a_challenge_is_one_sessions_once_and_soon(place: Place) -> None:
    session = await place.store.fetchval(
        "INSERT INTO login_session (person_id, sha256, expires_at, address, user_agent)"
        " VALUES (1, sha256('x'), now() + interval '1 hour', '', '') RETURNING session_id"
    )
    for owner, asker, taken in ((session, session, True), (session, None, False), (None, session, False), (None, None, True)):
        challenge = secrets.token_bytes(32)
        await ask_challenge(place.store, challenge, owner)
        assert await take_challenge(place.store, challenge, asker) is taken
        assert not await take_challenge(place.store, challenge, asker)
    late = secrets.token_bytes(32)
    await ask_challenge(place.store, late, None)
    await place.store.execute("UPDATE passkey_challenge SET expires_at = now() WHERE challenge = $1", late)
    assert not await take_challenge(place.store, late, None)
    # What is over and never shown is swept by those that come after it.
    for number in range(15):
        await ask_challenge(place.store, secrets.token_bytes(32), None)
        if number < 12:
            await place.store.execute("UPDATE passkey_challenge SET expires_at = now()")
    assert await place.store.fetchval("SELECT count(*) FROM passkey_challenge") <= 3


async def test_what_is_no_proof_opens_nothing(place: Place) -> None:
    async def ask(path: str, document: object) -> Any:
        return await place.api.send("POST", path, orjson.dumps(document), content_type="application/json")

    asked = await ask("/v1/session/passkey/begin", {})
    assert (asked.status, asked.json["rpId"], asked.json["userVerification"]) == (200, "localhost", "required")
    client = {"type": "webauthn.get", "challenge": asked.json["challenge"], "origin": place.base}
    text = passkeys._text(orjson.dumps(client))
    await place.store.execute("INSERT INTO passkey (person_id, credential_id, public_key, name) VALUES (1, 'id', 'key', 'x')")
    known = passkeys._text(b"id")
    for credential in (
        {},
        {"rawId": known, "response": []},
        {"rawId": 7, "response": {"clientDataJSON": text}},
        {"rawId": known, "response": {"clientDataJSON": "!!"}},
        {"rawId": known, "response": {"clientDataJSON": passkeys._text(b"[]")}},
        {"rawId": known, "id": known, "type": "public-key", "response": {"clientDataJSON": text}},
        {
            "rawId": known,
            "id": known,
            "type": "public-key",
            "response": {"clientDataJSON": text, "authenticatorData": "AAAA", "signature": "AAAA"},
        },
    ):
        answer = await ask("/v1/session/passkey", {"credential": credential})
        assert (answer.status, answer.json["reason"]) == (422, "PASSKEY_INVALID")
    assert await place.store.fetchval("SELECT count(*) FROM login_session") == 0

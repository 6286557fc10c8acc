"""An installation with people in it: staff of every role with a second factor, and two users without one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyotp
import pytest
from argon2 import PasswordHasher
from tests.api.conftest import Answer, Api, running

from marketbot.api import admission
from marketbot.domain.gcra import Rate
from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import STAFF, Role
from marketbot.people import changes, login, newcomers, passwords
from marketbot.people.bearer import csrf_token, make_bearer
from marketbot.people.totp import totp_aad
from marketbot.store.people import NewPerson, create_person
from marketbot.store.pool import DirectConnection, connect
from marketbot.store.second_factors import confirm_totp, put_totp
from marketbot.store.sessions import create_session
from marketbot.vault.vault import Vault

PASSWORD = "a-canary-of-a-password"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
LIFE = timedelta(hours=1)


@dataclass
class Browser:
    """Keeps a cookie, and sends along what our pages would."""

    api: Api
    cookie: str | None = field(default=None, repr=False)
    csrf: str | None = field(default=None, repr=False)

    async def ask(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        body = b"" if document is None else orjson.dumps(document)
        if document is not None:
            headers.setdefault("content_type", "application/json")
        if self.cookie is not None:
            headers.setdefault("cookie", f"marketbot={self.cookie}")
        if self.csrf is not None:
            headers.setdefault("x_csrf_token", self.csrf)
        answer = await self.api.send(method, path, body, **headers)
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition("=")[2].partition(";")[0].strip('"')
            self.csrf = answer.json.get("csrf_token")
        return answer

    async def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        return await self.ask("POST", "/v1/session", {"email": email, "password": password})


@dataclass
class Town:
    """``people`` by role, and the second user under ``rui``; each one's address is the name at example.org."""

    api: Api
    store: DirectConnection
    vault: Vault
    people: dict[str, PersonId]

    def browser(self) -> Browser:
        return Browser(self.api)

    async def inside(self, name: str, *, shown: bool = True) -> Browser:
        """Give a browser in which somebody is logged in already."""
        bearer = make_bearer()
        await create_session(self.store, self.people[name], bearer.sha256, LIFE, "192.0.2.1", "a test", shown=shown)
        return Browser(self.api, bearer.text, csrf_token(bearer.text))


def code_now(steps: int = 0, secret: str = SECRET) -> str:
    """Return the code of this half minute, or of one before or after it."""
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + steps)


async def settle(store: DirectConnection, vault: Vault) -> dict[str, PersonId]:
    people: dict[str, PersonId] = {}
    stored = HASHER.hash(PASSWORD)
    for name, role in [(role.value, role) for role in Role] + [("rui", Role.USER)]:
        async with store.transaction():
            made = await create_person(store, NewPerson(f"{name}@example.org", name, role, stored, Locale.EN))
        assert made is not None
        people[name] = made
        if role in STAFF:
            sealed = vault.seal(SECRET.encode(), aad=totp_aad(made))
            assert await put_totp(store, made, sealed)
            assert await confirm_totp(store, made, sealed, 0)
    return people


@asynccontextmanager
async def town_of(database: str, data_dir: Path, **changes_of_settings: Any) -> AsyncIterator[Town]:
    store = await connect(database, name="test")
    try:
        await store.execute("INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')")
        vault = Vault.from_file(data_dir / "vault.key")
        people = await settle(store, vault)
        async with running(database, data_dir, **changes_of_settings) as api:
            yield Town(api, store, vault, people)
    finally:
        await store.close()


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash quickly, and let a test do more in a minute than a person would."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)
    for module, names in (
        (admission, ("USER_COMMANDS", "TOKEN_READS")),
        (login, ("LOGIN_ADDRESS", "LOGIN_EMAIL", "SECOND_FACTOR")),
        (newcomers, ("LOGIN_ADDRESS",)),
        (changes, ("LOGIN_ADDRESS", "SECOND_FACTOR")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, replace(getattr(module, name), rate=Rate.per(100_000, 60)))


@pytest.fixture
async def town(database: str, tmp_path: Path, cheap: None) -> AsyncIterator[Town]:
    async with town_of(database, tmp_path) as made:
        yield made

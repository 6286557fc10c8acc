"""A running console before a real database, and who looks at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.api.conftest import Answer, Api, running

from marketbot.api import admission
from marketbot.domain.gcra import Rate
from marketbot.domain.limits import Limit
from marketbot.store.pool import DirectConnection, connect

from .desk import Desk, set_desk
from .scene import Login, give_session, set_scene

HTML = "text/html,application/xhtml+xml"


@dataclass(frozen=True, slots=True)
class Console:
    """Ana and Rui are users, Olga an operator; None is nobody."""

    api: Api
    store: DirectConnection
    ana: Login
    rui: Login
    olga: Login

    async def get(self, path: str, who: Login | None, **headers: str) -> Answer:
        return await self.send("GET", path, who, **headers)

    async def post(self, path: str, who: Login | None, *, csrf: str | None = None, **fields: str) -> Answer:
        """Send a form as a browser does, with the session's own token unless another is given."""
        token = csrf if csrf is not None else who.csrf if who is not None else ""
        body = urlencode(fields | ({"csrf": token} if token else {})).encode()
        return await self.send("POST", path, who, body, content_type="application/x-www-form-urlencoded")

    async def send(self, method: str, path: str, who: Login | None, body: bytes = b"", **headers: str) -> Answer:
        headers.setdefault("accept", HTML)
        if who is not None:
            headers["cookie"] = "; ".join(filter(None, (who.cookie, headers.get("cookie", ""))))
        return await self.api.send(method, path, body, **headers)


@pytest.fixture
def more_accounts() -> int:
    """Say how many accounts there are besides the few that are named."""
    return 120


@pytest.fixture
async def console(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more_accounts: int) -> AsyncIterator[Console]:
    for name in ("USER_COMMANDS", "TOKEN_READS"):
        limit: Limit = getattr(admission, name)
        monkeypatch.setattr(admission, name, replace(limit, rate=Rate.per(100_000, 60)))
    store = await connect(database, name="test")
    try:
        await set_scene(store, more_accounts=more_accounts)
        logins = [await give_session(store, f"{name}@club.example") for name in ("ana", "rui", "op")]
        async with running(database, tmp_path) as api:
            yield Console(api, store, *logins)
    finally:
        await store.close()


@pytest.fixture
async def desk(console: Console) -> Desk:
    return await set_desk(console.store, console.olga)  # type: ignore[arg-type]

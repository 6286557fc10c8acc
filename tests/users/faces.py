"""A running API with a crowd behind it, and a token of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from tests.api.conftest import TOKEN, Answer, Api, running

from marketbot.accounts.api_token import NewToken
from marketbot.accounts.safe import Safe
from marketbot.domain.scope import Scope
from marketbot.store.pool import DirectConnection, connect
from marketbot.vault.kek import Kek
from marketbot.vault.vault import Vault

from .crowd import give_token, settle_crowd


@dataclass(frozen=True, slots=True)
class Faces:
    """``ana`` is user 1, ``rui`` user 2, with three accounts each; ``root`` is the installation's own operator token."""

    api: Api
    store: DirectConnection
    ana: str
    rui: str
    operator: str
    root: str = TOKEN

    async def ask(self, method: str, path: str, token: str | None, document: object = None, **headers: str) -> Answer:
        body = b"" if document is None else orjson.dumps(document)
        if document is not None:
            headers.setdefault("content_type", "application/json")
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.api.send(method, path, body, **headers)

    async def get(self, path: str, token: str | None, **headers: str) -> Answer:
        return await self.ask("GET", path, token, **headers)

    async def pages(self, path: str, noun: str, token: str, limit: int) -> list[Any]:
        """Walk a list to its end."""
        rows: list[Any] = []
        after = ""
        while True:
            mark = "&" if "?" in path else "?"
            answer = await self.get(f"{path}{mark}limit={limit}{after}", token)
            assert answer.status == 200, answer.json
            assert len(answer.json[noun]) <= limit
            rows += answer.json[noun]
            if answer.json["next"] is None:
                return rows
            after = f"&after={answer.json['next']}"

    async def token(self, user_id: int | None, *scopes: Scope, **more: object) -> NewToken:
        return await give_token(self.store, user_id, frozenset(scopes) or None, **more)


@asynccontextmanager
async def faces_of(database: str, data_dir: Path, *, signals: int = 9, **changes: Any) -> AsyncIterator[Faces]:
    store = await connect(database, name="test")
    try:
        await store.execute("INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')")
        await settle_crowd(store, signals=signals)
        made = [(await give_token(store, user_id)).text for user_id in (1, 2, None)]
        async with running(database, data_dir, **changes) as api:
            # As an engine at work has done: a pair that users' keys are sealed to.
            safe = Safe(Vault.from_file(data_dir / "vault.key"), Kek(lambda: [bytes(range(32))]))
            async with store.transaction():
                await safe.new_box_key(store)
            yield Faces(api, store, *made)
    finally:
        await store.close()

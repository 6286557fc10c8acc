"""Two API instances on one database, and an engine's voice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from tests.api.conftest import Api, running, until
from tests.cache.store import Store
from tests.users.crowd import give_token, settle_crowd

from marketbot.api import live_stream, server
from marketbot.api.live_hub import LiveHub
from marketbot.cache.events import EventBus
from marketbot.cache.shared import Shared
from marketbot.store.pool import Pool, open_pool
from marketbot.workers.live import LiveNotes


@dataclass(frozen=True, slots=True)
class Instance:
    """One API process, in this one."""

    api: Api
    app: Litestar

    @property
    def port(self) -> int:
        return self.api.port

    @property
    def hub(self) -> LiveHub:
        hub: LiveHub = self.app.state.live
        return hub

    async def hears(self, *, store: bool = False) -> None:
        """Wait until every way is listened on, and what that itself told has been handed out."""
        events: EventBus = self.app.state.events
        await until(lambda: events.listening.is_set() and (events.on_channel.is_set() or not store))
        await until(lambda: not self.hub._heard and not self.hub._some.is_set())


@dataclass(frozen=True, slots=True)
class Installation:
    """``ana`` is user 1, ``rui`` user 2; ``engine`` is how an engine tells what it did, ``tell`` sends it."""

    instances: list[Instance]
    pool: Pool
    engine: LiveNotes
    ana: str
    rui: str
    operator: str


Install = Callable[..., Awaitable[Installation]]


@pytest.fixture
def store(place: Path) -> Any:
    found = Store(place)
    found.start()
    try:
        yield found
    finally:
        found.kill()


@pytest.fixture
async def install(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Install]:
    apps: list[Litestar] = []
    make = server.create_app

    def recorded(*arguments: Any, **more: Any) -> Litestar:
        apps.append(make(*arguments, **more))
        return apps[-1]

    monkeypatch.setattr(server, "create_app", recorded)
    # Whoever wants to see messages held back says so; the others need not wait.
    monkeypatch.setattr(live_stream, "GAP_S", 0.0)
    async with AsyncExitStack() as stack:

        async def install_one(instances: int = 2, redis_url: str | None = None) -> Installation:
            pool = await stack.enter_async_context(await open_pool(database, name="test", size=2))
            async with pool.acquire() as connection:
                await connection.execute("INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')")
                await settle_crowd(connection)
                tokens = [(await give_token(connection, user_id)).text for user_id in (1, 2, None)]
            made = []
            for _ in range(instances):
                api = await stack.enter_async_context(running(database, tmp_path, redis_url=redis_url))
                made.append(Instance(api, apps[-1]))
                await made[-1].hears(store=redis_url is not None)

            async def notify(channel: str, text: str) -> None:
                await pool.execute("SELECT pg_notify($1, $2)", channel, text)

            shared = None if redis_url is None else Shared(redis_url)
            if shared is not None:
                await shared.start()
                stack.push_async_callback(shared.close)
            return Installation(made, pool, LiveNotes(EventBus(notify, database, shared)), *tokens)

        yield install_one

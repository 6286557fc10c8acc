"""A whole installation for stories: real processes and the simulator, and people who look at it with a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.acceptance.world import World, world
from tests.web.scene import Login, give_session

from marketbot.cli.demo.bodies import PRICES
from marketbot.cli.sources import make_source

SOURCE = "sala"


@dataclass(frozen=True, slots=True)
class House:
    """A running installation with one source and nobody in it yet."""

    world: World

    @property
    def port(self) -> int:
        port = urlsplit(self.world.stage.endpoints.api_url).port
        assert port is not None
        return port

    async def newcomer(self, name: str, language: str = "en", user_id: int | None = None) -> Login:
        """Make a person who is logged in; one of the users there are, or a new one without accounts."""
        connection = self.world.stage.store.connection
        if user_id is None:
            user_id = await connection.fetchval("INSERT INTO app_user (name) VALUES ($1) RETURNING user_id", name)
        await connection.execute(
            """INSERT INTO person (email, name, role, user_id, password_hash, language, time_zone, email_confirmed_at)
               VALUES ($1, $2, 'user', $3, 'none', $4, 'America/Sao_Paulo', now())""",
            f"{name}@club.example",
            name,
            user_id,
            language,
        )
        return await give_session(connection, f"{name}@club.example")

    async def at_venue(self, venue: str, environment: str, **fields: Any) -> dict[str, str]:
        """Make an account at the simulator, and return its key as its owner would copy it."""
        [made] = await self.world.stage.control.create_accounts(
            [{"venue": venue, "environment": environment, "balance": "1000", **fields}]
        )
        return {"api_key": str(made["api_key"]), "api_secret": str(made["api_secret"])}


@asynccontextmanager
async def house(place: Path) -> AsyncIterator[House]:
    async with world(place) as made:
        await made.stage.control.set_prices(PRICES)
        _, made.stage.secrets[SOURCE] = await make_source(made.stage.store, SOURCE, "webhook", signals_per_hour=1_000)
        yield House(made)

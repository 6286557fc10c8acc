"""The people of tests/people, and one of them with a life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.backup import conftest as backup
from tests.people import conftest as people
from tests.people.conftest import Town, town_of

from marketbot.domain.ids import PersonId, UserId
from marketbot.store.pool import Pool, open_pool

from .life import live

cheap = people.cheap
empty_database = backup.empty_database


@dataclass
class Lives:
    """``user`` and ``rui`` have lived alike; what is personal of each holds their name."""

    town: Town
    pool: Pool
    data_dir: Path

    def person(self, name: str) -> PersonId:
        return self.town.people[name]

    async def user(self, name: str) -> UserId:
        return UserId(await self.pool.fetchval("SELECT user_id FROM person WHERE person_id = $1", self.person(name)))


@pytest.fixture
async def lives(database: str, tmp_path: Path, cheap: None) -> AsyncIterator[Lives]:
    pool = await open_pool(database, name="test", size=2)
    try:
        async with town_of(database, tmp_path) as town:
            made = Lives(town, pool, tmp_path)
            for name in ("user", "rui"):
                await live(town.store, town.vault, made.person(name), await made.user(name), name)
            yield made
    finally:
        await pool.close()

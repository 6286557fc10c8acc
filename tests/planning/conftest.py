"""A real database with users, accounts and sources, and a planner on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from marketbot.store.pool import Pool, open_pool

from .town import Town


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, name="test", size=4)
    yield pool
    await pool.close()


@pytest.fixture
async def town(pool: Pool) -> Town:
    return await Town.found(pool)

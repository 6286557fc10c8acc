"""Workers and pools over one real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from marketbot.store.pool import Pool, connect, open_pool
from marketbot.store.workers import Process, end, enlist

PATIENCE_S = 30.0


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, name="jobs", size=4)
    yield opened
    await opened.close()


class Keepers:
    """Enlists and ends workers."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def enlist(self) -> int:
        connection = await connect(self._dsn, name="worker")
        try:
            return await enlist(connection, Process(("keeper",), "test", "elsewhere", 1, "1", (0,)))
        finally:
            await connection.close()

    async def end(self, worker: int) -> None:
        connection = await connect(self._dsn, name="worker")
        try:
            await end(connection, worker, cut_off=False)
        finally:
            await connection.close()


@pytest.fixture
def keepers(database: str) -> Keepers:
    return Keepers(database)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110 - what is polled lies in a database
            await asyncio.sleep(0.02)

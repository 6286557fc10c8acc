"""What the tests of the embedded server share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import asyncpg
import pytest

PATIENCE_S = 30.0

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can become another user")

# A supervisor in a process of its own, which says where its server is and then waits to be killed.
SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from marketbot.store.embedded import EmbeddedPostgres
async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, server.dsn, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def run(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - conditions of other processes tell no event
            await asyncio.sleep(0.01)

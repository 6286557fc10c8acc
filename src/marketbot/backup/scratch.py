"""A database server for one verification: it holds a copy, cares for nothing but speed, and is gone afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.embedded.data_dir import DataDir
from marketbot.store.embedded.postmaster import Postmaster

PREFIX = "verify-"
# What a power cut would cost is one repetition. Whole tables are read, so the planner may do as it likes.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "1GB",
    "max_connections": "10",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


@asynccontextmanager
async def scratch_server(below: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Run a server in a new directory below ``below``, and remove it whatever happens.

    What a verification that was killed had left there is removed first.
    """
    await _clear_abandoned(below)
    place = below / f"{PREFIX}{os.getpid()}"
    server = EmbeddedPostgres(place, settings=SETTINGS)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(place, ignore_errors=True)


async def _clear_abandoned(below: Path) -> None:
    for place in sorted(below.glob(f"{PREFIX}*")):  # noqa: ASYNC240 - one look at a directory
        maker = place.name.removeprefix(PREFIX)
        if maker.isdigit() and not _is_alive(int(maker)):
            orphan = Postmaster.find(DataDir(place))
            if orphan is not None:
                await orphan.stop()
            shutil.rmtree(place, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

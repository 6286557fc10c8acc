"""Fixtures shared by all tests: one real Postgres per test process, and a fresh database for each test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.embedded.data_dir import DataDir, OwnerLock
from marketbot.store.embedded.postmaster import Postmaster
from marketbot.store.migrate import migrate

# Short, enterable by an unprivileged server, and outside the repository (pytest's own tmp_path is private to root).
PLACES = Path(tempfile.gettempdir())
PREFIX = f"marketbot-test-{os.getuid()}-"
TEMPLATE = "migrated"

_numbers = count(1)


def new_place(name: str) -> Path:
    """Return a path for a server's data directory that does not exist yet."""
    return PLACES / f"{PREFIX}{os.getpid()}-{name}-{next(_numbers)}"


def remove_place(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)


def _abandoned() -> Iterator[Path]:
    """Yield the places of test runs that were killed: nobody holds their lock any more."""
    for lock_file in PLACES.glob(f"{PREFIX}*/owner.lock"):
        lock = OwnerLock.acquire(lock_file)
        if lock is not None:
            lock.release()
            yield lock_file.parent


async def _stop_server(place: Path) -> None:
    data_dir = DataDir(place)
    orphan = Postmaster.find(data_dir)
    if orphan is not None:
        await orphan.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Run one embedded server for this test process, with a database that has all migrations as the template."""
    place = new_place("session")
    server = EmbeddedPostgres(place)
    # A loop of its own: the server outlives the loops of the tests.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        for abandoned in _abandoned():
            runner.run(_stop_server(abandoned))
            remove_place(abandoned)
        runner.run(server.start())
        try:
            runner.run(_make_template(server))
            yield server
        finally:
            runner.run(server.stop())
            remove_place(place)


async def _make_template(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    finally:
        await connection.close()
    await migrate(server.dsn_for(TEMPLATE))


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give the DSN of a fresh, migrated database; it is dropped afterwards."""
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield postgres.dsn_for(name)
    finally:
        with contextlib.suppress(asyncpg.InvalidCatalogNameError):
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

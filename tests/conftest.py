"""Fixtures shared by all tests: one real Postgres per test process, and a fresh database for each test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from tests.system_packages import PLACE

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.embedded.data_dir import DataDir
from marketbot.store.embedded.postmaster import Postmaster
from marketbot.store.migrate import migrate

# A slow machine is no fault: neither a deadline for an example nor a limit on drawing one.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

# What `make system-packages` fetched is found wherever a program is looked for: by tests, and by what they start.
os.environ["PATH"] = os.pathsep.join(filter(None, (os.environ.get("PATH", ""), str(PLACE / "bin"))))

# Short, enterable by an unprivileged server, and outside the repository (pytest's own tmp_path is private to root).
DISK = Path(tempfile.gettempdir())
MEMORY = Path("/dev/shm")
MEMORY_FREE_MIN_BYTES = 1 << 30
PREFIX = f"marketbot-test-{os.getuid()}-"
TEMPLATE = "migrated"

_numbers = count(1)


def _new_place(below: Path) -> Path:
    return below / f"{PREFIX}{os.getpid()}-{next(_numbers)}"


def _fast() -> Path:
    """Prefer memory: making a cluster or copying the template's files takes a tenth of the time there."""
    free = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_FREE_MIN_BYTES
    return MEMORY if free else DISK


def _remove_place(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)


def _abandoned() -> Iterator[Path]:
    """Yield the places of test processes that are gone without having cleaned up."""
    for place in [*DISK.glob(f"{PREFIX}*-*"), *MEMORY.glob(f"{PREFIX}*-*")]:
        maker = place.name.removeprefix(PREFIX).split("-")[0]
        if maker.isdigit() and not Path("/proc", maker).exists() and Path("/proc").exists():
            yield place


async def _stop_server(place: Path) -> None:
    data_dir = DataDir(place)
    orphan = Postmaster.find(data_dir)
    if orphan is not None:
        await orphan.stop()


@pytest.fixture
async def new_place() -> AsyncIterator[Callable[[Path], Path]]:
    """Make paths for servers' data directories (not there yet); servers and files are gone afterwards."""
    places: list[Path] = []

    def make(below: Path) -> Path:
        places.append(_new_place(below))
        return places[-1]

    yield make
    for place in places:
        await _stop_server(place)
        _remove_place(place)


@pytest.fixture
def place(new_place: Callable[[Path], Path]) -> Path:
    """Give one such path, where it is fast."""
    return new_place(_fast())


@pytest.fixture
def disk_place(new_place: Callable[[Path], Path]) -> Path:
    """Give one such path on a disk."""
    return new_place(DISK)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Run one embedded server for this test process, with a database that has all migrations as the template."""
    place = _new_place(_fast())
    server = EmbeddedPostgres(place)
    # A loop of its own: the server outlives the loops of the tests.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        for abandoned in _abandoned():
            runner.run(_stop_server(abandoned))
            _remove_place(abandoned)
        runner.run(server.start())
        try:
            runner.run(_make_template(server))
            yield server
        finally:
            runner.run(server.stop())
            _remove_place(place)


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
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        yield postgres.dsn_for(name)
    finally:
        with contextlib.suppress(asyncpg.InvalidCatalogNameError):
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

"""A real HAProxy, and real API processes behind it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.ports import free_port

from marketbot.supervisor.endpoints import answers
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.front_door import LOG_STDERR, FrontDoor, Place, render
from marketbot.supervisor.programs import READY_PATH, find_front_door

TOKEN = "an operator's token for the front door's tests"
READY_WAIT_S = 60.0
POLL_S = 0.05


@pytest.fixture(scope="session")
def haproxy() -> str:
    """Give the program. Where it cannot be had these tests say that they did not run; a pipeline without it is broken."""
    try:
        return find_front_door()
    except SupervisorError as error:
        if os.environ.get("CI", "").lower() == "true":
            raise
        pytest.skip(f"NOT TESTED: {error.sentence}")


@dataclass
class Behind:
    """A door, and the APIs behind it by number."""

    port: int
    api_ports: Sequence[int]
    directory: Path
    apis: list[asyncio.subprocess.Process] = field(default_factory=list)
    door: asyncio.subprocess.Process | None = None

    @property
    def door_log(self) -> str:
        return (self.directory / "door.log").read_text()

    def api_log(self, number: int) -> str:
        return (self.directory / f"api-{number}.log").read_text()


async def start_logged(log: Path, *command: str, **environment: str) -> asyncio.subprocess.Process:
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file
        )


async def until_ready(port: int, *, ready: bool = True) -> None:
    async with asyncio.timeout(READY_WAIT_S):
        while await answers("127.0.0.1", port, READY_PATH) is not ready:  # noqa: ASYNC110 - another process is polled
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def behind_the_door(
    binary: str, dsn: str, directory: Path, *, apis: int = 2, log_all: bool = False, **bounds: int
) -> AsyncIterator[Behind]:
    """Start APIs on a database, and a door before them; end them all afterwards."""
    made = Behind(free_port(), [free_port() for _ in range(apis)], directory)
    places = [Place("127.0.0.1", port) for port in made.api_ports]
    text = render(FrontDoor(Place("127.0.0.1", made.port), places, max_connections=4_000, log=LOG_STDERR, **bounds))
    if log_all:
        text = text.replace("option dontlog-normal", "# every request is logged")
    configuration = directory / "door.cfg"
    configuration.write_text(text)
    try:
        for number, port in enumerate(made.api_ports):
            made.apis.append(
                await start_logged(
                    directory / f"api-{number}.log",
                    sys.executable,
                    "-m",
                    "marketbot.api",
                    DATABASE_URL=dsn,
                    MARKETBOT_DATA_DIR=str(directory),
                    MARKETBOT_API_PORT=str(port),
                    MARKETBOT_OPERATOR_TOKEN=TOKEN,
                    MARKETBOT_TRUSTED_PROXIES="127.0.0.1/32",
                    MARKETBOT_LOG_LEVEL="debug",
                )
            )
        for port in made.api_ports:
            await until_ready(port)
        made.door = await start_logged(directory / "door.log", binary, "-db", "-f", str(configuration))
        await until_ready(made.port)
        yield made
    finally:
        for process in [made.door, *made.apis]:
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

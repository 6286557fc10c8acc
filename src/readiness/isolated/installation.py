"""A whole service in a directory of its own, started by its own commands and taken down whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from readiness.isolated.errors import RunFailed
from readiness.isolated.simulator import Control
from readiness.load.scenario import User
from readiness.load.target import Target, target
from readiness.measure.processes import Process, all_processes, family

COMMAND = (sys.executable, "-m", "marketbot.cli.main")
REPLICA = (sys.executable, "-m", "marketbot.store.embedded")
REPLICA_PLACE = "replica"
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 120.0
MAX_LINE_BYTES = 1 << 20
LOG_TAIL_CHARS = 500
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(2, 10))
"""Loopback source addresses: venues limit requests by address, so the fan-out is spread over several, as in real use."""
UP = ("--api", "2", "--executors", "2", "--front-door")
"""What is examined: the service as it is meant to run for a crowd, two of everything that may die."""
PARENT = Path("/var/tmp")  # noqa: S108 - only as the parent of a private, freshly made directory
PRICES = {"BTCUSDT": "111245.6", "ETHUSDT": "4312.77", "SOLUSDT": "203.41", "XRPUSDT": "2.8713", "DOGEUSDT": "0.24117"}


@dataclass(slots=True)
class Installation:
    """What runs. ``api`` is the front door; ``apis`` and ``engines`` are the processes themselves. ``secrets`` are the sources', by name;
    ``users`` have a token each."""

    place: Path
    api: Target
    apis: Sequence[Target]
    engines: Sequence[Target]
    supervisor_pid: int
    operator_token: str = field(repr=False)
    control: Control
    dsn: str = ""
    egresses: int = 1
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    venue_accounts: list[str] = field(default_factory=list)
    users: list[User] = field(default_factory=list, repr=False)

    def processes(self) -> list[Process]:
        """Return what runs; the replica's server is told from the primary's."""
        found = family(self.supervisor_pid, self.place, all_processes())
        copies = {each.pid for each in found if each.role == "postgres" and str(self.place / REPLICA_PLACE) in each.command}
        return [replace(each, role="replica") if each.pid in copies or each.parent in copies else each for each in found]

    def pids(self, role: str) -> list[int]:
        """Return the programs of a role that the supervisor started; their own workers are not counted."""
        return [each.pid for each in self.processes() if each.role == role and each.parent == self.supervisor_pid]

    def servers(self, name: str, place: Path | None = None) -> list[int]:
        """Return the processes whose own program is of this name (a database's, the shared store's), below a directory if one is given."""
        return [
            each.pid
            for each in self.processes()
            if Path(each.command.split(" ")[0]).name.startswith(name) and (place is None or str(place) in each.command)
        ]

    @property
    def programs(self) -> list[Target]:
        """Every process that shows metrics."""
        return [*self.apis, *self.engines]

    def webhook(self, source: str) -> str:
        return f"/v1/webhook/{source}/{self.secrets[source]}"

    async def command(self, *arguments: str) -> dict[str, Any]:
        """Run one of the product's commands and return its answer.

        Raises:
            RunFailed: it failed.
        """
        return await command(self.environment, *arguments)


@asynccontextmanager
async def put_up(*, say: Callable[[str], None], roles: Sequence[str] = UP) -> AsyncIterator[Installation]:
    """Start a service, with a streaming replica of its database that it reads from. ``roles`` are further arguments of ``up``.

    Raises:
        RunFailed: some part does not start.
    """
    place = _new_place()
    environment = _environment(place)
    process = replica = None
    try:
        say("start")
        with (place / "up.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "up", "--json", *roles,
                env=environment, stdout=asyncio.subprocess.PIPE, stderr=log, limit=MAX_LINE_BYTES, start_new_session=True,
            )  # fmt: skip
            made = await _started(process, place, environment)
            say("replica")
            replica = await _start_replica(place, environment)
        yield made
    finally:
        say("stop")
        for each in (replica, process):
            if each is not None:
                await _stop(each)
        await asyncio.to_thread(_end_leftovers, place)
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _start_replica(place: Path, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Copy the database and keep the copy streaming, where the service was told to look for it."""
    with (place / "replica.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *REPLICA, str(place), str(place / REPLICA_PLACE),
            env=dict(environment), stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        await _stop(process)
        raise RunFailed(f"the replica did not start: {_content(place / 'replica.log')[-LOG_TAIL_CHARS:].strip()}")
    return process


async def command(environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, "--json", env=dict(environment), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise RunFailed(f"the command {' '.join(arguments[:2])} did not end") from None
    try:
        document = orjson.loads(output)
    except orjson.JSONDecodeError:
        document = {}
    if process.returncode or not isinstance(document, dict):
        raise RunFailed(f"the command {' '.join(arguments[:2])} failed: {document.get('error', process.returncode)}")
    return document


async def _started(process: asyncio.subprocess.Process, place: Path, environment: Mapping[str, str]) -> Installation:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await process.stdout.readline()
        told = orjson.loads(line)
        ready_file = Path(told["simulator"])
    except (TimeoutError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        said = _content(place / "up.log")[-LOG_TAIL_CHARS:].strip()
        raise RunFailed(f"the service did not start: {said or 'it said nothing'}") from None
    return Installation(
        place,
        target(told["front_door"] or told["api_urls"][0]),
        [target(url) for url in told["api_urls"]],
        [target(url) for url in told["engine_urls"]],
        int(told["supervisor_pid"]),
        _content(Path(told["operator_token_file"])).strip(),
        Control.of(ready_file),
        dsn=_dsn(place),
        egresses=max(1, len(told["egress_addresses"])),
        environment=environment,
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _end_leftovers(place: Path) -> None:
    """End what still runs out of our own directory: a database server outlives a supervisor that was killed."""
    for process in all_processes():
        if str(place) in process.command and process.pid != os.getpid():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGQUIT if process.role == "postgres" else signal.SIGKILL)


def _new_place() -> Path:
    """Return a directory of our own that the database's user can enter, on a disk rather than in memory where there is one."""
    disk = None if "TMPDIR" in os.environ or not PARENT.is_dir() else PARENT
    place = Path(tempfile.mkdtemp(prefix="marketbot-readiness-", dir=disk))
    place.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return place


def _dsn(place: Path) -> str:
    return f"postgresql://marketbot@/marketbot?host={place / 'run'}&port=5432"


def _content(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _environment(place: Path) -> dict[str, str]:
    """Return an environment of the run's own: nothing of the caller's leads it to a real database or venue."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MARKETBOT_", "PG")) and name not in ("DATABASE_URL", "REDIS_URL", "REPLICA_URLS")
    }
    return kept | {
        "MARKETBOT_DATA_DIR": str(place),
        "MARKETBOT_PROFILE": "simulation",
        "MARKETBOT_API_PORT": "0",
        "MARKETBOT_METRICS_PORT": "0",
        "MARKETBOT_LOG_LEVEL": "warning",
        "REPLICA_URLS": _dsn(place / REPLICA_PLACE),
        "MARKETBOT_EGRESS_ADDRESSES": ",".join(address for address in ADDRESSES if _bindable(address)),
    }


def _bindable(address: str) -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True

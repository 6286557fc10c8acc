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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from readiness.isolated.errors import RunFailed
from readiness.isolated.simulator import Control
from readiness.load.target import Target, target
from readiness.measure.processes import Process, all_processes, family

COMMAND = (sys.executable, "-m", "marketbot.cli.main")
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 120.0
MAX_LINE_BYTES = 1 << 20
LOG_TAIL_CHARS = 500
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(2, 10))
"""Loopback source addresses: venues limit requests by address, so the fan-out is spread over several, as in real use."""
SOURCE, IDLE_SOURCE, SMALL_SOURCE = "readiness", "load", "small"
SMALL_SOURCE_PER_HOUR = 5
PARENT = Path("/var/tmp")  # noqa: S108 - only as the parent of a private, freshly made directory
PRICES = {"BTCUSDT": "111245.6", "ETHUSDT": "4312.77", "SOLUSDT": "203.41", "XRPUSDT": "2.8713", "DOGEUSDT": "0.24117"}


@dataclass(slots=True)
class Installation:
    """What runs. ``secrets`` are the sources', by name."""

    place: Path
    api: Target
    engine: Target
    supervisor_pid: int
    operator_token: str = field(repr=False)
    control: Control
    dsn: str = ""
    egresses: int = 1
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    venue_accounts: list[str] = field(default_factory=list)

    def processes(self) -> list[Process]:
        return family(self.supervisor_pid, self.place, all_processes())

    def pids(self, role: str) -> list[int]:
        """Return the programs of a role that the supervisor started; their own workers are not counted."""
        return [each.pid for each in self.processes() if each.role == role and each.parent == self.supervisor_pid]

    def webhook(self, source: str) -> str:
        return f"/v1/webhook/{source}/{self.secrets[source]}"

    async def command(self, *arguments: str) -> dict[str, Any]:
        """Run one of the product's commands and return its answer.

        Raises:
            RunFailed: it failed.
        """
        return await command(self.environment, *arguments)


@asynccontextmanager
async def put_up(accounts: int, *, say: Callable[[str], None], roles: Sequence[str] = ()) -> AsyncIterator[Installation]:
    """Start a service with ``accounts`` simulated accounts that follow one source. ``roles`` are further arguments of ``up``.

    Raises:
        RunFailed: some part does not start.
    """
    place = _new_place()
    environment = _environment(place)
    process = None
    try:
        say("start")
        with (place / "up.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "up", "--json", *roles,
                env=environment, stdout=asyncio.subprocess.PIPE, stderr=log, limit=MAX_LINE_BYTES, start_new_session=True,
            )  # fmt: skip
        made = await _started(process, place, environment)
        await _populate(made, accounts, say)
        yield made
    finally:
        if process is not None:
            say("stop")
            await _stop(process)
        await asyncio.to_thread(_end_leftovers, place)
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


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
        target(told["api_urls"][0]),
        target(told["engine_urls"][0]),
        int(told["supervisor_pid"]),
        _content(Path(told["operator_token_file"])).strip(),
        Control.of(ready_file),
        dsn=f"postgresql://marketbot@/marketbot?host={place / 'run'}&port=5432",
        egresses=max(1, len(told["egress_addresses"])),
        environment=environment,
    )


async def _populate(made: Installation, accounts: int, say: Callable[[str], None]) -> None:
    """Make sources and accounts, and import them as an operator would."""
    say("accounts")
    await made.control.set_prices(PRICES)
    for source, per_hour in ((SOURCE, 100_000), (IDLE_SOURCE, 1_000_000), (SMALL_SOURCE, SMALL_SOURCE_PER_HOUR)):
        made.secrets[source] = (await made.command("source", "add", source, "--signals-per-hour", str(per_hour)))["secret"]
    held = await made.control.make_accounts(accounts)
    made.venue_accounts = [str(each["account_id"]) for each in held]
    rows = [
        {
            "user": f"user{number}",
            "label": "main",
            "venue": each["venue"],
            "environment": each["environment"],
            "api_key": each["api_key"],
            "api_secret": each["api_secret"],
            "follows": [SOURCE],
            "max_positions": len(PRICES),
            "position_size_pct": 10,
            "cooldown_min": 0,
            "egress": number // 4 % made.egresses,
        }
        for number, each in enumerate(held)
    ]
    file = made.place / "accounts.json"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target_file:
        target_file.write(orjson.dumps(rows))
    imported = await made.command("accounts", "import", str(file))
    file.unlink()
    if imported["created"] != accounts:
        raise RunFailed(f"only {imported['created']} of {accounts} accounts were imported")


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
        "MARKETBOT_EGRESS_ADDRESSES": ",".join(address for address in ADDRESSES if _bindable(address)),
    }


def _bindable(address: str) -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True

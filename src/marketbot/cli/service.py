"""``marketbot up`` and ``marketbot simulator``: the long-running programs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console

from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.domain.venue import Profile
from marketbot.observability.logs import configure_logs
from marketbot.people.newcomers import first_setup_link
from marketbot.settings import LogFormat, Settings
from marketbot.store.people import is_anybody_there
from marketbot.store.pool import Unavailable, connect
from marketbot.supervisor.endpoints import Endpoints
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.programs import log_directory
from marketbot.supervisor.supervisor import Supervisor

SIMULATOR_SEED = 1


async def run_service(output: Output, settings: Settings) -> None:
    """Run the service until a signal asks it to end, or a part of it cannot be kept running."""
    configure_logs(level=settings.log_level, console=settings.log_format is LogFormat.CONSOLE)
    output.mark(settings.profile)
    own_simulator = settings.profile is Profile.SIMULATION and settings.simulator_ready_file is None
    console = output.console(errors=True)
    supervisor = Supervisor(
        settings,
        progress=lambda words: console.print(f"starting {words} ..."),
        simulator_seed=SIMULATOR_SEED if own_simulator else None,
    )
    asked = stop_on_signals()
    starting = asyncio.ensure_future(supervisor.start())
    waiting = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return
        endpoints = starting.result()
        setup = await _setup(supervisor, endpoints)
        output.show(_described(supervisor, endpoints, setup), lambda shown: _tell(shown, supervisor, endpoints, setup))
        failing = asyncio.ensure_future(supervisor.wait())
        await asyncio.wait({failing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
        failing.cancel()
    except SupervisorError as error:
        raise CommandFailed(FailureReason.SERVICE_FAILED, str(error)) from error
    finally:
        starting.cancel()
        waiting.cancel()
        await asyncio.gather(starting, waiting, return_exceptions=True)
        await supervisor.stop()


def with_processes(settings: Settings, api: int | None, executors: int | None, front_door: bool = False) -> Settings:
    """Return settings with as many processes as the command line says; what it leaves out stays."""
    said = {"api_processes": api, "engine_processes": executors}
    changed: dict[str, object] = {name: count for name, count in said.items() if count is not None}
    return settings.model_copy(update=changed | ({"front_door": True} if front_door else {}))


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


def become_simulator(arguments: Sequence[str]) -> None:
    """Turn this process into the simulator: it prints one JSON line when it listens, and ends on Ctrl-C."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "simexchange", *arguments])  # noqa: S606 - our own program


@dataclass(frozen=True, slots=True)
class Setup:
    """That nobody is here yet, and the link that makes the first admin: only where a person sits before the screen."""

    link: str | None = field(repr=False)


async def _setup(supervisor: Supervisor, endpoints: Endpoints) -> Setup | None:
    """Make that link. Standard output that is no terminal is somebody's log, and no secret goes there."""
    try:
        connection = await connect(supervisor.dsn, name="supervisor")
    except Unavailable:
        return None
    try:
        if not sys.stdout.isatty():
            return None if await is_anybody_there(connection) else Setup(None)
        bearer = await first_setup_link(connection)
    finally:
        await connection.close()
    return None if bearer is None else Setup(f"{supervisor.settings.public_url or endpoints.api_url}/setup#{bearer.text}")


def _described(supervisor: Supervisor, endpoints: Endpoints, setup: Setup | None) -> dict[str, object]:
    settings = supervisor.settings
    found = {} if setup is None or setup.link is None else {"setup_link": setup.link}
    return found | {
        "status": "running",
        **asdict(endpoints),
        "data_dir": str(settings.data_dir),
        "operator_token_file": str(settings.operator_token_file),
        "logs": str(log_directory(settings)),
    }


def _tell(console: Console, supervisor: Supervisor, endpoints: Endpoints, setup: Setup | None) -> None:
    settings = supervisor.settings
    console.print("MarketBot is running. Stop it with Ctrl-C.")
    console.print(f"  webhook         {endpoints.api_url}/v1/webhook/SOURCE/SECRET   (marketbot source add NAME)")
    for url in endpoints.api_urls if endpoints.front_door else endpoints.api_urls[1:]:
        console.print(f"                  {url}{' (behind the front door)' if endpoints.front_door else ''}")
    console.print(f"  operator token  {settings.operator_token_file}")
    console.print(f"  data            {settings.data_dir}")
    console.print(f"  logs            {log_directory(settings)}")
    if endpoints.simulator is not None:
        console.print(f"  simulator       {endpoints.simulator}")
    if setup is not None and setup.link is not None:
        console.print("\nNobody can log in yet. This link makes the first admin, once, within a day:")
        console.print(f"  {setup.link}", soft_wrap=True, markup=False)
    elif setup is not None:
        console.print("\nNobody can log in yet: `marketbot people setup-link` shows the link that makes the first admin.")

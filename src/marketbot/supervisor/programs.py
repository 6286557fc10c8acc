"""The programs that make up a running service, and how each one says that it is ready."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from marketbot.api.draining import LEAVING_S
from marketbot.cache.valkey_server import ValkeyServer
from marketbot.settings import Settings
from marketbot.store.embedded.data_dir import write_private
from marketbot.supervisor.child import STOP_WAIT_S, Program, Renewal
from marketbot.supervisor.endpoints import answers
from marketbot.supervisor.environment import child_environment, engine_environment
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.front_door import LOG_STDERR, FrontDoor, Place, connections_for, render

READY_PATH = "/health/ready"
CACHE_RESTARTS_MAX = 1_000
"""Ten seconds apart at most: some three hours of dying at once before it is given up."""
FRONT_DOOR = "haproxy"
DOOR_STOP_WAIT_S = 3.0
"""When everything ends, the door takes no new requests and finishes those it has; connections at rest are not waited for longer."""
PLACES_OF_SYSTEM_PROGRAMS = ("/usr/local/sbin", "/usr/sbin", "/usr/local/bin")
"""Where a package puts a server that a user's own path often leaves out."""


def log_directory(settings: Settings) -> Path:
    return settings.data_dir / "logs"


def numbered(name: str, number: int) -> str:
    """Name a process among several of its kind; the first has the plain name."""
    return name if number == 0 else f"{name}-{number + 1}"


def api_program(settings: Settings, number: int, port: int) -> Program:
    """One process of the HTTP face; ready once the database answers it."""
    name = numbered("api", number)
    settings = settings.model_copy(update={"api_port": port})
    return Program(
        name=name,
        module="marketbot.api",
        arguments=(),
        environment=child_environment(settings),
        log_file=log_directory(settings) / f"{name}.log",
        ready=lambda: answers(settings.api_host, port, READY_PATH),
        renewal=Renewal.IN_PLACE,
        # When everything ends, nobody is left to take over while it drains.
        end_signal=signal.SIGINT,
        stop_wait_s=max(STOP_WAIT_S, settings.api_drain_s + LEAVING_S + 1.0),
    )


def find_front_door() -> str:
    """Return where HAProxy is.

    Raises:
        SupervisorError: it is not installed.
    """
    found = shutil.which(FRONT_DOOR)
    for directory in PLACES_OF_SYSTEM_PROGRAMS:
        found = found or shutil.which(FRONT_DOOR, path=directory)
    if found is None:
        raise SupervisorError(
            "The front door is HAProxy, and it is not installed here. Install it (Debian: apt-get install --no-install-recommends "
            "haproxy; its own service may stay off), or start without --front-door."
        )
    return found


def front_door_program(settings: Settings, listen: Place, api_ports: Sequence[int]) -> Program:
    """HAProxy before the APIs; ready once one of them is ready through it. Master and worker, so that it can read its configuration anew.

    Raises:
        SupervisorError: HAProxy is not installed.
    """
    binary = find_front_door()
    _, file_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    door = FrontDoor(
        listen,
        [Place(settings.api_host, each) for each in api_ports],
        max_connections=connections_for(file_limit),
        log=LOG_STDERR,
    )
    configuration = settings.data_dir / "front-door.cfg"
    write_private(configuration, render(door))
    return Program(
        name="front-door",
        module="marketbot.supervisor.foreign",
        arguments=(binary, "-W", "-db", "-f", str(configuration)),
        environment={name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TZ")}
        | {"MARKETBOT_DATA_DIR": str(settings.data_dir)},
        log_file=log_directory(settings) / "front-door.log",
        ready=lambda: answers(listen.host, listen.port, READY_PATH),
        renewal=Renewal.RELOAD,
        stop_wait_s=DOOR_STOP_WAIT_S,
    )


def engine_program(settings: Settings, number: int, metrics_port: int) -> Program:
    """One planner, dispatcher and reconciler; it says on a line of its own when it works."""
    name = numbered("engine", number)
    settings = settings.model_copy(update={"metrics_port": metrics_port})
    program = Program(
        name=name,
        module="marketbot.engine",
        arguments=(),
        environment=engine_environment(settings),
        log_file=log_directory(settings) / f"{name}.log",
        ready=lambda: asyncio.to_thread(_has_line, program.output_file),
        renewal=Renewal.OVERLAPPED,
    )
    return program


def cache_program(settings: Settings, server: ValkeyServer) -> Program:
    """The embedded shared store. Everything can do without it, so it is tried for long, and its end is nobody else's."""
    return Program(
        name="valkey",
        module="marketbot.cache",
        arguments=(),
        environment=child_environment(settings),
        log_file=log_directory(settings) / "valkey.log",
        ready=server.is_answering,
        restarts_max=CACHE_RESTARTS_MAX,
    )


def simulator_program(settings: Settings, ready_file: Path, *, seed: int, real_limits: bool) -> Program:
    """The exchange simulator on free ports. What it knows dies with it, so it is never started again."""
    state_dir = ready_file.parent
    arguments = ["--tls", "--control-port", "0", "--seed", str(seed), "--limits", "real" if real_limits else "off"]
    for venue in ("binance", "bybit"):
        for environment in ("mainnet", "testnet"):
            arguments += [f"--{venue}-{environment}-port", "0"]
    arguments += ["--state-dir", str(state_dir), "--ready-file", str(ready_file)]

    async def ready() -> bool:
        return await asyncio.to_thread(ready_file.exists)

    return Program(
        name="simulator",
        module="simexchange",
        arguments=arguments,
        environment=child_environment(settings),
        log_file=log_directory(settings) / "simulator.log",
        ready=ready,
        restarts_max=0,
    )


def _has_line(path: Path) -> bool:
    try:
        return path.read_bytes().endswith(b"\n")
    except FileNotFoundError:
        return False

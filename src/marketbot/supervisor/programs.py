"""The programs that make up a running service, and how each one says that it is ready."""

from __future__ import annotations

import asyncio
from pathlib import Path

from marketbot.cache.shared import is_answering
from marketbot.settings import Settings
from marketbot.supervisor.child import Program
from marketbot.supervisor.endpoints import answers
from marketbot.supervisor.environment import child_environment

READY_PATH = "/health/ready"
CACHE_RESTARTS_MAX = 1_000
"""Ten seconds apart at most: some three hours of dying at once before it is given up."""


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
    )


def engine_program(settings: Settings, number: int, metrics_port: int) -> Program:
    """One planner, dispatcher and reconciler; it says on a line of its own when it works."""
    name = numbered("engine", number)
    settings = settings.model_copy(update={"metrics_port": metrics_port})
    program = Program(
        name=name,
        module="marketbot.engine",
        arguments=(),
        environment=child_environment(settings),
        log_file=log_directory(settings) / f"{name}.log",
        ready=lambda: asyncio.to_thread(_has_line, program.output_file),
    )
    return program


def cache_program(settings: Settings, url: str) -> Program:
    """The embedded shared store. Everything can do without it, so it is tried for long, and its end is nobody else's."""

    async def ready() -> bool:
        return await is_answering(url)

    return Program(
        name="valkey",
        module="marketbot.cache",
        arguments=(),
        environment=child_environment(settings),
        log_file=log_directory(settings) / "valkey.log",
        ready=ready,
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

"""Put up everything a demo needs in a place of its own, and take it all down again, whatever happens."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from marketbot.audit.control import SimulatorControl
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.store_session import StoreSession
from marketbot.domain.egress import Egress
from marketbot.domain.venue import Profile
from marketbot.settings import LogLevel, Settings
from marketbot.store.pool import connect
from marketbot.supervisor.endpoints import Endpoints
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.supervisor import Supervisor

EGRESS_CANDIDATES = tuple(f"127.0.0.{number}" for number in range(2, 10))
"""Loopback source addresses: venues limit requests by address, so the fan-out is spread over several, as in real use."""


@dataclass(slots=True)
class Stage:
    """A running simulation. ``secrets`` are the sources' in clear, by name."""

    supervisor: Supervisor
    endpoints: Endpoints
    control: SimulatorControl
    store: StoreSession
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def egresses(self) -> int:
        return max(1, len(self.supervisor.settings.egress_addresses))


@asynccontextmanager
async def put_up(
    data_dir: Path | None,
    *,
    seed: int,
    keep: bool,
    progress: Callable[[str], None],
    changes: Mapping[str, object] = MappingProxyType({}),
) -> AsyncIterator[Stage]:
    """Start database, simulator, engine and API. A directory that was made here is removed afterwards, unless kept.

    ``changes`` are to the settings of the demo's own.

    Raises:
        CommandFailed: the place is not empty, or some part does not start.
    """
    place = await asyncio.to_thread(_place, data_dir)
    try:
        supervisor = Supervisor(_settings(place).model_copy(update=changes), progress=progress, simulator_seed=seed)
        try:
            endpoints = await supervisor.start()
        except SupervisorError as error:
            raise CommandFailed(FailureReason.SERVICE_FAILED, str(error)) from error
        try:
            connection = await connect(supervisor.dsn, name="demo")
            try:
                assert endpoints.simulator_ready_file is not None
                control = await asyncio.to_thread(SimulatorControl.from_ready_file, endpoints.simulator_ready_file)
                store = StoreSession(connection, supervisor.settings, supervisor.dsn, Profile.SIMULATION)
                yield Stage(supervisor, endpoints, control, store)
            finally:
                await connection.close()
        finally:
            await supervisor.stop()
    finally:
        if not keep:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def egress_addresses() -> tuple[Egress, ...]:
    """Return the loopback addresses that this system lets a socket be bound to; Linux does all of 127.0.0.0/8."""
    return tuple(Egress.parse(address) for address in EGRESS_CANDIDATES if _bindable(address))


def _bindable(address: str) -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _place(data_dir: Path | None) -> Path:
    """Return an empty directory that the database's own user can enter."""
    if data_dir is None:
        place = Path(tempfile.mkdtemp(prefix="marketbot-demo-"))
    else:
        place = data_dir.expanduser().absolute()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise CommandFailed(
                FailureReason.USAGE, f"{place} is not empty: a demo makes its own installation.", exit_code=EXIT_USAGE
            )
        place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return place


def _settings(place: Path) -> Settings:
    """Return settings of the demo's own: nothing of the caller's environment leads it to a real database or venue."""
    return Settings.model_construct(
        **{
            **{name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()},
            "data_dir": place,
            "database_url": None,
            "profile": Profile.SIMULATION,
            "egress_addresses": egress_addresses(),
            "api_port": 0,
            "metrics_port": 0,
            "log_level": LogLevel.WARNING,
        }
    )

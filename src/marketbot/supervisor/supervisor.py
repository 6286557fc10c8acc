"""Start the parts of a service in order, keep them running, and stop them in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import structlog
from pydantic import SecretStr

from marketbot.accounts.safe import ensure_kek
from marketbot.cache.valkey_server import ValkeyServer, ValkeyUnavailable
from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.store.budget import OPERATOR_RESERVE, Demand, Role
from marketbot.store.connections import ConnectionBudgetError, check_budget, usage
from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from marketbot.store.installation import Installation, WrongProfileError, open_installation
from marketbot.store.migrate import MigrationError, migrate
from marketbot.store.pool import Unavailable, connect
from marketbot.supervisor.backups import run_backups
from marketbot.supervisor.child import Child, Program
from marketbot.supervisor.endpoints import Endpoints, ports, refuse_taken
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.front_door import TRUSTED_LOCAL, Place
from marketbot.supervisor.migrating import apply_migrations
from marketbot.supervisor.programs import (
    api_program,
    cache_program,
    engine_program,
    find_front_door,
    front_door_program,
    log_directory,
    simulator_program,
)
from marketbot.supervisor.rolling import obey_orders
from marketbot.vault.vault import VaultError

OWNER_WAIT_S = 15.0
"""How long to wait for a short command that holds the database at the moment."""
OWNER_POLL_S = 0.25
LOOPBACK = "127.0.0.1"
"""Where the HTTP processes listen behind a front door of ours: nobody may go past it."""

log = structlog.get_logger(__name__)

Progress = Callable[[str], None]


class Supervisor:
    """One service: database, (simulator), engines, APIs.

    Args:
        settings: ``api_port`` and ``metrics_port`` 0 mean any free ports. Without ``database_url`` the embedded server is run.
        progress: told in a few words what is being started.
        simulator_seed: start an exchange simulator too, with this seed; for the simulation profile only.
        real_limits: let that simulator enforce the venues' rate limits.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        simulator_seed: int | None = None,
        real_limits: bool = True,
    ) -> None:
        if simulator_seed is not None and settings.profile is not Profile.SIMULATION:
            raise SupervisorError("Only the simulation profile runs the exchange simulator.")
        # Settled before the database's address is: whether it is ours decides what is backed up by default.
        self.settings = settings.model_copy(update={"backup_every": settings.backup_interval})
        self.installation: Installation | None = None
        self.endpoints: Endpoints | None = None
        self.database: EmbeddedPostgres | None = None
        self.children: dict[str, Child] = {}
        self._progress = progress or (lambda _words: None)
        self._simulator_seed = simulator_seed
        self._real_limits = real_limits
        self._api_ports: Sequence[int] = ()
        self._metrics_ports: Sequence[int] = ()
        self._door: Place | None = None
        self._failure: asyncio.Future[SupervisorError] | None = None
        self._backups: asyncio.Task[None] | None = None
        self._orders: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Supervisor {self.settings.data_dir} {list(self.children.values())}>"

    @property
    def dsn(self) -> str:
        """Where the database is; known once it runs."""
        if self.settings.database_url is None:
            raise SupervisorError("The database is not started.")
        return self.settings.database_url.get_secret_value()

    async def start(self) -> Endpoints:
        """Start everything and return where it answers.

        Raises:
            SupervisorError: some part cannot run; what was started is stopped again.
        """
        self._failure = asyncio.get_running_loop().create_future()
        if self.settings.front_door:
            find_front_door()
        try:
            await self._start_database()
            await self._prepare_database()
            await self._start_cache()
            if self._simulator_seed is not None:
                await self._start_simulator(self._simulator_seed)
            self._settle_ports()
            self._progress("engine and api")
            await self._start_children(*self._programs())
            if self._door is not None:
                self._progress("front door")
                await self._start_children(front_door_program(self.settings, self._door, self._api_ports))
        except BaseException:
            await self.stop()
            raise
        if self.settings.backup_every is not None:
            self._backups = asyncio.create_task(run_backups(self.settings, self.dsn, self.settings.backup_every), name="backups")
        self._orders = asyncio.create_task(
            obey_orders(self.settings.data_dir, self.children, self._child, self._before_restart), name="orders"
        )
        self._orders.add_done_callback(self._orders_ended)
        self.endpoints = self._describe()
        self.endpoints.write(self.settings.data_dir)
        return self.endpoints

    async def wait(self) -> None:
        """Wait until a part is given up.

        Raises:
            SupervisorError: which one, and why.
        """
        assert self._failure is not None
        raise await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Stop what runs: no new signals first, then the work in hand, the database last. Idempotent."""
        if self.endpoints is not None:
            Endpoints.remove(self.settings.data_dir)
            self.endpoints = None
        for task in (self._orders, self._backups):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._orders = self._backups = None
        for name in reversed(list(self.children)):
            await self.children.pop(name).stop()
        if self.database is not None:
            await self.database.stop()
            self.database = None

    async def _start_database(self) -> None:
        self._make_directories()
        if self.settings.database_url is not None:
            return
        self._progress("database")
        deadline = asyncio.get_running_loop().time() + OWNER_WAIT_S
        while True:
            self.database = EmbeddedPostgres(self.settings.data_dir, on_failure=self._database_failed)
            try:
                dsn = await self.database.start()
            except EmbeddedPostgresError as error:
                self.database = None
                raise SupervisorError(error.sentence, log_tail=error.log_tail) from error
            if self.database.owner:
                break
            await self.database.stop()
            self.database = None
            if self._runs_already() or asyncio.get_running_loop().time() > deadline:
                raise SupervisorError(
                    f"Another process runs the database in {self.settings.data_dir}: the service is running already. "
                    "Stop it first, or choose another data directory."
                )
            await asyncio.sleep(OWNER_POLL_S)
        self.settings = self.settings.model_copy(update={"database_url": SecretStr(dsn)})

    def _runs_already(self) -> bool:
        """Tell whether the database's owner is a whole service, and not a short command."""
        running = Endpoints.read(self.settings.data_dir)
        if running is None:
            return False
        try:
            os.kill(running.supervisor_pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _make_directories(self) -> None:
        """Make the logs' place. The database makes its own folders, since its server may run as another user."""
        data_dir = self.settings.data_dir
        if not data_dir.is_dir():
            data_dir.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        log_directory(self.settings).mkdir(mode=0o700, exist_ok=True)

    async def _prepare_database(self) -> None:
        """Bring the schema up to date, and make sure that the database is this profile's."""
        self._progress("schema")
        try:
            await migrate(self.dsn)
            connection = await connect(self.dsn, name="supervisor")
            try:
                self.installation = await open_installation(connection, self.settings.profile)
                await ensure_kek(connection, self.settings.data_dir)
                await check_budget(connection, self._demands())
            finally:
                await connection.close()
        except (Unavailable, MigrationError, WrongProfileError, ConnectionBudgetError, VaultError) as error:
            raise SupervisorError(str(error)) from error

    def _demands(self) -> Sequence[Demand]:
        """Say what the children may come to hold of the database's connections."""
        return (
            Demand(Role.API, self.settings.api_processes, self.settings.api_pool_size),
            Demand(Role.ENGINE, self.settings.engine_processes, self.settings.engine_pool_size),
        )

    async def _start_cache(self) -> None:
        """Run a shared store unless there is one. The service goes on without it when it cannot be run, or is given up later."""
        if self.settings.redis_url is not None:
            return
        self._progress("shared store")
        try:
            server = ValkeyServer(self.settings.data_dir)
            url = await asyncio.to_thread(server.prepare)
            child = Child(cache_program(self.settings, server))
            await child.start()
        except (ValkeyUnavailable, SupervisorError) as error:
            log.warning("shared_store_not_started", reason=str(error))
            return
        self.children[child.program.name] = child
        self.settings = self.settings.model_copy(update={"redis_url": SecretStr(url)})

    async def _start_simulator(self, seed: int) -> None:
        self._progress("simulator")
        state_dir = self.settings.data_dir / "simulator"
        state_dir.mkdir(mode=0o700, exist_ok=True)
        ready_file = state_dir / "ready.json"
        ready_file.unlink(missing_ok=True)
        await self._start_children(simulator_program(self.settings, ready_file, seed=seed, real_limits=self._real_limits))
        ready = orjson.loads(ready_file.read_bytes())
        self.settings = self.settings.model_copy(
            update={
                "simulator_ready_file": ready_file,
                "simulator_ca_file": None if ready["ca_file"] is None else Path(ready["ca_file"]),
            }
        )

    def _settle_ports(self) -> None:
        """Choose ports once, so that a child that is started again is found where it was."""
        settings = self.settings
        doors = 1 if settings.front_door else 0
        found = ports(settings.api_host, settings.api_port, settings.api_processes + doors)
        self._api_ports = found[doors:]
        self._metrics_ports = ports(settings.metrics_host, settings.metrics_port, settings.engine_processes)
        refuse_taken(settings.metrics_host, self._metrics_ports)
        changed: dict[str, object] = {"api_port": self._api_ports[0], "metrics_port": self._metrics_ports[0]}
        if settings.front_door:
            self._door = Place(settings.api_host, found[0])
            changed |= {"api_host": LOOPBACK, "trusted_proxies": (*settings.trusted_proxies, TRUSTED_LOCAL)}
        self.settings = settings.model_copy(update=changed)

    def _programs(self) -> list[Program]:
        engines = [engine_program(self.settings, number, port) for number, port in enumerate(self._metrics_ports)]
        return engines + [api_program(self.settings, number, port) for number, port in enumerate(self._api_ports)]

    async def _start_children(self, *programs: Program) -> None:
        """Start programs side by side; the first that fails is told of, when all have come to their end."""
        started = []
        for program in programs:
            child = self.children[program.name] = self._child(program)
            started.append(child.start())
        for result in await asyncio.gather(*started, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _child(self, program: Program) -> Child:
        return Child(program, on_failure=self._fail)

    async def _before_restart(self) -> None:
        """Apply the installed version's migrations, once there is room: while an engine hands over, there is one more than usual.

        Raises:
            SupervisorError: the database has no room, is away, or cannot be migrated.
        """
        try:
            connection = await connect(self.dsn, name="supervisor")
            try:
                now = await usage(connection)
            finally:
                await connection.close()
        except Unavailable as error:
            raise SupervisorError("The database is away: nothing is restarted now.") from error
        needed = Demand(Role.ENGINE, 1, self.settings.engine_pool_size).connections + OPERATOR_RESERVE
        if now.used + needed > now.usable:
            raise SupervisorError(
                f"Nothing was restarted: an engine's successor needs room for {needed} database connections beside the {now.used} "
                f"that are open, and the server has {now.usable}. Raise max_connections, or stop and start the service."
            )
        await apply_migrations(self.settings)

    def _orders_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("rolling_restart_broke", exc_info=task.exception())

    def _describe(self) -> Endpoints:
        settings = self.settings
        return Endpoints(
            supervisor_pid=os.getpid(),
            api_urls=[f"http://{settings.api_host}:{port}" for port in self._api_ports],
            front_door=None if self._door is None else f"http://{self._door}",
            engine_urls=[f"http://{settings.metrics_host}:{port}" for port in self._metrics_ports],
            egress_addresses=[way.spelled for way in settings.egress_addresses],
            simulator=None if settings.simulator_ready_file is None else str(settings.simulator_ready_file),
        )

    def _database_failed(self, error: EmbeddedPostgresError) -> None:
        self._fail(SupervisorError(error.sentence, log_tail=error.log_tail))

    def _fail(self, error: SupervisorError) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(error)

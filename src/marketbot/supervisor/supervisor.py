"""Start the parts of a service in order, keep them running, and stop them in the opposite order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import orjson
import structlog
from pydantic import SecretStr

from marketbot.cache.valkey_server import ValkeyServer, ValkeyUnavailable
from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from marketbot.store.installation import Installation, WrongProfileError, open_installation
from marketbot.store.migrate import MigrationError, migrate
from marketbot.store.pool import Unavailable, connect
from marketbot.supervisor.child import Child, Program
from marketbot.supervisor.endpoints import Endpoints, free_port
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.programs import api_program, cache_program, engine_program, log_directory, simulator_program

OWNER_WAIT_S = 15.0
"""How long to wait for a short command that holds the database at the moment."""
OWNER_POLL_S = 0.25

log = structlog.get_logger(__name__)

Progress = Callable[[str], None]


class Supervisor:
    """One service: database, (simulator), engine, API.

    Args:
        settings: ``api_port`` and ``metrics_port`` 0 mean any free port. Without ``database_url`` the embedded server is run.
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
        self.settings = settings
        self.installation: Installation | None = None
        self.endpoints: Endpoints | None = None
        self.database: EmbeddedPostgres | None = None
        self.children: dict[str, Child] = {}
        self._progress = progress or (lambda _words: None)
        self._simulator_seed = simulator_seed
        self._real_limits = real_limits
        self._failure: asyncio.Future[SupervisorError] | None = None

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
        try:
            await self._start_database()
            await self._prepare_database()
            await self._start_cache()
            if self._simulator_seed is not None:
                await self._start_simulator(self._simulator_seed)
            self._settle_ports()
            self._progress("engine and api")
            await self._start_children(engine_program(self.settings), api_program(self.settings))
        except BaseException:
            await self.stop()
            raise
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
            finally:
                await connection.close()
        except (Unavailable, MigrationError, WrongProfileError) as error:
            raise SupervisorError(str(error)) from error

    async def _start_cache(self) -> None:
        """Run a shared store unless there is one. The service goes on without it when it cannot be run, or is given up later."""
        if self.settings.redis_url is not None:
            return
        self._progress("shared store")
        try:
            url = await asyncio.to_thread(ValkeyServer(self.settings.data_dir).prepare)
            child = Child(cache_program(self.settings, url))
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
        api_port = self.settings.api_port or free_port(self.settings.api_host)
        metrics_port = self.settings.metrics_port or free_port(self.settings.metrics_host)
        self.settings = self.settings.model_copy(update={"api_port": api_port, "metrics_port": metrics_port})

    async def _start_children(self, *programs: Program) -> None:
        """Start programs side by side; the first that fails is told of, when all have come to their end."""
        started = []
        for program in programs:
            child = self.children[program.name] = Child(program, on_failure=self._fail)
            started.append(child.start())
        for result in await asyncio.gather(*started, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _describe(self) -> Endpoints:
        settings = self.settings
        return Endpoints(
            supervisor_pid=os.getpid(),
            api_url=f"http://{settings.api_host}:{settings.api_port}",
            engine_url=f"http://{settings.metrics_host}:{settings.metrics_port}",
            egress_addresses=settings.egress_addresses,
            simulator=None if settings.simulator_ready_file is None else str(settings.simulator_ready_file),
        )

    def _database_failed(self, error: EmbeddedPostgresError) -> None:
        self._fail(SupervisorError(error.sentence, log_tail=error.log_tail))

    def _fail(self, error: SupervisorError) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(error)

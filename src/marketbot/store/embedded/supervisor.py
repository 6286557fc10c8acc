"""Supervise one embedded Postgres: start it, keep it running, stop it.

If our process is killed with -9 the server goes on: other processes may be using it, and PR_SET_PDEATHSIG would
take it from them (and fires when the *thread* that forked ends, too). The next start finds it, and adopts it when
it is the same version with the same settings and answers; otherwise it stops it and starts a fresh one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import asyncpg
import structlog

from marketbot.store.embedded.binaries import Binaries, ServerUser
from marketbot.store.embedded.cluster import configure, ensure_cluster
from marketbot.store.embedded.configuration import SUPERUSER, Endpoint
from marketbot.store.embedded.data_dir import DATA_DIR_VARIABLE, DataDir, OwnerLock, write_private
from marketbot.store.embedded.errors import EmbeddedPostgresError
from marketbot.store.embedded.leftovers import clear_leftovers, wait_until_gone
from marketbot.store.embedded.postmaster import POLL_S, PidFile, Postmaster

DATABASE = "marketbot"
SOCKET_PORT = 5432  # only a part of the socket's name
START_ATTEMPTS_MAX = 10
START_RETRY_S = 0.2
START_WAIT_S = 120.0  # crash recovery replays up to max_wal_size
JOIN_WAIT_S = 150.0
JOIN_POLL_S = 0.1
ADOPT_WAIT_S = 15.0
CONNECT_TIMEOUT_S = 2.0
RESTART_ATTEMPTS_MAX = 6
RESTART_BACKOFF_S = 0.05
RESTART_BACKOFF_MAX_S = 5.0
SETTLED_S = 60.0  # a server that lived this long starts with a clean record
LOG_PRUNE_S = 60.0
# A start that fails with one of these succeeds once the killed predecessor has left the process table.
TRANSIENT = ("lock file", "shared memory block", "could not bind")

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """One Postgres server below `data_dir`, with a database named "marketbot".

    The first process to start it owns it. Others get the same DSN from `start` and only use it: their `stop` leaves
    it running, and they do not restart it.

    Args:
        data_dir: a folder of its own, outside the repository; created when missing.
        port: listen on this loopback port (password in a private pgpass file) instead of a private unix socket.
        settings: server settings that win over ours.
        on_restart: called with the number of restarts so far, after each unexpected death that was healed.
        on_failure: called once when the server could not be brought back and is given up.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        on_restart: Callable[[int], None] | None = None,
        on_failure: Callable[[EmbeddedPostgresError], None] | None = None,
    ) -> None:
        self._data_dir = DataDir(data_dir.absolute())
        self._port = port
        self._settings = dict(settings or {})
        self._on_restart = on_restart
        self._on_failure = on_failure
        self._user = ServerUser.current()
        self._binaries: Binaries | None = None
        self._endpoint: Endpoint | None = None
        self._lock: OwnerLock | None = None
        self._postmaster: Postmaster | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.restarts = 0
        self.restarted = asyncio.Event()
        self.failure: EmbeddedPostgresError | None = None

    def __repr__(self) -> str:
        state = "owner" if self.owner else "guest" if self._endpoint is not None else "stopped"
        return f"<EmbeddedPostgres {self._data_dir.root} {state} pid={self.pid} restarts={self.restarts}>"

    @property
    def owner(self) -> bool:
        """Tell whether this process supervises the server."""
        return self._lock is not None

    @property
    def adopted(self) -> bool:
        """Tell whether the running server was found, not started, by this process."""
        return self._postmaster is not None and self._postmaster.adopted

    @property
    def pid(self) -> int | None:
        """Return the postmaster's pid, or None when it is not running."""
        if self._postmaster is not None:
            return self._postmaster.pid
        pid_file = PidFile.read(self._data_dir) if self._endpoint is not None else None
        return None if pid_file is None else pid_file.pid

    @property
    def endpoint(self) -> Endpoint | None:
        """Return where the server listens, or None while it is not started."""
        return self._endpoint

    @property
    def dsn(self) -> str:
        return self.dsn_for(DATABASE)

    def dsn_for(self, database: str) -> str:
        """Return the connection string of one database of this server; it never holds a password."""
        if self._endpoint is None:
            raise EmbeddedPostgresError("The embedded database is not started.")
        return self._endpoint.dsn(database)

    async def __aenter__(self) -> EmbeddedPostgres:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> str:
        """Start (or adopt, or join) the server and return its DSN once it takes connections. Idempotent.

        Raises: EmbeddedPostgresError.
        """
        if self._endpoint is not None:
            return self.dsn
        try:
            self._data_dir.create(self._user)
            self._lock = OwnerLock.acquire(self._data_dir.lock_file) or await self._join()
            if self._lock is not None:
                await self._start_as_owner()
        except BaseException as error:
            await self._let_go()
            if isinstance(error, OSError | asyncpg.PostgresError):
                raise EmbeddedPostgresError(self._why_unusable(error)) from error
            raise
        if self._lock is not None:
            self._watcher = asyncio.create_task(self._watch(), name="embedded-postgres-watch")
        return self.dsn

    async def stop(self) -> None:
        """Stop the server if this process owns it. Idempotent."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._let_go()

    async def kill(self) -> None:
        """SIGKILL every process of the server (for tests); the supervisor then brings it back."""
        if self._postmaster is not None:
            await self._postmaster.kill()

    async def _let_go(self) -> None:
        if self._lock is not None:
            self._data_dir.endpoint_file.unlink(missing_ok=True)
            if self._postmaster is not None:
                await self._postmaster.stop()
                await wait_until_gone(self._data_dir)
            self._lock.release()
        self._lock = self._postmaster = self._endpoint = None

    async def _join(self) -> OwnerLock | None:
        """Wait for the server of the process that holds the lock; return the lock instead if that process goes away."""
        deadline = asyncio.get_running_loop().time() + JOIN_WAIT_S
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(FileNotFoundError):
                found = json.loads(self._data_dir.endpoint_file.read_text())
                endpoint = Endpoint(self._data_dir, found["port"], found["tcp"])
                if await _answers(endpoint):
                    self._endpoint = endpoint
                    return None
            lock = OwnerLock.acquire(self._data_dir.lock_file)
            if lock is not None:
                return lock
            await asyncio.sleep(JOIN_POLL_S)
        raise EmbeddedPostgresError(
            f"Another process keeps the database in {self._data_dir.root} but it does not answer; "
            "stop that process, or choose another place."
        )

    async def _start_as_owner(self) -> None:
        self._binaries = await asyncio.to_thread(Binaries.usable_by, self._user, self._data_dir.binaries)
        await asyncio.to_thread(ensure_cluster, self._data_dir, self._binaries, self._user)
        orphan = Postmaster.find(self._data_dir)
        self._endpoint = self._choose_endpoint(orphan)
        changed = configure(self._endpoint, self._settings, self._binaries, self._user)
        self._data_dir.prune_logs()
        if orphan is not None and (changed or not await self._adopt(orphan)):
            log.info("embedded_postgres_orphan_stopped", pid=orphan.pid, settings_changed=changed)
            await orphan.stop()
        if self._postmaster is None:
            await self._bring_up()
        await self._ensure_database()
        address = {"port": self._endpoint.port, "tcp": self._endpoint.tcp}
        write_private(self._data_dir.endpoint_file, json.dumps(address))

    def _why_unusable(self, error: OSError | asyncpg.PostgresError) -> str:
        place = self._data_dir.root
        if isinstance(error, PermissionError):
            return (
                f"The database place {place} belongs to another user ({error.strerror}: {error.filename}); "
                f"start as that user or choose another place with {DATA_DIR_VARIABLE}."
            )
        return f"The database place {place} cannot be used ({type(error).__name__}: {error})."

    def _choose_endpoint(self, orphan: Postmaster | None) -> Endpoint:
        if self._port is not None:
            return Endpoint(self._data_dir, self._port, tcp=True)
        if self._data_dir.socket_fits(SOCKET_PORT):
            return Endpoint(self._data_dir, SOCKET_PORT, tcp=False)
        pid_file = PidFile.read(self._data_dir) if orphan is not None else None
        port = None if pid_file is None else pid_file.port
        return Endpoint(self._data_dir, port or _free_port(), tcp=True)

    async def _adopt(self, orphan: Postmaster) -> bool:
        assert self._endpoint is not None
        deadline = asyncio.get_running_loop().time() + ADOPT_WAIT_S
        while orphan.running() and asyncio.get_running_loop().time() < deadline:
            if orphan.ready() and await _answers(self._endpoint):
                self._postmaster = orphan
                log.info("embedded_postgres_adopted", pid=orphan.pid)
                return True
            await asyncio.sleep(START_RETRY_S)
        return False

    async def _bring_up(self) -> None:
        """Start the server, again while a killed predecessor is still leaving, and wait until it is ready."""
        assert self._binaries is not None
        assert self._endpoint is not None
        for _ in range(START_ATTEMPTS_MAX):
            await clear_leftovers(self._data_dir, self._endpoint.port)
            self._postmaster = Postmaster.spawn(self._data_dir, self._binaries, self._user)
            if await self._became_ready(self._postmaster):
                return
            await wait_until_gone(self._data_dir)
            tail = self._data_dir.log_tail()
            if not any(word in tail for word in TRANSIENT):
                break
            await asyncio.sleep(START_RETRY_S)
        self._postmaster = None
        raise EmbeddedPostgresError(f"The database in {self._data_dir.root} did not start.", log_tail=tail)

    async def _became_ready(self, postmaster: Postmaster) -> bool:
        deadline = asyncio.get_running_loop().time() + START_WAIT_S
        while postmaster.running():
            if postmaster.ready():
                return True
            if asyncio.get_running_loop().time() > deadline:
                await postmaster.stop()
                return False
            await asyncio.sleep(POLL_S)
        await postmaster.wait()
        return False

    async def _ensure_database(self) -> None:
        assert self._endpoint is not None
        connection = await asyncpg.connect(self._endpoint.dsn("postgres"), timeout=CONNECT_TIMEOUT_S)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {SUPERUSER}")
        finally:
            await connection.close()

    async def _watch(self) -> None:
        """Restart the server whenever it ends while we want it, until it cannot be started any more."""
        loop = asyncio.get_running_loop()
        deaths_in_a_row = 0
        while self._postmaster is not None:
            started = loop.time()
            status = await self._outlive(self._postmaster)
            deaths_in_a_row = 1 if loop.time() - started > SETTLED_S else deaths_in_a_row + 1
            log.warning("embedded_postgres_died", status=status, deaths_in_a_row=deaths_in_a_row)
            try:
                if deaths_in_a_row > RESTART_ATTEMPTS_MAX:
                    raise EmbeddedPostgresError(
                        f"The database in {self._data_dir.root} died {deaths_in_a_row} times in a row.",
                        log_tail=self._data_dir.log_tail(),
                    )
                await asyncio.sleep(min(RESTART_BACKOFF_S * 2**deaths_in_a_row, RESTART_BACKOFF_MAX_S))
                await self._bring_up()
            except EmbeddedPostgresError as error:
                self.failure = error
                log.error("embedded_postgres_given_up", reason=error.sentence, log_tail=error.log_tail)
                if self._on_failure is not None:
                    self._on_failure(error)
                return
            self.restarts += 1
            self.restarted.set()
            log.warning("embedded_postgres_restarted", pid=self._postmaster.pid, restarts=self.restarts)
            if self._on_restart is not None:
                self._on_restart(self.restarts)

    async def _outlive(self, postmaster: Postmaster) -> int | None:
        """Wait for the server's end, keeping the number of its log files bounded meanwhile."""
        ended = asyncio.ensure_future(postmaster.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=LOG_PRUNE_S))[0]:
                self._data_dir.prune_logs()
            return ended.result()
        finally:
            ended.cancel()


async def _answers(endpoint: Endpoint) -> bool:
    try:
        connection = await asyncpg.connect(endpoint.dsn("postgres"), timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

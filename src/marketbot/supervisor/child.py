"""One child process: started, watched until it is ready, started again when it dies, stopped in good order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from marketbot.supervisor.errors import SupervisorError
from marketbot.workers.memory import REPLACE_STATUS

READY_WAIT_S = 60.0
READY_POLL_S = 0.05
STOP_WAIT_S = 15.0
"""How long a child may take to finish what it has in hand before it is killed."""
RESTART_ATTEMPTS_MAX = 8
RESTART_BACKOFF_S = 0.1
RESTART_BACKOFF_MAX_S = 10.0
SETTLED_S = 60.0
"""A child that lived this long starts with a clean record."""
LOG_BYTES_MAX = 64 * 1024 * 1024
LOG_TAIL_BYTES = 2_000

log = structlog.get_logger(__name__)


class Renewal(StrEnum):
    """How a program that runs is replaced by a new process of itself."""

    NEVER = "never"
    OVERLAPPED = "overlapped"
    """The new one is ready before the old one is asked to end."""
    IN_PLACE = "in_place"
    """The old one drains, and the new one takes its port."""
    RELOAD = "reload"
    """It replaces its own workers on SIGUSR2."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. ``ready`` tells whether it serves; ``environment`` is the whole of it and may hold secrets.

    Standard error goes to the log file; standard output to a file beside it that begins anew at every start.
    """

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    ready: Callable[[], Awaitable[bool]]
    restarts_max: int = RESTART_ATTEMPTS_MAX
    """How often in a row it is started again before it is given up."""
    renewal: Renewal = Renewal.NEVER
    end_signal: signal.Signals = signal.SIGTERM
    """Ends it when the whole service ends; in a renewal it is SIGTERM."""
    stop_wait_s: float = STOP_WAIT_S

    def __repr__(self) -> str:
        return f"<Program {self.name}: {self.module}>"

    @property
    def output_file(self) -> Path:
        return self.log_file.with_suffix(".out")


class Child:
    """Keeps one program running.

    ``on_restart`` is called after each unexpected death that was healed, ``on_failure`` once, when it is given up.
    """

    def __init__(
        self,
        program: Program,
        *,
        on_restart: Callable[[str, int], None] | None = None,
        on_failure: Callable[[SupervisorError], None] | None = None,
    ) -> None:
        self.program = program
        self.restarts = 0
        self._on_restart = on_restart
        self._on_failure = on_failure
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Child {self.program.name} pid={self.pid} restarts={self.restarts}>"

    @property
    def pid(self) -> int | None:
        """The process's id, which is its group's too; None while it does not run."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Start the program and return once it is ready.

        Raises:
            SupervisorError: it died or was not ready in time; the log's tail says why.
        """
        await self._spawn()
        try:
            await self._until_ready()
        except BaseException:
            await self._end()
            raise
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.program.name}")

    async def stop(self, number: signal.Signals | None = None) -> None:
        """Ask the program to end, and kill what is left of it after its ``stop_wait_s``. Idempotent."""
        await self._unwatch()
        await self._end(number)

    async def renew(self) -> None:
        """End the program, let it drain, and start it anew; return once it is ready.

        Raises:
            SupervisorError: it is not ready. It is watched nevertheless, and started again as after any death.
        """
        await self._unwatch()
        await self._end(signal.SIGTERM)
        await self._spawn()
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.program.name}")
        await self._until_ready()

    async def tell(self, number: signal.Signals) -> None:
        """Tell the program something, and return once it is ready (again).

        Raises:
            SupervisorError: it does not run, or is not ready.
        """
        if self._process is None or self._process.returncode is not None:
            raise SupervisorError(f"The {self.program.name} does not run.")
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        await self._until_ready()

    async def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None

    async def _spawn(self) -> None:
        program = self.program
        if program.log_file.exists() and program.log_file.stat().st_size > LOG_BYTES_MAX:
            program.log_file.replace(program.log_file.with_suffix(".old.log"))
        with _private(program.log_file, os.O_APPEND) as log_file, _private(program.output_file, os.O_TRUNC) as output_file:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "marketbot.supervisor.tether",
                program.module,
                *program.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=output_file,
                stderr=log_file,
                env=dict(program.environment),
                # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends its children in order.
                start_new_session=True,
            )

    async def _until_ready(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + READY_WAIT_S
        while not await self.program.ready():
            if self._process.returncode is not None:
                raise SupervisorError(
                    f"The {self.program.name} ended with status {self._process.returncode} while starting.",
                    log_tail=self.log_tail(),
                )
            if asyncio.get_running_loop().time() > deadline:
                raise SupervisorError(
                    f"The {self.program.name} was not ready after {READY_WAIT_S:.0f} seconds.", log_tail=self.log_tail()
                )
            await asyncio.sleep(READY_POLL_S)

    async def _watch(self) -> None:
        """Start the program again whenever it ends, until it cannot be."""
        loop = asyncio.get_running_loop()
        deaths_in_a_row = 0
        while True:
            assert self._process is not None
            started_s = loop.time()
            status = await self._process.wait()
            self._kill_group()
            if status == REPLACE_STATUS:
                # It asked for this, when it was done with what it had begun: no death, and nothing to wait for.
                deaths_in_a_row = 0
                log.warning("child_replaced", child=self.program.name)
            else:
                deaths_in_a_row = 1 if loop.time() - started_s > SETTLED_S else deaths_in_a_row + 1
                log.warning("child_died", child=self.program.name, status=status, deaths_in_a_row=deaths_in_a_row)
                if deaths_in_a_row > self.program.restarts_max:
                    self._give_up(deaths_in_a_row)
                    return
                await asyncio.sleep(min(RESTART_BACKOFF_S * 2 ** (deaths_in_a_row - 1), RESTART_BACKOFF_MAX_S))
            await self._spawn()
            try:
                await self._until_ready()
            except SupervisorError as error:
                log.warning("child_not_ready", child=self.program.name, reason=error.sentence)
                self._kill_group()
                continue
            self.restarts += 1
            log.warning("child_restarted", child=self.program.name, pid=self.pid, restarts=self.restarts)
            if self._on_restart is not None:
                self._on_restart(self.program.name, self.restarts)

    def _give_up(self, deaths: int) -> None:
        often = "" if deaths == 1 else f" {deaths} times in a row"
        error = SupervisorError(f"The {self.program.name} died{often}.", log_tail=self.log_tail())
        log.error("child_given_up", child=self.program.name, reason=error.sentence)
        if self._on_failure is not None:
            self._on_failure(error)

    async def _end(self, number: signal.Signals | None = None) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number or self.program.end_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.program.stop_wait_s):
                    await process.wait()
        self._kill_group()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        self._process = None

    def _kill_group(self) -> None:
        """Kill what the program left behind: workers of a server that was killed hold its port."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def log_tail(self) -> str:
        """Return the end of the program's log."""
        try:
            with self.program.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                return file.read().decode(errors="replace").strip()
        except FileNotFoundError:
            return ""


@contextlib.contextmanager
def _private(path: Path, mode: int) -> Iterator[int]:
    """Open a file for writing that others cannot read: logs hold no secret, but they tell who trades what."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

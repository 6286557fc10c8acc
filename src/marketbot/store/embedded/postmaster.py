"""One server process: started by us, or found running after its supervisor was killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marketbot.store.embedded.binaries import Binaries, ServerUser
from marketbot.store.embedded.data_dir import DataDir

PROCFS = Path("/proc")
PROCFS_COMMAND = PROCFS / "self" / "cmdline"
POLL_S = 0.02
STOP_FAST_S = 30.0
STOP_IMMEDIATE_S = 10.0
KILL_ROUNDS_MAX = 100
SOCKET_PROBE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class PidFile:
    """The lines of postmaster.pid that we use (src/include/utils/pidfile.h of Postgres)."""

    pid: int
    port: int | None
    ready: bool

    @classmethod
    def read(cls, data_dir: DataDir) -> PidFile | None:
        try:
            lines = (data_dir.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if not lines or not lines[0].strip().isdigit():
            return None
        port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None
        return cls(int(lines[0]), port, ready=len(lines) > 7 and lines[7].startswith("ready"))


class Postmaster:
    """The parent process of a server. `child` is None when it was adopted."""

    def __init__(self, data_dir: DataDir, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self._data_dir = data_dir
        self._child = child
        self.pid = pid

    @classmethod
    def spawn(cls, data_dir: DataDir, binaries: Binaries, user: ServerUser) -> Postmaster:
        """Start the server in a session of its own: a Ctrl-C at our terminal must not stop it before we do.

        It gets none of our environment (which holds secrets). `subprocess` is used directly because uvloop's
        subprocess_exec does not know `user=`.
        """
        with data_dir.startup_log.open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 - our own binary, arguments of our own
                [binaries.postgres, "-D", data_dir.cluster],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"LC_ALL": "C", "TZ": "UTC"},
                cwd="/",
                start_new_session=True,
                umask=0o077,
                **user.popen_arguments(),
            )
        return cls(data_dir, child.pid, child)

    @classmethod
    def find(cls, data_dir: DataDir) -> Postmaster | None:
        """Find a server that already runs on this data directory."""
        pid_file = PidFile.read(data_dir)
        pids = [pid for pid, command in _commands() if command == _postmaster_command(command, data_dir)]
        if pid_file is not None and pid_file.pid in pids:
            return cls(data_dir, pid_file.pid, None)
        return cls(data_dir, min(pids), None) if pids else None

    @property
    def adopted(self) -> bool:
        return self._child is None

    def ready(self) -> bool:
        """Tell whether the server says that it takes connections."""
        pid_file = PidFile.read(self._data_dir)
        return pid_file is not None and pid_file.pid == self.pid and pid_file.ready

    def running(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return _running(self.pid)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the server is gone: its pid may belong to somebody else by now."""
        if self.running():
            _signal(self.pid, number)

    async def wait(self) -> int | None:
        """Wait for the end; return the exit status, or None when it was not our child."""
        pidfd_open = getattr(os, "pidfd_open", None)
        if pidfd_open is None:
            while self.running():  # noqa: ASYNC110 - no event tells it on this platform
                await asyncio.sleep(POLL_S)
        elif self.running():
            await _wait_pidfd(pidfd_open, self.pid)
        # Reaping here is what lets the next start see that the old pid is gone.
        return None if self._child is None else self._child.wait()

    async def stop(self) -> None:
        """Stop the server: fast shutdown, then immediate, then SIGKILL for whatever is left."""
        for number, patience_s in ((signal.SIGINT, STOP_FAST_S), (signal.SIGQUIT, STOP_IMMEDIATE_S)):
            self.send(number)
            try:
                await asyncio.wait_for(self.wait(), patience_s)
            except TimeoutError:
                continue
            return
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL the whole cluster, so that nothing of it writes another byte."""
        self.send(signal.SIGSTOP)
        for _ in range(KILL_ROUNDS_MAX):
            pids = cluster_pids(self._data_dir)
            if not pids:
                break
            for pid in pids:
                _signal(pid, signal.SIGKILL)
            await asyncio.sleep(POLL_S)
        await self.wait()


def cluster_pids(data_dir: DataDir) -> list[int]:
    """List the live processes of this data directory's server: the postmaster and its children."""
    title = f"postgres: {data_dir.cluster_name}: "
    return [pid for pid, command in _commands() if command.startswith(title) or command == _postmaster_command(command, data_dir)]


def somebody_listens(path: Path) -> bool:
    """Tell whether a process (perhaps of another container, whose pids we cannot see) accepts on this socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(SOCKET_PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _postmaster_command(command: str, data_dir: DataDir) -> str:
    return f"{command.split(' -D ', 1)[0]} -D {data_dir.cluster}"


def _commands() -> Iterator[tuple[int, str]]:
    """Yield (pid, command line) of every process that mentions postgres. A zombie has no command line."""
    if PROCFS_COMMAND.exists():
        for entry in PROCFS.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                raw = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"postgres" in raw:
                yield int(entry.name), os.fsdecode(raw.rstrip(b"\0").replace(b"\0", b" "))
        return
    listing = subprocess.run(["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if "postgres" in command and pid.isdigit():
            yield int(pid), command.strip()


def _running(pid: int) -> bool:
    return any(found == pid for found, _ in _commands())


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def _wait_pidfd(pidfd_open: object, pid: int) -> None:
    assert callable(pidfd_open)
    try:
        descriptor = pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)

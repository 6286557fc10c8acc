"""Who the embedded server runs as, and whose files it keeps to."""

# The processes and files of a server are what is tested here; that a test's loop blocks meanwhile is no harm.
# ruff: noqa: ASYNC221, ASYNC240

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.embedded_server import SUPERVISOR, as_root, run

from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from marketbot.store.embedded.binaries import Binaries, ServerUser

pytestmark = pytest.mark.process


@as_root
async def test_root_runs_the_server_as_nobody(place: Path) -> None:
    async with EmbeddedPostgres(place) as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid
        assert owner == 65534
        assert place.stat().st_uid == 0
        # The server's user, who could read the files anyway, is still not let in as the superuser.
        psql = Binaries.of_wheel().directory / "psql"
        attempt = subprocess.run(
            [psql, server.dsn, "-c", "SELECT 1"], user=65534, group=65534, extra_groups=[], capture_output=True, text=True
        )
        assert attempt.returncode != 0
        assert "Peer authentication failed" in attempt.stderr


@as_root
async def test_place_that_the_server_cannot_enter_is_refused(place: Path) -> None:
    place.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"uid 65534, which cannot enter {place};"):
        await EmbeddedPostgres(place / "inner").start()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700  # a foreign directory is left as it was


@as_root
async def test_unreadable_binaries_are_copied_once(place: Path, disk_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, hidden = Binaries.of_wheel(), disk_place
    hidden.mkdir(mode=0o700)
    copy = real.copied_below(hidden / "site-packages")
    monkeypatch.setattr(Binaries, "of_wheel", classmethod(lambda cls: copy))
    assert not copy.runnable_by(ServerUser.current())
    inodes = set()
    for _ in range(2):
        async with EmbeddedPostgres(place) as server:
            assert await run(server.dsn, "SELECT 1") == 1
            inodes.add((place / "binaries" / real.version).stat().st_ino)
    assert len(inodes) == 1
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


def _as_user(uid: int, script: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as an ordinary user, with an interpreter and a path that this user can read."""
    interpreter = Path("/usr/bin/python3")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    probe = subprocess.run([interpreter, "--version"], capture_output=True, text=True) if interpreter.exists() else None
    if probe is None or not probe.stdout.startswith(f"Python {version}."):
        pytest.skip(f"NOT TESTED: no Python {version} that an ordinary user can run")
    user = ServerUser(uid, uid, dropped=True)
    readable = [path for path in sys.path if path and user.closed_directory(Path(path)) is None]
    return subprocess.run(
        [interpreter, "-c", script, *arguments],
        env={"HOME": str(home), "PYTHONPATH": ":".join(readable), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        **user.popen_arguments(),
    )


def _unnamed_uid() -> int:
    for uid in range(12345, 12445):
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise AssertionError("every uid has a name")


@as_root
async def test_place_of_another_user_is_refused(place: Path) -> None:
    """An ordinary user gets a sentence, not a trace, when the place is root's."""
    async with EmbeddedPostgres(place):
        result = _as_user(pwd.getpwnam("daemon").pw_uid, SUPERVISOR, str(place), home=Path("/nonexistent"))
        assert result.returncode != 0
        assert "belongs to another user" in result.stderr


@as_root
@pytest.mark.parametrize("named", [True, False])
def test_ordinary_user(place: Path, named: bool) -> None:
    """Run everything as an ordinary user with a home of its own; a uid without a name is common in containers."""
    uid = pwd.getpwnam("daemon").pw_uid if named else _unnamed_uid()
    place.mkdir()
    place.chmod(0o755)
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    script = """
import asyncio, asyncpg, os
from marketbot.store.embedded import EmbeddedPostgres, default_data_root
async def main():
    place = default_data_root() / "postgres"
    async with EmbeddedPostgres(place) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        await connection.close()
        await server.kill()
        await asyncio.wait_for(server.restarted.wait(), 30)
    async with EmbeddedPostgres(place) as server:
        connection = await asyncpg.connect(server.dsn)
        print("kept", await connection.fetchval("SELECT n FROM kept"), os.getuid(), place)
        await connection.close()
asyncio.run(main())
"""
    result = _as_user(uid, script, home=home)
    assert result.returncode == 0, result.stderr
    assert f"kept 1 {uid} {home}/.local/share/marketbot/postgres" in result.stdout

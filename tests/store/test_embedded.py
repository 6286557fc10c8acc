"""The embedded server as a whole: it keeps data, survives crashes, and minds nobody else's files."""

# The processes and files of a server are what is tested here; that a test's loop blocks meanwhile is no harm.
# ruff: noqa: ASYNC220, ASYNC240

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import socket
import stat
import subprocess
from pathlib import Path

import asyncpg
import pytest
import uvloop
from tests.store.embedded_server import PATIENCE_S, run, until

from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_root, supervisor
from marketbot.store.embedded.binaries import ServerUser
from marketbot.store.embedded.data_dir import DataDir
from marketbot.store.embedded.postmaster import cluster_pids
from marketbot.store.pool import is_unavailable

COMMITS = 400

pytestmark = pytest.mark.process


async def test_data_survive_a_restart(place: Path) -> None:
    async with EmbeddedPostgres(place) as server:
        assert server.owner
        await run(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n")
        first = server.pid
    assert cluster_pids(DataDir(place)) == []
    async with EmbeddedPostgres(place) as server:
        assert server.pid != first
        assert await run(server.dsn, "SELECT n FROM kept") == 42
        assert await run(server.dsn, "SELECT lower('ÇÃO')") == "ção"


def test_runs_under_uvloop(place: Path) -> None:
    async def live_and_die() -> int:
        async with EmbeddedPostgres(place) as server:
            await server.kill()
            await asyncio.wait_for(server.restarted.wait(), PATIENCE_S)
            await run(server.dsn, "SELECT 1")
            return server.restarts

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(live_and_die()) == 1
    assert cluster_pids(DataDir(place)) == []


async def test_stop_during_a_restart_leaves_no_process(place: Path) -> None:
    server = EmbeddedPostgres(place)
    await server.start()
    await server.kill()
    await server.stop()
    assert cluster_pids(DataDir(place)) == []
    async with EmbeddedPostgres(place) as again:
        assert await run(again.dsn, "SELECT 1") == 1


async def test_place_that_is_a_file_is_told(place: Path) -> None:
    place.write_text("")
    try:
        with pytest.raises(EmbeddedPostgresError, match=f"The database place {place} cannot be used"):
            await EmbeddedPostgres(place).start()
    finally:
        place.unlink()


async def test_start_and_stop_may_be_repeated(place: Path) -> None:
    server = EmbeddedPostgres(place)
    dsn = await server.start()
    assert await server.start() == dsn == server.dsn
    await server.stop()
    await server.stop()
    assert server.pid is None
    with pytest.raises(EmbeddedPostgresError, match="not started"):
        _ = server.dsn


def _has_name() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


async def test_listens_only_on_a_private_socket(place: Path) -> None:
    async with EmbeddedPostgres(place) as server:
        assert await run(server.dsn, "SHOW listen_addresses") == ""
        assert stat.S_IMODE((place / "run").stat().st_mode) == 0o700
        assert stat.S_IMODE((place / "cluster").stat().st_mode) == 0o700
        # A uid without a name cannot be mapped to a role: behind the private directory it is trusted.
        method = "peer" if _has_name() else "trust"
        assert await run(server.dsn, "SELECT auth_method FROM pg_hba_file_rules") == method


async def test_durability_settings(place: Path) -> None:
    async with EmbeddedPostgres(place, settings={"work_mem": "7MB"}) as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await run(server.dsn, f"SHOW {name}") == "on"
        assert await run(server.dsn, "SHOW jit") == "off"
        assert await run(server.dsn, "SHOW work_mem") == "7MB"


async def test_server_gets_nothing_of_our_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETBOT_TEST_SECRET", "do-not-pass-on")
    async with EmbeddedPostgres(place) as server:
        environment = Path(f"/proc/{server.pid}/environ")
        if not environment.exists():
            pytest.skip("NOT TESTED: no /proc here")
        assert b"do-not-pass-on" not in environment.read_bytes()


async def test_kill_9_of_everything_loses_no_commit(disk_place: Path) -> None:
    async with EmbeddedPostgres(disk_place) as server:
        await run(server.dsn, "CREATE TABLE told (n int PRIMARY KEY)")
        acknowledged: list[int] = []

        async def write(writer: int) -> None:
            connection = await asyncpg.connect(server.dsn)
            try:
                for n in range(writer, 1_000_000, 4):
                    await connection.execute("INSERT INTO told VALUES ($1)", n)
                    acknowledged.append(n)
            except Exception as error:
                # Every way in which the death shows must count as "away", or a caller would blame the request.
                if not is_unavailable(error):
                    raise
            finally:
                connection.terminate()

        writers = [asyncio.create_task(write(writer)) for writer in range(4)]
        await until(lambda: len(acknowledged) >= COMMITS)
        await server.kill()
        await asyncio.gather(*writers)
        await asyncio.wait_for(server.restarted.wait(), PATIENCE_S)
        connection = await asyncpg.connect(server.dsn)
        kept = {row["n"] for row in await connection.fetch("SELECT n FROM told")}
        await connection.close()
    assert len(acknowledged) >= COMMITS
    assert set(acknowledged) <= kept


async def test_restarts_after_repeated_deaths_and_tells(place: Path) -> None:
    told: list[int] = []
    async with EmbeddedPostgres(place, on_restart=told.append) as server:
        for death in (1, 2, 3):
            server.restarted.clear()
            dead = server.pid
            assert dead is not None
            os.kill(dead, signal.SIGKILL)  # the postmaster alone: its children must be waited for
            await asyncio.wait_for(server.restarted.wait(), PATIENCE_S)
            assert server.pid != dead
            assert await run(server.dsn, "SELECT 1") == 1
            assert told == list(range(1, death + 1))
    assert cluster_pids(DataDir(place)) == []


async def test_gives_up_on_a_server_that_will_not_stay(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RESTART_ATTEMPTS_MAX", 1)
    failures: list[EmbeddedPostgresError] = []
    async with EmbeddedPostgres(place, on_failure=failures.append) as server:
        await server.kill()
        await asyncio.wait_for(server.restarted.wait(), PATIENCE_S)
        await server.kill()
        await until(lambda: bool(failures))
        assert server.failure is failures[0]
        assert "2 times in a row" in str(failures[0])


async def test_refused_settings_are_told_with_the_servers_words(place: Path) -> None:
    server = EmbeddedPostgres(place, settings={"shared_buffers": "not a size"})
    with pytest.raises(EmbeddedPostgresError, match="did not start") as caught:
        await server.start()
    assert "shared_buffers" in caught.value.log_tail
    async with EmbeddedPostgres(place) as healed:  # and nothing stays locked
        assert await run(healed.dsn, "SELECT 1") == 1


async def test_second_starter_is_a_guest(place: Path) -> None:
    async with EmbeddedPostgres(place) as first:
        second = EmbeddedPostgres(place)
        assert await second.start() == first.dsn
        assert not second.owner
        assert second.pid == first.pid
        await second.stop()
        assert await run(first.dsn, "SELECT 1") == 1


async def test_guest_waits_for_an_owner_that_is_still_starting(place: Path) -> None:
    first, second = EmbeddedPostgres(place), EmbeddedPostgres(place)
    dsns = await asyncio.gather(first.start(), second.start())
    assert dsns[0] == dsns[1]
    assert sorted([first.owner, second.owner]) == [False, True]
    await second.stop()
    await first.stop()


async def test_half_made_cluster_is_made_anew(place: Path) -> None:
    async with EmbeddedPostgres(place):
        pass
    (place / "cluster").rename(place / "cluster.new")
    (place / "cluster.new" / "PG_VERSION").unlink()
    async with EmbeddedPostgres(place) as server:
        assert await run(server.dsn, "SELECT 1") == 1


async def test_other_major_version_is_refused(place: Path) -> None:
    async with EmbeddedPostgres(place):
        pass
    (place / "cluster" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match="are of Postgres 12"):
        await EmbeddedPostgres(place).start()


async def test_pid_file_of_a_recycled_pid_is_no_obstacle(place: Path) -> None:
    async with EmbeddedPostgres(place):
        pass
    user = ServerUser.current()
    # A process of the server's own uid that has nothing to do with it: Postgres alone would refuse for ever.
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **user.popen_arguments())
    try:
        pid_file = place / "cluster" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{place / 'cluster'}\n1\n5432\n{place / 'run'}\n\n  1 1\nready   \n")
        user.own(pid_file)
        async with EmbeddedPostgres(place) as server:
            assert await run(server.dsn, "SELECT 1") == 1
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_long_path_falls_back_to_loopback_with_a_password(place: Path) -> None:
    deep = place / ("d" * 60) / ("e" * 60)
    async with EmbeddedPostgres(deep) as server:
        assert "127.0.0.1" in server.dsn
        assert await run(server.dsn, "SELECT 1") == 1
        password_file = deep / "pgpass"
        assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
        password = password_file.read_text().strip().rsplit(":", 1)[-1]
        assert password not in server.dsn
        assert password not in repr(server)
        wrong = server.dsn.split("?")[0] + "?sslmode=disable"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong, password="wrong")
        server.restarted.clear()
        await server.kill()
        await asyncio.wait_for(server.restarted.wait(), PATIENCE_S)
        assert await run(server.dsn, "SELECT 1") == 1


async def test_chosen_port_listens_on_loopback(place: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with EmbeddedPostgres(place, port=port) as server:
        assert f"127.0.0.1:{port}/" in server.dsn
        assert await run(server.dsn, "SHOW port") == str(port)


def test_log_files_are_bounded(place: Path) -> None:
    data_dir = DataDir(place)
    data_dir.create(ServerUser.current())
    for minute in range(20):
        (data_dir.log / f"postgres-20260101-00{minute:02d}00.log").write_text("x")
    data_dir.prune_logs()
    assert sorted(path.name for path in data_dir.log.iterdir()) == [
        f"postgres-20260101-00{minute:02d}00.log" for minute in range(12, 20)
    ]


def test_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETBOT_DATA_DIR", "/somewhere/else")
    assert default_data_root() == Path("/somewhere/else")
    monkeypatch.delenv("MARKETBOT_DATA_DIR")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_root() == Path("/var/lib/marketbot")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data/home")
    assert default_data_root() == Path("/data/home/marketbot")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/ana")
    assert default_data_root() == Path("/home/ana/.local/share/marketbot")

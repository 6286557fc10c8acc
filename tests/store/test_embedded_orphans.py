"""A server whose supervisor was killed: adopted, replaced or found anew, and never lost."""

# The processes and files of a server are what is tested here; that a test's loop blocks meanwhile is no harm.

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg
import pytest
from tests.store.embedded_server import PATIENCE_S, SUPERVISOR, run

from marketbot.store.embedded import EmbeddedPostgres, supervisor
from marketbot.store.embedded.data_dir import DataDir
from marketbot.store.embedded.postmaster import Postmaster, cluster_pids

pytestmark = pytest.mark.process


async def orphan(place: Path) -> tuple[int, str]:
    """Leave a running server whose supervisor was killed with -9; return its pid and DSN."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SUPERVISOR, str(place), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    process.kill()
    await process.wait()
    pid, dsn = line.decode().split()
    return int(pid), dsn


async def test_orphan_is_adopted_with_its_sessions(place: Path) -> None:
    pid, dsn = await orphan(place)
    bystander = await asyncpg.connect(dsn)
    try:
        async with EmbeddedPostgres(place) as server:
            assert server.adopted
            assert server.pid == pid
            assert server.dsn == dsn
            assert await bystander.fetchval("SELECT 1") == 1
            # An adopted server is not our child, and is watched all the same.
            await server.kill()
            await asyncio.wait_for(server.restarted.wait(), PATIENCE_S)
            assert not server.adopted
            assert await run(server.dsn, "SELECT 1") == 1
        assert cluster_pids(DataDir(place)) == []
    finally:
        bystander.terminate()


async def test_adopted_server_is_stopped_in_the_end(place: Path) -> None:
    await orphan(place)
    async with EmbeddedPostgres(place) as server:
        assert server.adopted
    assert cluster_pids(DataDir(place)) == []


async def test_orphan_with_other_settings_is_replaced(place: Path) -> None:
    pid, dsn = await orphan(place)
    await run(dsn, "CREATE TABLE kept AS SELECT 1 AS n")
    async with EmbeddedPostgres(place, settings={"work_mem": "9MB"}) as server:
        assert not server.adopted
        assert server.pid != pid
        assert await run(server.dsn, "SHOW work_mem") == "9MB"
        assert await run(server.dsn, "SELECT n FROM kept") == 1


async def test_orphan_that_does_not_answer_is_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ADOPT_WAIT_S", 0.5)
    monkeypatch.setattr("marketbot.store.embedded.postmaster.STOP_FAST_S", 0.5)
    monkeypatch.setattr("marketbot.store.embedded.postmaster.STOP_IMMEDIATE_S", 0.5)
    monkeypatch.setattr(supervisor, "CONNECT_TIMEOUT_S", 0.5)
    pid, _ = await orphan(place)
    os.kill(pid, signal.SIGSTOP)
    async with EmbeddedPostgres(place) as server:
        assert server.pid != pid
        assert await run(server.dsn, "SELECT 1") == 1


async def test_server_killed_while_nobody_watched_comes_back(place: Path) -> None:
    _, dsn = await orphan(place)
    await run(dsn, "CREATE TABLE kept AS SELECT 5 AS n")
    found = Postmaster.find(DataDir(place))
    assert found is not None
    await found.kill()
    async with EmbeddedPostgres(place) as server:
        assert not server.adopted
        assert await run(server.dsn, "SELECT n FROM kept") == 5

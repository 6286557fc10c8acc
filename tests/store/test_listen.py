"""Nudges between connections, and coming back after the server cut the line."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest

from marketbot.store import listen as module
from marketbot.store.listen import Line, Listener

PATIENCE_S = 10.0
NEVER_S = 0.05


@pytest.fixture
async def speaker(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def listener(database: str) -> AsyncIterator[Listener]:
    line = Line(database)
    listener = line.listener(["signal", "chunk"])
    async with line:
        await asyncio.wait_for(line.connected.wait(), PATIENCE_S)
        # The first nudge only says "you are connected now".
        assert await listener.wait("signal", PATIENCE_S)
        assert await listener.wait("chunk", PATIENCE_S)
        yield listener


async def test_a_nudge_wakes_the_waiter(listener: Listener, speaker: "asyncpg.Connection[asyncpg.Record]") -> None:
    waiting = asyncio.create_task(listener.wait("signal", PATIENCE_S))
    await speaker.execute("NOTIFY signal")
    assert await waiting


async def test_a_cancellation_that_comes_with_a_nudge_is_obeyed(
    listener: Listener,
) -> None:
    waiter = asyncio.create_task(listener.wait("signal", 60))
    await asyncio.sleep(0)
    listener.hear("signal", "")
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_channels_are_apart(listener: Listener, speaker: "asyncpg.Connection[asyncpg.Record]") -> None:
    await speaker.execute("NOTIFY signal")
    assert await listener.wait("signal", PATIENCE_S)
    assert not await listener.wait("chunk", NEVER_S)


async def test_silence_ends_with_the_poll(listener: Listener) -> None:
    assert not await listener.wait("signal", NEVER_S)


async def test_a_nudge_during_work_is_kept(listener: Listener, speaker: "asyncpg.Connection[asyncpg.Record]") -> None:
    await speaker.execute("NOTIFY chunk")
    await speaker.execute("NOTIFY signal")
    assert await listener.wait("signal", PATIENCE_S)
    assert await listener.wait("chunk", NEVER_S)


async def test_comes_back_and_nudges_after_a_cut(listener: Listener, speaker: "asyncpg.Connection[asyncpg.Record]") -> None:
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'marketbot listener'"
    assert await speaker.fetchval(cut)
    assert await listener.wait("signal", PATIENCE_S)
    assert await listener.wait("chunk", PATIENCE_S)
    await speaker.execute("NOTIFY signal")
    assert await listener.wait("signal", PATIENCE_S)


async def test_a_silent_line_is_given_up(
    database: str, speaker: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(module, "HEARTBEAT_TIMEOUT_S", 0.2)
    line = Line(database, name="deaf")
    listener = line.listener(["signal"])
    async with line:
        assert await listener.wait("signal", PATIENCE_S)
        frozen = await speaker.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = 'marketbot deaf'")
        os.kill(frozen, signal.SIGSTOP)  # the socket stays open, nobody answers
        try:
            assert await listener.wait("signal", PATIENCE_S)
        finally:
            os.kill(frozen, signal.SIGCONT)


async def test_a_store_that_is_away_is_only_silence() -> None:
    line = Line("postgresql://a@/x?host=/nonexistent")
    listener = line.listener(["signal"])
    async with line:
        assert not await listener.wait("signal", NEVER_S)
        assert not line.connected.is_set()


async def test_an_unacceptable_address_is_told_to_the_waiter() -> None:
    line = Line("postgresql://a@db.example.com/x?sslmode=require")
    listener = line.listener(["signal"])
    async with line:
        await listener.wait("signal", NEVER_S)
        with pytest.raises(ValueError, match="sslmode"):
            await listener.wait("signal", NEVER_S)


async def test_several_loops_share_one_connection_and_none_takes_anothers_nudge(
    database: str, speaker: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    line = Line(database, name="shared")
    first, second, other = line.listener(["account"]), line.listener(["account"]), line.listener(["control"])
    async with line:
        for listener, channel in ((first, "account"), (second, "account"), (other, "control")):
            assert await listener.wait(channel, PATIENCE_S)
        await speaker.execute("NOTIFY account")
        assert await first.wait("account", PATIENCE_S)
        assert await second.wait("account", PATIENCE_S)
        assert not await other.wait("control", NEVER_S)
        assert await speaker.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'marketbot shared'") == 1

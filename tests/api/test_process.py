"""The HTTP face as the process that a supervisor starts, kills and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.ports import free_port

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.workers.memory import REPLACE_STATUS

from .conftest import SECRET, TOKEN, Api, accepts, furnish, read_answer, until

pytestmark = pytest.mark.process


GROWING = """
import sys, threading
from marketbot.workers import memory
memory.YOUNG_S, memory.EVERY_S = 0.0, 0.02
held = []

def grow():
    sys.stdin.readline()
    held.append(b"x" * (600 * memory.MIB))

threading.Thread(target=grow, daemon=True).start()
from marketbot.api.__main__ import main
raise SystemExit(main())
"""
"""The same process, which grows past its bound when it is sent a line."""
BOUND_MB = 500
DRAIN_S = 5.0


@asynccontextmanager
async def process(
    dsn: str, data_dir: Path, command: tuple[str, ...] = ("-m", "marketbot.api"), **settings: str
) -> AsyncIterator[tuple[Api, asyncio.subprocess.Process]]:
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "MARKETBOT_DATA_DIR": str(data_dir),
        "MARKETBOT_API_PORT": str(port),
        "MARKETBOT_OPERATOR_TOKEN": TOKEN,
        "MARKETBOT_LOG_LEVEL": "debug",
        **settings,
    }
    with (data_dir / "api.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=environment, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log
        )
    try:
        await until(lambda: accepts(port), 30.0)
        yield Api(port, dsn), child
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def test_a_kill_loses_nothing_and_a_repeat_finds_it(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> None:
    await furnish(database)
    body = b'{"ticker":"BTCUSDT","signal":"SINAL LONG"}'
    async with process(database, tmp_path) as (api, child):
        first = await api.post(body)
        child.send_signal(signal.SIGKILL)
        await child.wait()
    async with process(database, tmp_path) as (api, child):
        again = await api.post(body)
        assert again.json == {**first.json, "duplicate": True}
        await api.post(body, secret="wrong-canary-secret")
        child.terminate()
        assert await child.wait() == 0
        rows = await api.rows("SELECT reason FROM refusal")
    # Written on the way out at the latest.
    assert [row["reason"] for row in rows] == ["CREDENTIAL_INVALID"]
    text = (tmp_path / "api.log").read_text()
    assert "signal_accepted" in text
    assert "api_stopped" in text
    for secret in (SECRET, TOKEN, "wrong-canary-secret"):
        assert secret not in text


async def test_without_a_database_it_says_what_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MARKETBOT_DATABASE_URL")}
    environment["MARKETBOT_DATA_DIR"] = str(tmp_path)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "marketbot.api", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, words = await child.communicate()
    assert child.returncode == 2
    assert b"DATABASE_URL" in words
    assert b"Traceback" not in words


async def test_one_that_nears_its_memory_bound_drains_before_it_asks_to_be_replaced(database: str, tmp_path: Path) -> None:
    await furnish(database)
    body = b'{"ticker":"BTCUSDT","signal":"SINAL LONG"}'
    settings = {"MARKETBOT_MEMORY_BOUND_MB": str(BOUND_MB), "MARKETBOT_API_DRAIN_S": str(DRAIN_S)}
    async with process(database, tmp_path, ("-c", GROWING), **settings) as (api, child):
        await until(lambda: is_ready(api), 30.0)
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        path = f"/v1/webhook/room/{SECRET}"
        writer.write(f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body[:10])
        await writer.drain()

        assert child.stdin is not None
        child.stdin.write(b"grow\n")
        await until(lambda: says(api, "draining"), 30.0)
        # Who is not told yet is still served, and what is under way is finished.
        answer = await api.get("/health/live")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert child.returncode is None
        writer.write(body[10:])
        answer = await read_answer(reader)
        assert (answer.status, answer.headers["connection"]) == (202, "close")
        writer.close()
        async with asyncio.timeout(60.0):
            assert await child.wait() == REPLACE_STATUS
    log = (tmp_path / "api.log").read_text()
    assert log.index("memory_bound_near") < log.index("api_draining") < log.index("api_stopped")
    assert "api_requests_unfinished" not in log


async def is_ready(api: Api) -> bool:
    return (await api.get("/health/ready")).status == 200


async def says(api: Api, status: str) -> bool:
    answer = await api.get("/health/ready")
    return answer.status == 503 and answer.json["status"] == status

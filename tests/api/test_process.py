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

from marketbot.store.embedded import EmbeddedPostgres

from .conftest import SECRET, TOKEN, Api, accepts, free_port, furnish, until

pytestmark = pytest.mark.process


@asynccontextmanager
async def process(dsn: str, data_dir: Path) -> AsyncIterator[tuple[Api, asyncio.subprocess.Process]]:
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "MARKETBOT_DATA_DIR": str(data_dir),
        "MARKETBOT_API_PORT": str(port),
        "MARKETBOT_OPERATOR_TOKEN": TOKEN,
        "MARKETBOT_LOG_LEVEL": "debug",
    }
    with (data_dir / "api.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "marketbot.api", env=environment, stdout=log, stderr=log
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

"""Prometheus itself, with the configuration and the rules that are shipped, reads a process of ours and judges it."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from tests.deploy.names import DEPLOY
from tests.ports import free_port
from tests.system_packages import program

from marketbot.observability import metrics
from marketbot.observability.exposition import serve_metrics

TOKEN = "operator-token-for-the-scrape"
DEADLINE_S = 90.0
POLL_S = 0.2


async def ask(port: int, path: str) -> Any:
    """Return Prometheus' answer, or None while it does not listen yet."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return orjson.loads(body)["data"] if b" 200 " in head.split(b"\r\n")[0] else None
    except OSError:
        return None
    finally:
        writer.close()


async def until(port: int, path: str, wanted: Any) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = await ask(port, path)
            if answer is not None and (found := wanted(answer)):
                return found
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def prometheus(place: Path, engine_port: int, token: str) -> AsyncIterator[int]:
    """Run one with the shipped files; only addresses and the token's place are this test's."""
    shutil.copytree(DEPLOY / "prometheus", place)
    (place / "token").write_text(token)
    text = (place / "prometheus.yml").read_text().replace("/run/secrets/operator_token", str(place / "token"))
    (place / "prometheus.yml").write_text(text.replace("_interval: 5s", "_interval: 1s").replace("timeout: 4s", "timeout: 1s"))
    (place / "alerts.yml").write_text((place / "alerts.yml").read_text().replace("interval: 5s", "interval: 1s"))
    (place / "targets" / "engines.yml").write_text(yaml.safe_dump([{"targets": [f"127.0.0.1:{engine_port}"]}]))
    (place / "targets" / "api.yml").write_text(yaml.safe_dump([]))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={place / 'prometheus.yml'}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.kill()
        await process.wait()


@pytest.mark.process
async def test_a_process_is_scraped_and_an_unprotected_position_is_told_of(tmp_path: Path) -> None:
    server = await serve_metrics("127.0.0.1", 0, hashlib.sha256(TOKEN.encode()).digest())
    try:
        async with prometheus(tmp_path / "prometheus", server.sockets[0].getsockname()[1], TOKEN) as port:
            metrics.set_unprotected_positions(0)
            (target,) = await until(
                port, "/api/v1/targets", lambda data: [t for t in data["activeTargets"] if t["health"] == "up"]
            )
            assert target["labels"]["job"] == "marketbot-engine"
            metrics.set_unprotected_positions(3)
            (alert,) = await until(
                port,
                "/api/v1/alerts",
                lambda data: [
                    each for each in data["alerts"] if each["labels"]["alertname"] == "MarketbotPositionUnprotected"
                    and each["state"] == "firing"
                ],
            )  # fmt: skip
            assert alert["annotations"]["description"].startswith("3 positions")
    finally:
        metrics.set_unprotected_positions(0)
        server.close()
        await server.wait_closed()


@pytest.mark.process
async def test_a_wrong_token_is_told_of_as_a_process_that_is_away(tmp_path: Path) -> None:
    server = await serve_metrics("127.0.0.1", 0, hashlib.sha256(TOKEN.encode()).digest())
    try:
        async with prometheus(tmp_path / "prometheus", server.sockets[0].getsockname()[1], "another") as port:
            (target,) = await until(
                port, "/api/v1/targets", lambda data: [t for t in data["activeTargets"] if t["health"] == "down"]
            )
            assert "401" in target["lastError"]
            (alert,) = await until(
                port,
                "/api/v1/alerts",
                lambda data: [each for each in data["alerts"] if each["labels"]["alertname"] == "MarketbotProcessAway"],
            )
            assert alert["labels"]["job"] == "marketbot-engine"
    finally:
        server.close()
        await server.wait_closed()

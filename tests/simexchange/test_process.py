"""The program itself: ready line, TLS, clean exit, the control port's guard, and bulk work."""

import asyncio
import json
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .clients import Binance, Control

pytestmark = pytest.mark.process
START_TIMEOUT_S = 30
PORTS = [f"--{name}-port=0" for name in ("binance-mainnet", "binance-testnet", "bybit-mainnet", "bybit-testnet")]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    made = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simexchange", "--tls", "--control-port=0", *PORTS),
        *("--state-dir", str(tmp_path), "--ready-file", str(tmp_path / "ready.json"), "--seed", "3"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert made.stdout is not None
    line = await asyncio.wait_for(made.stdout.readline(), START_TIMEOUT_S)
    yield made, json.loads(line)
    if made.returncode is None:
        made.kill()
        await made.wait()


async def test_tls_order_and_clean_exit(process: tuple[asyncio.subprocess.Process, dict[str, Any]], tmp_path: Path) -> None:
    running, ready = process
    assert (ready["simulation"], ready["seed"]) == (True, 3)
    assert json.loads((tmp_path / "ready.json").read_text()) == ready
    context = ssl.create_default_context(cafile=ready["ca_file"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        control = Control(ready["control"], ready["control_token"], session)
        account = await control.account("binance")
        client = Binance(ready["venues"]["binance"]["mainnet"], account["api_key"], account["api_secret"], session)
        assert (await client.market("BUY", "0.01")).body["status"] == "FILLED"
        key = (await client.send("POST", "/fapi/v1/listenKey", signed=False)).body["listenKey"]
        async with session.ws_connect(f"{client.url}/ws/{key}") as socket:
            await client.market("SELL", "0.01", reduceOnly="true")
            assert (await socket.receive_json(timeout=5))["e"] == "ORDER_TRADE_UPDATE"
    running.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(running.wait(), START_TIMEOUT_S) == 0


async def test_control_port_wants_its_token(
    process: tuple[asyncio.subprocess.Process, dict[str, Any]], session: aiohttp.ClientSession
) -> None:
    _, ready = process
    async with session.get(ready["control"] + "/health") as answer:
        assert (answer.status, await answer.json()) == (200, {"simulation": True, "status": "ok"})
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        async with session.get(ready["control"] + "/accounts", headers=headers) as answer:
            assert answer.status == 401


async def test_ten_thousand_accounts_and_a_price_move(
    process: tuple[asyncio.subprocess.Process, dict[str, Any]], session: aiohttp.ClientSession
) -> None:
    _, ready = process
    control = Control(ready["control"], ready["control_token"], session)
    before = time.monotonic()
    made = await control.send("POST", "/accounts", {"venue": "bybit", "count": 10_000})
    assert time.monotonic() - before < 2
    assert len({account["api_key"] for account in made["accounts"]}) == 10_000
    stats = await control.send("GET", "/stats")
    assert stats["venues"]["bybit"]["mainnet"]["accounts"] == 10_000

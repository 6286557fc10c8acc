"""What a flood from one address and slow senders do to everybody else, through HAProxy before two API processes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import aiohttp
import orjson
import psutil

from bench.door_attack import FLOOD_PER_S, SLOW_SENDERS
from bench.fanout import Row, quantile, row
from marketbot.api.operator_token import operator_token
from marketbot.cli.demo.bodies import body_of
from marketbot.cli.demo.stage import Stage, put_up
from marketbot.cli.sources import make_source
from marketbot.domain.ids import Symbol
from marketbot.domain.venue import BINANCE, Environment, Market
from marketbot.store.instruments import replace_known_symbols

SECONDS = 15.0
"""Of each of the two measurements; slow senders are cut off and come again several times meanwhile."""
ORDINARY_PER_S = 100
ORDINARY_ADDRESSES = tuple(f"127.0.0.{number}" for number in range(40, 48))
GOAL_P95_MS = 200.0
READY_TIMEOUT_S = 60.0
MIB = 1 << 20


async def measure_door() -> list[Row]:
    """Return the row ``p95_under_flood``: of ordinary requests, counted from the moment they were due."""
    changes = {"front_door": True, "api_processes": 2}
    async with put_up(None, seed=1, keep=False, progress=lambda _words: None, changes=changes) as stage:
        signal_id = await _a_signal(stage)
        await _ordinary(stage, signal_id, 3.0)
        calm, _ = await _ordinary(stage, signal_id, SECONDS)
        rss_before = _door_rss(stage)
        port = stage.endpoints.api_url.rpartition(":")[2]
        attack = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.door_attack", port, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert attack.stdout is not None
            await attack.stdout.readline()
            flooded, failed = await _ordinary(stage, signal_id, SECONDS)
            rss_after = _door_rss(stage)
        finally:
            attack.kill()
            said, _ = await attack.communicate()
        lines = [orjson.loads(line) for line in said.splitlines()]
        answered = sum((Counter(line["answered"]) for line in lines), Counter[str]())
        per_s = sum(answered.values()) / max(1, len(lines))
        slow = min((line["slow"] for line in lines), default=0)
        p95_ms = quantile(flooded, 0.95)
        refused = answered["429"] / max(1, sum(answered.values()))
        return [
            row(
                "p95_under_flood",
                p95_ms,
                "ms",
                f"< {GOAL_P95_MS:.0f}",
                met=p95_ms < GOAL_P95_MS and not failed and per_s >= 0.8 * FLOOD_PER_S,
                how=f"{ORDINARY_PER_S} ordinary requests/s ({failed} of {len(flooded)} failed) while one address asks {per_s:.0f} "
                f"times a second ({refused:.1%} of it refused) and {SLOW_SENDERS} senders dribble headers ({slow} or more connected); "
                f"without them p95 {quantile(calm, 0.95):.1f} ms. HAProxy's memory {rss_before / MIB:.0f} -> {rss_after / MIB:.0f} MiB. "
                "The callers share the cores",
            )
        ]


async def _a_signal(stage: Stage) -> int:
    """Send a signal that nobody follows. No account is connected, so no engine says which symbols there are."""
    await replace_known_symbols(stage.store.connection, Market(BINANCE, Environment.MAINNET), [Symbol("SOLUSDT")])
    _, secret = await make_source(stage.store, "bench", "webhook", signals_per_hour=10_000)
    url = f"{stage.endpoints.api_url}/v1/webhook/bench/{secret}"
    deadline = time.monotonic() + READY_TIMEOUT_S
    async with aiohttp.ClientSession() as session:
        while True:
            body = body_of("pine_close_long.json", secret=secret, now=datetime.now(UTC))
            async with session.post(url, data=body, headers={"Content-Type": "text/plain"}) as answer:
                if answer.status == 202:
                    return int((await answer.json())["signal_id"])
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the webhook answers {answer.status}: {await answer.text()}")
            await asyncio.sleep(0.1)


async def _ordinary(stage: Stage, signal_id: int, seconds: float) -> tuple[list[float], int]:
    """Ask at a fixed rate whatever the answers take; return each one's milliseconds, and how many were not answered with 200."""
    url = f"{stage.endpoints.api_url}/v1/signals/{signal_id}"
    headers = {"Authorization": f"Bearer {operator_token(stage.supervisor.settings)}"}
    sessions = [
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)), headers=headers)
        for address in ORDINARY_ADDRESSES
    ]

    async def ask(session: aiohttp.ClientSession, due: float) -> tuple[float, bool]:
        try:
            async with session.get(url) as answer:
                await answer.read()
                well = answer.status == 200
        except aiohttp.ClientError:
            well = False
        return (time.perf_counter() - due) * 1000, well

    try:
        tasks: list[asyncio.Task[tuple[float, bool]]] = []
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            tasks.append(asyncio.create_task(ask(sessions[len(tasks) % len(sessions)], due)))
            due += 1 / ORDINARY_PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        results = await asyncio.gather(*tasks)
    finally:
        for session in sessions:
            await session.close()
    return [took_ms for took_ms, _ in results], sum(not well for _, well in results)


def _door_rss(stage: Stage) -> int:
    pid = stage.supervisor.children["front-door"].pid
    assert pid is not None
    return sum(each.memory_info().rss for each in psutil.Process(pid).children(recursive=True))

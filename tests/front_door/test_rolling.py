"""A whole service that restarts every one of its processes while callers call and a fan-out runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from tests.acceptance.world import World, processes_of, world
from tests.front_door.caller import Crowd

from marketbot.api.operator_token import operator_token
from marketbot.cli.demo.bodies import PRICES
from marketbot.supervisor.rolling import Restart

pytestmark = pytest.mark.process

ACCOUNTS = 40
REQUESTS_PER_S = 200
SIGNAL_EVERY = 400
"""Every so many requests is a new signal: one in two seconds, over the whole restart."""
NEIGHBOURS = tuple(f"127.0.0.{number}" for number in range(20, 28))
"""Each asks well below the bound of an address."""
RESTART_WITHIN_S = 150.0
UNPROTECTED_LIMIT_S = 10.0
"""A machine under tests is slow; what is looked for is an order lost or doubled."""
OPEN, CLOSE = "STRONG_BUY", "CLOSE_LONG"
STORY = (
    (OPEN, "ETHUSDT"),
    (CLOSE, "BTCUSDT"),
    (OPEN, "SOLUSDT"),
    (CLOSE, "ETHUSDT"),
    (OPEN, "XRPUSDT"),
    (CLOSE, "SOLUSDT"),
    (OPEN, "DOGEUSDT"),
    (CLOSE, "XRPUSDT"),
)
"""The first signal opens BTCUSDT. Never more than two positions at once, which is what an account may have; after it, all is denied."""
LATE = [{"kind": "slow", "path": path, "method": "POST", "delay_ms": 700} for path in ("/fapi/v1/order", "/v5/order/create")]
"""Venues that take their time, so that a fan-out lasts until the next one begins, and every step of the roll falls into one."""


async def restart(made: World) -> tuple[int, dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "marketbot.cli.main", "restart", "--rolling", "--json"),
        env={**os.environ, "MARKETBOT_DATA_DIR": str(made.stage.supervisor.settings.data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(RESTART_WITHIN_S):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(said)


def body(number: int) -> bytes:
    action, symbol = STORY[number % len(STORY)]
    told = {"symbol": symbol, "action": action, "price": float(PRICES[symbol]), "id": f"roll-{number}"}
    return json.dumps({**told, "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()


def pids(made: World) -> Mapping[str, int | None]:
    return {name: child.pid for name, child in made.stage.supervisor.children.items()}


def door_workers(made: World) -> frozenset[int]:
    """Return the process ids of HAProxy: its master, and the worker that serves, or two while one leaves."""
    door = made.stage.supervisor.children["front-door"].pid
    assert door is not None
    return frozenset(process.pid for process in psutil.Process(door).children(recursive=True))


async def test_every_process_is_replaced_and_nothing_fails_is_lost_or_doubled(haproxy: str, place: Path) -> None:
    assert haproxy
    async with world(place, front_door=True, api_processes=2, engine_processes=2) as made:
        await made.add_accounts("room", "u", ACCOUNTS)
        first = await made.accepted("room")
        token = operator_token(made.stage.supervisor.settings)
        secret = made.stage.secrets["room"]
        bodies: list[bytes] = []

        def request(number: int) -> tuple[str, str, bytes, Mapping[str, str]]:
            """Mostly reads of a signal; now and then a new signal, and soon after the same delivery again."""
            if number % SIGNAL_EVERY == 0:
                bodies.append(body(len(bodies)))
            if number % SIGNAL_EVERY in (0, 50):
                return "POST", f"/v1/webhook/room/{secret}", bodies[-1], {"Content-Type": "text/plain"}
            return "GET", f"/v1/signals/{first}", b"", {"Authorization": f"Bearer {token}"}

        await made.stage.control.add_faults(LATE)
        before = pids(made)
        workers = door_workers(made)
        over = asyncio.Event()
        door = int(made.stage.endpoints.api_url.rpartition(":")[2])
        crowd = Crowd(door, NEIGHBOURS, REQUESTS_PER_S)
        asking = asyncio.create_task(crowd.run(request, over))
        await made.outcomes(1)
        status, said = await restart(made)
        over.set()
        await asking

        assert (status, said["state"]) == (0, "done"), said
        after = pids(made)
        assert said["done"] == ["engine", "engine-2", "api", "api-2", "front-door"]
        assert after["simulator"] == before["simulator"]
        for name in ("engine", "engine-2", "api", "api-2"):
            assert None is not after[name] != before[name]

        async def reloaded() -> bool:
            return not door_workers(made) <= workers

        await made.until(reloaded, "the door has a new worker")
        assert crowd.failures == []
        assert set(crowd.statuses) == {200, 202}
        assert len(bodies) >= 2

        signals = [row["signal_id"] for row in await made.stage.store.connection.fetch("SELECT signal_id FROM signal")]
        assert len(signals) == 1 + len(bodies), "each body is one signal, however often it was sent"
        await made.settled(*signals)
        found = await made.final_audit(unprotected_limit_s=UNPROTECTED_LIMIT_S)
        assert found.clean, found.document()
        assert found.ordered >= 2 * ACCOUNTS, "fan-outs ran during the roll"
    assert processes_of(place) == []


async def test_a_successor_that_does_not_start_leaves_the_old_one_at_work(place: Path) -> None:
    async with world(place) as made:
        supervisor = made.stage.supervisor
        engine = supervisor.children["engine"]
        before = engine.pid
        object.__setattr__(engine.program, "arguments", ("--no-such-engine",))
        object.__setattr__(engine.program, "module", "marketbot.no_such_module")
        status, said = await restart(made)
        assert status == 1
        error = said["error"]
        assert isinstance(error, dict)
        assert "The engine ended with status" in error["message"]
        assert supervisor.children["engine"] is engine
        assert engine.pid == before is not None
        assert psutil.pid_exists(before)


async def test_without_a_service_it_says_so_and_leaves_no_order(place: Path) -> None:
    await asyncio.to_thread(place.mkdir)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "marketbot.cli.main", "restart", "--rolling", "--json"),
        env={**os.environ, "MARKETBOT_DATA_DIR": str(place)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 1
    assert json.loads(said)["error"]["reason"] == "SERVICE_NOT_RUNNING"
    assert Restart.read(place) is None


async def test_a_front_door_that_is_not_installed_is_asked_for_in_vain(place: Path) -> None:
    nowhere = "from marketbot.supervisor import programs; programs.PLACES_OF_SYSTEM_PROGRAMS = ()\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", f"{nowhere}import sys; from marketbot.cli.main import app; sys.argv = ['marketbot', *sys.argv[1:]]; app()"),
        *("up", "--front-door", "--json"),
        env={**os.environ, "MARKETBOT_DATA_DIR": str(place), "PATH": str(place), "MARKETBOT_PROFILE": "simulation"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    assert process.returncode == 1
    assert "HAProxy, and it is not installed here" in json.loads(said)["error"]["message"]
    assert processes_of(place) == []
    assert not await asyncio.to_thread(place.exists), "nothing is started before the door is known to be there"

"""Live events through the front door: quiet streams outlive its time-outs, and those of a process that drains say when to come back."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.front_door.conftest import start_logged, until_ready
from tests.live.conftest import Install, install  # noqa: F401 - a fixture
from tests.live.reader import reading
from tests.ports import free_port

from marketbot.api import live_stream
from marketbot.domain.live import Changed
from marketbot.supervisor.front_door import LOG_STDERR, FrontDoor, Place, render

pytestmark = pytest.mark.process

DOOR_TIMEOUT_S = 3
SIGN_OF_LIFE_S = 0.3
SIGNS = 3 * int(DOOR_TIMEOUT_S / SIGN_OF_LIFE_S)


async def test_a_stream_is_neither_slow_nor_dead_to_the_door(
    haproxy: str,
    install: Install,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_stream, "SIGN_OF_LIFE_S", SIGN_OF_LIFE_S)
    made = await install()
    port = free_port()
    places = [Place("127.0.0.1", each.port) for each in made.instances]
    text = render(FrontDoor(Place("127.0.0.1", port), places, max_connections=1_000, log=LOG_STDERR))
    # A time-out is a time-out: shorter ones are waited for by a test, and all of them are passed many times over.
    for line in ("timeout client 30s", "timeout server 60s", "timeout server 30s", "timeout http-request 5s"):
        assert line in text
        text = text.replace(line, f"{line.rpartition(' ')[0]} {DOOR_TIMEOUT_S}s")
    (tmp_path / "door.cfg").write_text(text)
    door = await start_logged(tmp_path / "door.log", haproxy, "-db", "-f", str(tmp_path / "door.cfg"))
    try:
        await until_ready(port)
        async with reading(port, made.ana) as stream:
            await stream.reset()
            first_id = stream.last_id
            next_one = asyncio.create_task(stream.next(deadline_s=120.0))
            async with asyncio.timeout(60):
                while stream.signs_of_life < SIGNS:
                    assert not next_one.done(), next_one
                    await asyncio.sleep(0.05)
            made.engine([1], Changed.ORDERS)
            await made.engine.tell()
            told = await next_one
            assert told is not None
            assert told.changed == ["orders"]
            assert int(stream.last_id) > int(first_id)
            for instance in made.instances:
                instance.app.state.draining.begin()
            ended = await stream.next()
            assert ended is not None
            assert ended.data == {"reason": "draining"}
    finally:
        door.kill()
        with contextlib.suppress(ProcessLookupError):
            await door.wait()

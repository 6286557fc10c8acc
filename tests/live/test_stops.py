"""A stop of all trading reaches everybody's stream: one message to each process, whoever looks, at a moment of each one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from tests.api.conftest import until

from marketbot.api import live_hub
from marketbot.api.live_stream import LiveStream
from marketbot.cache.events import NOTIFY_CHANNEL
from marketbot.controls.halt import halt, resume
from marketbot.domain.ids import UserId
from marketbot.domain.live import EVERYTHING, Changed
from marketbot.domain.trading_state import Scope
from marketbot.store.switches import CONTROL_CHANNEL, PostgresSwitchboard

from .conftest import Install, Installation
from .reader import reading

CONTROLS = int(Changed.CONTROLS)
LOOKING = live_hub.TELLS_AT_ONCE + 10
"""Users with a stream at each process: so many that they are not told all at once."""


async def stop(made: Installation, scope: Scope, key: str = "") -> None:
    async with made.pool.acquire() as connection, connection.transaction():
        await halt(PostgresSwitchboard(connection), scope, key, reason="a test")  # type: ignore[arg-type]


async def go_on(made: Installation, scope: Scope, key: str = "") -> None:
    async with made.pool.acquire() as connection, connection.transaction():
        await resume(PostgresSwitchboard(connection), scope, key)  # type: ignore[arg-type]


@pytest.mark.parametrize(("scope", "key"), [(Scope.EVERYTHING, ""), (Scope.VENUE, "bybit"), (Scope.ENVIRONMENT, "mainnet")])
async def test_it_is_one_message_that_every_stream_hears_in_its_turn(
    install: Install, database: str, monkeypatch: pytest.MonkeyPatch, scope: Scope, key: str
) -> None:
    made = await install()
    spread: list[float] = []
    tell_within = LiveStream.tell_within

    def noted(stream: LiveStream, seconds: float, changed: int, latest_s: float, is_busy: Callable[[], bool]) -> None:
        spread.append(seconds)
        tell_within(stream, seconds, changed, latest_s, is_busy)

    monkeypatch.setattr(LiveStream, "tell_within", noted)
    opened = [each.hub.open(UserId(number), None, int(EVERYTHING)) for each in made.instances for number in range(1, LOOKING + 1)]
    streams = [stream for stream in opened if stream is not None]
    assert len(streams) == 2 * LOOKING
    said: list[tuple[str, str]] = []

    def heard(_connection: Any, _pid: int, channel: str, payload: object) -> None:
        said.append((channel, str(payload)))

    listener = await asyncpg.connect(database)
    try:
        for channel in (CONTROL_CHANNEL, NOTIFY_CHANNEL):
            await listener.add_listener(channel, heard)
        await stop(made, scope, key)
        await until(lambda: all(stream._owed == CONTROLS for stream in streams))
        assert said == [(CONTROL_CHANNEL, "")], "to nobody by name, and so to all"
        assert spread == [pytest.approx(LOOKING / live_hub.TELLS_PER_S)] * len(streams), "not all of them in one instant"
        messages = [await stream.next() for stream in streams]
        assert all(message.endswith(b'\nevent: changed\ndata: {"changed":["controls"]}\n\n') for message in messages)
        # Its end is heard by the same way, and what comes while it is still being told comes with it.
        await go_on(made, scope, key)
        await stop(made, scope, key)
        await until(lambda: not any(stream.waits for stream in streams) and all(stream._owed for stream in streams))
        assert all(stream._owed == CONTROLS for stream in streams)
        assert len(said) <= 3
    finally:
        await listener.close()


async def test_who_was_away_meanwhile_hears_of_it_at_any_process(install: Install) -> None:
    made = await install()
    one, other = made.instances
    async with reading(one.port, made.ana) as stream:
        await stream.reset()
    await stop(made, Scope.EVERYTHING)
    async with reading(other.port, made.ana, last_id=stream.last_id) as again:
        message = await again.next()
        assert message is not None
        assert "controls" in message.changed
    stopped = (await other.api.get("/v1/me", token=made.ana)).json["user"]["stopped"]
    assert ("everything", "halted") in [(each["scope"], each["state"]) for each in stopped]

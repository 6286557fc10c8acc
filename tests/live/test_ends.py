"""How a stream of live events ends: by draining, by revocation, by age, by a reader that takes nothing."""

from __future__ import annotations

import pytest
from tests.api.conftest import until
from tests.users.crowd import give_token

from marketbot.api import events as events_module
from marketbot.api import live_hub, live_stream
from marketbot.api.draining import Draining
from marketbot.domain.live import EVERYTHING, Changed
from marketbot.observability import live_metrics

from .conftest import Install
from .reader import changed_of, reading


async def test_a_process_that_drains_says_when_to_come_back(install: Install) -> None:
    made = await install(instances=1)
    waits = set()
    readers = [reading(made.instances[0].port, token) for token in [made.ana] * 4 + [made.rui] * 4]
    streams = [await each.__aenter__() for each in readers]
    for stream in streams:
        await stream.reset()
    draining: Draining = made.instances[0].app.state.draining
    draining.begin()
    for stream in streams:
        message = await stream.next()
        assert message is not None
        assert (message.event, message.data) == ("end", {"reason": "draining"})
        assert live_stream.AGAIN_MIN_MS <= stream.retry_ms <= live_stream.AGAIN_MAX_MS
        waits.add(stream.retry_ms)
        assert await stream.next() is None
    assert len(waits) > 1
    await until(lambda: draining.in_hand == 0)
    assert repr(made.instances[0].hub) == "<LiveHub 0 streams of 0 users, 0 of operators>"
    for each in readers:
        await each.__aexit__(None, None, None)


@pytest.mark.parametrize("at_same_instance", [True, False])
async def test_a_revoked_token_hears_no_more(install: Install, monkeypatch: pytest.MonkeyPatch, at_same_instance: bool) -> None:
    if not at_same_instance:
        monkeypatch.setattr(live_hub, "TOKEN_CHECK_S", 0.05)
    made = await install()
    async with made.pool.acquire() as connection:
        other = await give_token(connection, 1)  # type: ignore[arg-type]
        token_id = await connection.fetchval("SELECT token_id FROM api_token WHERE sha256 = $1", other.sha256)
    async with reading(made.instances[0].port, other.text) as stream, reading(made.instances[0].port, made.ana) as kept:
        await stream.reset()
        await kept.reset()
        revoking = made.instances[0 if at_same_instance else 1].api
        answer = await revoking.send("DELETE", f"/v1/tokens/{token_id}", authorization=f"Bearer {made.ana}")
        assert answer.status == 200
        message = await stream.next()
        assert message is not None
        assert message.data == {"reason": "token"}
        assert await stream.next() is None
        made.engine([1], Changed.ORDERS)
        await made.engine.tell()
        assert await changed_of(kept) == ["orders"]


async def test_a_disabled_users_streams_end_and_so_do_those_of_a_token_that_runs_out(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "TOKEN_CHECK_S", 0.05)
    made = await install(instances=1)
    port = made.instances[0].port
    async with reading(port, made.ana) as ana, reading(port, made.rui) as rui:
        await ana.reset()
        await rui.reset()
        await made.pool.execute("UPDATE app_user SET disabled_at = now() WHERE user_id = 1")
        ended = await ana.next()
        assert ended is not None
        assert ended.data == {"reason": "token"}
        await made.pool.execute("UPDATE api_token SET created_at = now() - interval '2 h', expires_at = now() - interval '1 h'")
        ended = await rui.next()
        assert ended is not None
        assert ended.data == {"reason": "token"}


async def test_a_caller_that_takes_nothing_is_cut_off(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "WRITE_TIMEOUT_S", 0.2)
    # What a socket holds is far more than a stream says in an hour.
    monkeypatch.setattr(live_stream.LiveStream, "_message", lambda _stream: b":" + b"x" * 1_000_000 + b"\n\n")
    made = await install(instances=1)
    async with reading(made.instances[0].port, made.ana) as stream:
        stream.writer.transport.pause_reading()  # type: ignore[attr-defined]
        (live,) = made.instances[0].hub._streams[1]  # type: ignore[index]

        async def cut() -> bool:
            live.tell(EVERYTHING)
            return live.ended is live_metrics.Ended.SLOW

        await until(cut)
        await until(lambda: made.instances[0].hub._count == 0)


async def test_an_old_stream_ends_and_goes_on_at_once(install: Install) -> None:
    made = await install(instances=1)
    async with reading(made.instances[0].port, made.ana) as stream:
        await stream.reset()
        (live,) = made.instances[0].hub._all()
        live._until = 0.0
        live._wake.set()
        ended = await stream.next()
        assert ended is not None
        assert (ended.data, stream.retry_ms) == ({"reason": "age"}, live_stream.AGAIN_MIN_MS)

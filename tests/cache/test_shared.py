"""The way to the shared store: bounded in time, quick to give up, quick to come back, and silent about its password."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from marketbot.cache import shared as module
from marketbot.cache.shared import Shared, SharedStoreAway, open_redis
from marketbot.observability.metrics import render
from marketbot.observability.shared_metrics import SharedUse
from marketbot.settings import Settings
from simexchange.wire.tls import make_certificates

from .conftest import Connect
from .store import DEADLINE_S, Store, until

PASSWORD = "canary-of-the-shared-store"


async def ping(shared: Shared) -> bool:
    return bool(await shared.run(SharedUse.CACHE, lambda client: client.execute_command("PING")))


def up() -> float:
    (value,) = [line.split(" ")[-1] for line in render().decode().splitlines() if line.startswith("marketbot_shared_store_up{")]
    return float(value)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_it_is_left_alone_while_it_is_away_and_found_again(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    shared = await connect()
    assert await ping(shared)
    assert up() == 1
    if number is signal.SIGSTOP:
        # What hangs is noticed by the clock alone.
        monkeypatch.setattr(module, "OPERATION_TIMEOUT_S", 0.2)
    with capture_logs() as logs:
        store.send(number)
        await until(lambda: not shared.up)
        for _ in range(3):
            with pytest.raises(SharedStoreAway):
                await ping(shared)
        assert (up(), shared.up_for_s) == (0, 0.0)
        if number is signal.SIGKILL:
            store.kill()
            store.start()
        else:
            monkeypatch.setattr(module, "OPERATION_TIMEOUT_S", 10.0)
            store.send(signal.SIGCONT)
        await until(lambda: shared.up)
        assert await ping(shared)
    assert [line["event"] for line in logs if line["event"].startswith("shared_store")] == [
        "shared_store_away",
        "shared_store_back",
    ]
    assert up() == 1


async def test_a_command_that_fails_counts_as_away(connect: Connect) -> None:
    shared = await connect()
    with pytest.raises(SharedStoreAway):
        await shared.run(SharedUse.CACHE, lambda client: client.execute_command("NO-SUCH-COMMAND"))
    await until(lambda: shared.up)


async def test_whoever_finds_no_connection_does_without_and_the_store_is_not_blamed(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = await connect()
    held, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def hold(_client: Redis) -> None:
        begun.release()
        await held.wait()

    holders = [asyncio.create_task(shared.run(SharedUse.CACHE, hold)) for _ in range(module.POOL_SIZE)]
    for _ in holders:
        await begun.acquire()
    monkeypatch.setattr(module, "OPERATION_TIMEOUT_S", 0.01)
    with pytest.raises(SharedStoreAway):
        await ping(shared)
    monkeypatch.setattr(module, "MAX_WAITING", len(holders))
    with pytest.raises(SharedStoreAway, match="too many"):
        await ping(shared)
    assert f"{len(holders)} of {len(holders)} waiting" in repr(shared)
    held.set()
    await asyncio.gather(*holders)


def test_the_bounds_leave_a_request_its_200_ms() -> None:
    assert module.CONNECT_TIMEOUT_S <= module.OPERATION_TIMEOUT_S < 0.2


async def test_it_ends_however_its_end_meets_a_probe(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.0)
    for pauses in range(60):
        shared = await connect()
        for _ in range(pauses):
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S):
            await shared.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_password_is_told(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.write(b"+OK\r\n+PONG\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certificates.server_context())
    port = server.sockets[0].getsockname()[1]
    try:
        async with open_redis(f"rediss://:{PASSWORD}@127.0.0.1:{port}") as stranger:
            with pytest.raises(RedisError):
                await stranger.execute_command("PING")
        assert heard == []
        # The same with the authority named is a conversation.
        async with open_redis(f"rediss://:{PASSWORD}@127.0.0.1:{port}?ssl_ca_certs={certificates.ca_file}") as known:

            async def told() -> bool:
                # The client gives a handshake on a loaded machine up after a moment.
                with contextlib.suppress(RedisError):
                    await known.execute_command("PING")
                return any(PASSWORD.encode() in each for each in heard)

            await until(told)
    finally:
        server.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6379",
        "127.0.0.1:6379",
        f"rediss://:{PASSWORD}@store.example:6379?ssl_cert_reqs=none",
        f"rediss://:{PASSWORD}@store.example:6379?ssl_check_hostname=false",
        f"redis://:{PASSWORD}@store.example:6379?socket_timeout=60",
    ],
)
def test_an_address_may_not_weaken_what_is_settled(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert PASSWORD not in str(refused.value)


async def test_the_password_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:1/0"
    for name in ("REDIS_URL", "MARKETBOT_REDIS_URL"):
        monkeypatch.setenv(name, url)
    settings = Settings()
    assert settings.redis_url is not None
    shared = Shared(settings.redis_url.get_secret_value())
    with capture_logs() as logs:
        await shared.start()
    assert not shared.up
    assert PASSWORD not in f"{settings!r} {shared!r} {logs}"
    await shared.close()
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.delenv("MARKETBOT_REDIS_URL")
    assert Settings().redis_url is None

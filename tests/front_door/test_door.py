"""What callers, and those who mean ill, meet at the front door: a real HAProxy before real API processes."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from tests.front_door.caller import Caller, Crowd, Reply, ask_once, read_reply
from tests.front_door.conftest import TOKEN, Behind, behind_the_door, until_ready

from marketbot.domain.ids import Symbol
from marketbot.domain.venue import BINANCE, Environment, Market
from marketbot.store import instruments, sources

pytestmark = pytest.mark.process

SECRET = "a-secret-that-no-log-may-hold"
BODY = b'{"ticker":"BTCUSDT","signal":"SINAL LONG"}'
NEIGHBOURS = tuple(f"127.0.0.{number}" for number in range(3, 9))
SLOW_SENDERS = 100
WITHIN_S = 60.0
LIVE = ("GET", "/health/live", b"", {})


async def furnish(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        source = await sources.create_webhook_source(connection, "room", SECRET)
        await connection.execute("UPDATE source SET signals_per_hour = 100000 WHERE source_id = $1", source)
        await instruments.replace_known_symbols(connection, Market(BINANCE, Environment.MAINNET), [Symbol("BTCUSDT")])
    finally:
        await connection.close()


async def rows(database: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query)
        return found
    finally:
        await connection.close()


async def post(behind: Behind, body: bytes = BODY, *, address: str = "127.0.0.1") -> Reply:
    return await ask_once(behind.port, "POST", f"/v1/webhook/room/{SECRET}", body=body, address=address)


async def test_a_killed_api_fails_no_request_that_can_be_sent_again(haproxy: str, database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path) as behind:
        over = asyncio.Event()
        crowd = Crowd(behind.port, NEIGHBOURS, per_s=100)
        asking = asyncio.create_task(
            crowd.run(lambda number: ("POST", f"/v1/webhook/room/{SECRET}", BODY, {}) if number % 10 == 0 else LIVE, over)
        )
        await until(lambda: crowd.statuses.total() >= 100)
        behind.apis[0].send_signal(signal.SIGKILL)
        await behind.apis[0].wait()
        after = crowd.asked
        await until(lambda: crowd.statuses.total() >= after + 200)
        over.set()
        await asking
        assert crowd.failures == []
        assert set(crowd.statuses) == {200, 202}
        assert len(await rows(database, "SELECT FROM signal")) == 1


async def test_an_api_that_drains_loses_nothing_and_is_left_alone(haproxy: str, database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path) as behind:
        slow = Caller(behind.api_ports[0])  # past the door, so that its request is surely in the hands of the one that leaves
        assert (await slow.ask("GET", "/health/live")).headers.get("connection") != "close"
        over = asyncio.Event()
        crowd = Crowd(behind.port, NEIGHBOURS, per_s=100)
        asking = asyncio.create_task(crowd.run(lambda _number: LIVE, over))
        await until(lambda: crowd.statuses.total() >= 50)

        behind.apis[0].send_signal(signal.SIGTERM)
        await until_ready(behind.api_ports[0], ready=False)
        unready = await ask_once(behind.api_ports[0], "GET", "/health/ready")
        assert (unready.status, unready.body) == (503, b'{"status":"draining"}')
        served = await slow.ask("POST", f"/v1/webhook/room/{SECRET}", BODY)
        assert (served.status, served.headers["connection"]) == (202, "close")

        assert await behind.apis[0].wait() == 0
        over.set()
        await asking
        assert crowd.failures == []
        assert set(crowd.statuses) == {200}
        assert '"event":"api_stopped"' in behind.api_log(0)


async def test_a_request_in_hand_is_finished_by_an_api_that_ends(haproxy: str, database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path, apis=1) as behind:
        reader, writer = await asyncio.open_connection("127.0.0.1", behind.api_ports[0])
        head = f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(BODY)}\r\n\r\n"
        writer.write(head.encode() + BODY[:10])
        await writer.drain()
        # Taken in hand before the end is asked for: an answer on another connection comes after what was sent earlier is read.
        assert (await ask_once(behind.api_ports[0], "GET", "/health/live")).status == 200
        behind.apis[0].send_signal(signal.SIGTERM)
        await until_ready(behind.api_ports[0], ready=False)
        behind.apis[0].send_signal(signal.SIGTERM)  # the second one: do not wait any longer
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    _, probe = await asyncio.open_connection("127.0.0.1", behind.api_ports[0])
                except ConnectionRefusedError:
                    break
                probe.close()
                await asyncio.sleep(0.02)
        assert behind.apis[0].returncode is None
        writer.write(BODY[10:])
        reply = await read_reply(reader)
        writer.close()
        assert reply.status == 202
        assert await behind.apis[0].wait() == 0


async def test_a_flood_from_one_address_is_refused_and_another_is_served(haproxy: str, database: str, tmp_path: Path) -> None:
    async with behind_the_door(haproxy, database, tmp_path, requests_per_10s=100) as behind:
        flood = Caller(behind.port, "127.0.0.2")
        replies = [await flood.ask("GET", "/health/live") for _ in range(400)]
        statuses = Counter(reply.status for reply in replies)
        # The window slides: on a slow machine some of the first are forgotten before the last are asked.
        assert statuses[429] > 100
        assert set(statuses) == {200, 429}
        refused = next(reply for reply in replies if reply.status == 429)
        assert refused.headers["retry-after"] == "10"
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await ask_once(behind.port, "GET", "/health/live", address="127.0.0.3")).status == 200
        await flood.close()
        assert behind.door_log.count("429") == 0, "a flood must not fill the disk"


async def test_connections_of_one_address_are_bounded(haproxy: str, database: str, tmp_path: Path) -> None:
    async with behind_the_door(haproxy, database, tmp_path, apis=1, connections_per_address=20) as behind:
        callers = [Caller(behind.port, "127.0.0.2") for _ in range(40)]
        found = await asyncio.gather(*(caller.ask("GET", "/health/live") for caller in callers), return_exceptions=True)
        served = [reply for reply in found if isinstance(reply, Reply)]
        assert len(served) == 20
        assert (await ask_once(behind.port, "GET", "/health/live", address="127.0.0.3")).status == 200
        for caller in callers:
            await caller.close()


@pytest.mark.parametrize("slow_in", ["headers", "body"])
async def test_slow_senders_are_cut_off_and_others_are_served(haproxy: str, database: str, tmp_path: Path, slow_in: str) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path) as behind:
        head = f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: {len(BODY)}"
        sent, dribbled = (head[:40], head[40:]) if slow_in == "headers" else (head + "\r\n\r\n", BODY.decode())

        async def send_slowly() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", behind.port, local_addr=("127.0.0.2", 0))
            try:
                writer.write(sent.encode())
                answer = asyncio.ensure_future(reader.read())
                for letter in dribbled:
                    writer.write(letter.encode())
                    done, _ = await asyncio.wait({answer}, timeout=1.0)
                    if done:
                        break
                with suppress(ConnectionError):
                    return await answer
                return b""
            finally:
                writer.close()

        async with asyncio.timeout(WITHIN_S):
            slow = [asyncio.create_task(send_slowly()) for _ in range(SLOW_SENDERS)]
            replies = [await post(behind, address="127.0.0.3") for _ in range(20)]
            assert [reply.status for reply in replies] == [202] * 20
            answers = await asyncio.gather(*slow)
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}
        for number in range(2):
            assert "BODY_TOO_SLOW" not in behind.api_log(number)
        assert await rows(database, "SELECT FROM refusal") == [], "no slow sender may have reached an API"


async def test_who_calls_is_known_from_the_connection_alone(haproxy: str, database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path, apis=1) as behind:
        forged = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7", "X-Real-IP": "203.0.113.7"}
        caller = Caller(behind.port, "127.0.0.9")
        assert (await caller.ask("POST", "/v1/webhook/room/wrong", BODY, forged)).status == 401
        await caller.close()
        behind.apis[0].send_signal(signal.SIGINT)
        assert await behind.apis[0].wait() == 0  # refusals are written on the way out at the latest
        assert [str(row["address"]) for row in await rows(database, "SELECT address FROM refusal")] == ["127.0.0.9"]


async def test_no_secret_comes_into_the_log(haproxy: str, database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path, apis=1, log_all=True) as behind:
        token = f"Bearer {TOKEN}"
        assert (await post(behind)).status == 202
        assert (await ask_once(behind.port, "GET", "/v1/signals/1", Authorization=token)).status == 200
        # Addresses that somebody mistyped hold the secret elsewhere.
        for path in (
            f"/webhook/room/{SECRET}",
            f"/{SECRET}",
            f"/v1//webhook/room/{SECRET}",
            f"/v1/webhook//{SECRET}",
            f"/v1/webhook/{SECRET.upper()}!",
            f"/v1/webhook/room?secret={SECRET}",
            f"/%76%31/webhook/room/{SECRET}",
            f"/v1/webhook/room/{SECRET} bad",
        ):
            with suppress(OSError, EOFError):
                await ask_once(behind.port, "POST", path, body=BODY)
        behind.apis[0].send_signal(signal.SIGKILL)
        await behind.apis[0].wait()
        assert (await post(behind)).status == 503
        await until(lambda: " 503 " in behind.door_log)
        log = behind.door_log
    assert "v1/webhook/room" in log
    assert "v1/signals" in log
    assert log.count("\n") >= 10
    assert SECRET not in log.lower()
    assert TOKEN not in log


async def test_a_body_that_no_api_takes_is_refused_at_the_door(haproxy: str, database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with behind_the_door(haproxy, database, tmp_path, apis=1) as behind:
        whole = b'{"ticker":"BTCUSDT","signal":"SINAL LONG","note":"' + b"x" * 60_000 + b'"}'
        assert (await post(behind, whole)).status == 202
        reader, writer = await asyncio.open_connection("127.0.0.1", behind.port)
        writer.write(
            f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nHost: t\r\nContent-Length: 65537\r\n\r\n".encode() + b"x" * 32_000
        )
        assert (await read_reply(reader)).status == 413
        writer.close()
        assert (await ask_once(behind.port, "GET", "/metrics", Authorization=f"Bearer {TOKEN}")).status == 404


async def until(true: Callable[[], bool]) -> None:
    """Poll until ``true`` holds; a ``TimeoutError`` fails the test."""
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 - what is polled is another process's log, or counts of many tasks
            await asyncio.sleep(0.02)

"""What is open to all, what is not, and what callers hear while the database is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import orjson
import pytest

from marketbot.intake import source
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import migrate

from .conftest import SECRET, Api, furnish, running, until

BODY = b'{"ticker":"BTCUSDT","signal":"SINAL LONG"}'


async def test_only_health_is_open(api: Api) -> None:
    assert (await api.get("/health/live", token=None)).json == {"status": "live"}
    ready = await api.get("/health/ready", token=None)
    assert (ready.status, ready.json) == (200, {"status": "ready"})
    for path in ("/metrics", "/v1/signals/1", "/v1/signals/1/accounts"):
        for token in (None, "", "wrong", SECRET):
            answer = await api.get(path, token=token)
            assert (answer.status, answer.json["reason"]) == (401, "TOKEN_INVALID")
            assert answer.headers["www-authenticate"] == "Bearer"
    entrance = await api.get("/", token=None)
    assert (entrance.status, entrance.headers["location"], entrance.body) == (303, "/login", b"")
    for path in ("/docs", "/schema", "/schema/openapi.json", "/v1", "/v1/signals", "/health", "/.env"):
        assert (await api.get(path, token=None)).status in (401, 404)
    assert (await api.send("GET", f"/v1/webhook/room/{SECRET}")).status == 405


async def test_metrics_count_what_was_taken_and_refused(api: Api) -> None:
    await api.post(BODY)
    await api.post(b"")
    text = (await api.get("/metrics")).body.decode()
    assert 'marketbot_stage_seconds_bucket{le="0.05",stage="intake"}' in text
    for name in ('marketbot_refused_total{reason="BODY_EMPTY"}', "marketbot_signals_accepted_total"):
        (value,) = [line.split(" ")[-1] for line in text.splitlines() if line.startswith(name + " ")]
        assert float(value) >= 1
    assert SECRET not in text


@pytest.fixture
async def server(place: Path) -> AsyncIterator[EmbeddedPostgres]:
    found = EmbeddedPostgres(place)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


@pytest.mark.process
async def test_while_the_database_is_away_nothing_is_promised(server: EmbeddedPostgres, tmp_path: Path) -> None:
    await migrate(server.dsn)
    await furnish(server.dsn)
    dsn = server.dsn
    await server.stop()
    async with running(dsn, tmp_path) as api:
        answer = await api.post(BODY)
        assert (answer.status, answer.json["reason"]) == (503, "STORE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
        assert (await api.get("/health/live", token=None)).status == 200
        assert (await api.get("/health/ready", token=None)).status == 503

        await server.start()
        await until(lambda: accepted(api, BODY))
        first = await api.post(BODY)

        await server.stop()
        started = time.monotonic()
        down = await api.post(b'{"ticker":"ETHUSDT","signal":"SINAL LONG"}')
        assert (down.status, down.json["reason"]) == (503, "STORE_UNAVAILABLE")
        assert time.monotonic() - started < 3  # TradingView's patience
        # A wrong secret is still a wrong secret.
        assert (await api.post(BODY, secret="wrong-secret-wrong-secret")).status == 401

        await server.start()
        await until(lambda: accepted(api, BODY))
        again = await api.post(BODY)
        assert again.json == {**first.json, "duplicate": True}
        rows = await api.rows("SELECT symbol FROM signal")
        assert [row["symbol"] for row in rows] == ["BTCUSDT"]

        async def logged() -> bool:
            return len(await api.rows("SELECT 1 FROM refusal WHERE reason = 'CREDENTIAL_INVALID'")) == 1

        # What was refused while it was away is written when it is back.
        await until(logged)


async def accepted(api: Api, body: bytes) -> bool:
    return (await api.post(body)).status == 202


@pytest.mark.parametrize("table", ["signal", "source"])
async def test_a_database_that_hangs_is_answered_before_the_sender_gives_up(
    api: Api, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "REGISTER_AGE_S", 1e-6)
    assert (await api.post(BODY)).status == 202
    connection = await asyncpg.connect(api.database)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    started = time.monotonic()
    held = await asyncio.gather(*(api.post(orjson.dumps({"ticker": "BTCUSDT", "signal": "BUY", "n": n})) for n in range(12)))
    assert {answer.status for answer in held} == {503}
    assert time.monotonic() - started < 3
    await transaction.rollback()
    await connection.close()
    await until(lambda: accepted(api, b'{"ticker":"ETHUSDT","signal":"BUY"}'))
    assert (await api.post(orjson.dumps({"ticker": "BTCUSDT", "signal": "BUY", "n": 99}))).status == 202

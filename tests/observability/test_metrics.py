"""Counting, and showing what was counted to who may see it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from marketbot.domain.breaker import BreakerState
from marketbot.domain.lane import Lane
from marketbot.domain.reasons import DenialReason, LapseReason, RefusalReason, RejectionReason
from marketbot.domain.venue import BYBIT, Environment, Market
from marketbot.observability import metrics
from marketbot.observability.exposition import MAX_CONNECTIONS, MAX_HEAD_BYTES, serve_metrics
from marketbot.observability.metrics import Stage
from marketbot.ports import EgressReading

TOKEN = "a-token-for-the-test"
DIGEST = hashlib.sha256(TOKEN.encode()).digest()


def value(series: str) -> float:
    found = [line for line in metrics.render().decode().splitlines() if line.startswith(series + " ")]
    assert len(found) == 1, series
    return float(found[0].split(" ")[-1])


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_its_histogram(stage: Stage) -> None:
    series = f'marketbot_stage_seconds_count{{stage="{stage}"}}'
    before = value(series)
    metrics.observe(stage, 0.02)
    assert value(series) == before + 1


def test_reasons_are_counted_apart() -> None:
    metrics.count_refused(RefusalReason.PRICE_INVALID)
    metrics.count_denied(DenialReason.NO_POSITION, 40)
    metrics.count_lapsed(LapseReason.POSITION_GONE, 2)
    metrics.count_rejected(RejectionReason.KEY_INVALID)
    assert value('marketbot_refused_total{reason="PRICE_INVALID"}') >= 1
    assert value('marketbot_denied_total{reason="NO_POSITION"}') >= 40
    assert value('marketbot_lapsed_total{reason="POSITION_GONE"}') >= 2
    assert value('marketbot_rejected_total{reason="KEY_INVALID"}') >= 1


def test_gauges_show_the_last_value() -> None:
    metrics.set_unprotected_positions(3)
    metrics.set_unconfirmed_orders(2)
    metrics.set_queue_depth(Lane.MAINNET, 500)
    market = Market(BYBIT, Environment.TESTNET)
    for openings in (2, 3, 3):
        metrics.set_egress(market, 1, EgressReading(0.25, 0.5, 0.75, 12.0, BreakerState.OPEN, openings))
    metrics.set_unprotected_positions(0)
    assert value("marketbot_unprotected_positions") == 0
    assert value("marketbot_unconfirmed_orders") == 2
    assert value('marketbot_queue_depth{lane="mainnet"}') == 500
    place = '{egress="1",market="bybit/testnet"}'
    assert value("marketbot_budget_used_ratio" + place) == 0.25
    assert value("marketbot_egress_share_ratio" + place) == 0.5
    assert value("marketbot_egress_throttle_ratio" + place) == 0.75
    assert value("marketbot_egress_blocked_seconds" + place) == 12
    assert value("marketbot_breaker_state" + place) == 2
    assert value("marketbot_breaker_openings_total" + place) == 3


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """Serve metrics, and do not leave before every conversation is over."""
    server = await serve_metrics("127.0.0.1", 0, DIGEST)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
            await server.wait_closed()


async def ask(port: int, request: bytes) -> bytes:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer


async def test_the_engines_metrics_want_the_token() -> None:
    shown = f"Authorization: Bearer {TOKEN}\r\n".encode()
    async with serving() as port:
        fine = await ask(port, b"GET /metrics HTTP/1.1\r\n" + shown + b"\r\n")
        assert fine.startswith(b"HTTP/1.1 200 ")
        assert b"marketbot_stage_seconds_bucket" in fine
        assert TOKEN.encode() not in fine
        for headers in (b"", b"Authorization: Bearer wrong\r\n", b"Authorization: Basic " + TOKEN.encode() + b"\r\n"):
            assert (await ask(port, b"GET /metrics HTTP/1.1\r\n" + headers + b"\r\n")).startswith(b"HTTP/1.1 401 ")
        assert (await ask(port, b"GET / HTTP/1.1\r\n" + shown + b"\r\n")).startswith(b"HTTP/1.1 404 ")
        assert (await ask(port, b"\xff\xfe\r\n\r\n")).startswith(b"HTTP/1.1 401 ")


async def test_a_head_without_an_end_is_not_read_for_ever() -> None:
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"x" * (MAX_HEAD_BYTES * 4))
            with suppress(ConnectionError):
                assert await reader.read() == b""
        finally:
            writer.close()


async def test_idle_callers_do_not_pile_up() -> None:
    async with serving() as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        try:
            # Every seat is taken by a caller that says nothing: the next one is sent away at once.
            assert await ask(port, b"") == b""
        finally:
            for _, writer in idle:
                writer.close()
                await writer.wait_closed()

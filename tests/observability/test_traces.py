"""Spans reach a collector when one is named, and are one shared nothing when none is."""

from __future__ import annotations

import asyncio
import sys

import pytest

from marketbot.observability import traces
from marketbot.observability.traces import Span, close_traces, open_traces, span

DEADLINE_S = 30.0


def test_without_a_collector_a_span_is_always_the_same_nothing() -> None:
    assert open_traces(None, "marketbot-api") is False
    assert span(Span.PLAN, signal_id=1) is span(Span.REQUEST, route="api") is traces._NOTHING


def test_without_the_extra_the_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert open_traces("http://127.0.0.1:1", "marketbot-api") is False
    assert span(Span.PLAN) is traces._NOTHING


async def test_spans_reach_the_collector_with_ids_and_their_place() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue(maxsize=16)

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        received.put_nowait(head.split(b"\r\n")[0] + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(collect, "127.0.0.1", 0)
    try:
        assert open_traces(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "marketbot-engine") is True
        with span(Span.REQUEST, route="webhook"), span(Span.PLAN, signal_id=42):
            pass
        await asyncio.to_thread(close_traces)
        async with asyncio.timeout(DEADLINE_S):
            body = await received.get()
        assert body.startswith(b"post /v1/traces ")
        for word in (b"marketbot-engine", b"request", b"plan", b"signal_id", b"webhook"):
            assert word in body
        assert span(Span.PLAN) is traces._NOTHING, "closed is off"
    finally:
        close_traces()
        server.close()
        await server.wait_closed()

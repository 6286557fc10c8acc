"""A process's metrics over HTTP, inside its own event loop, for processes that have no web server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from contextlib import suppress

from marketbot.observability.metrics import MEDIA_TYPE, render

MAX_HEAD_BYTES = 8 * 1024
MAX_CONNECTIONS = 16
READ_TIMEOUT_S = 5.0


async def serve_metrics(host: str, port: int, token_sha256: bytes) -> asyncio.Server:
    """Answer ``GET /metrics`` to who shows the token as ``Authorization: Bearer``. One answer a connection.

    ``port`` 0 picks a free one (``server.sockets[0].getsockname()``). The caller closes the server; a conversation under way
    ends with its time-out at the latest.
    """
    talking = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal talking
        talking += 1
        try:
            if talking <= MAX_CONNECTIONS:
                with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    async with asyncio.timeout(READ_TIMEOUT_S):
                        writer.write(_answer(await reader.readuntil(b"\r\n\r\n"), token_sha256))
                        await writer.drain()
        finally:
            talking -= 1
            writer.close()

    # A process and its successor listen side by side for the moment of a hand-over, so that the address to scrape stays the same.
    shared = hasattr(socket, "SO_REUSEPORT")
    return await asyncio.start_server(converse, host, port, limit=MAX_HEAD_BYTES, reuse_port=shared)


def _answer(head: bytes, token_sha256: bytes) -> bytes:
    request, *lines = head.decode("latin-1").split("\r\n")
    if not hmac.compare_digest(hashlib.sha256(_bearer(lines)).digest(), token_sha256):
        return _response("401 Unauthorized", b"", "WWW-Authenticate: Bearer\r\n")
    if request.split(" ")[:2] != ["GET", "/metrics"]:
        return _response("404 Not Found", b"")
    return _response("200 OK", render(), f"Content-Type: {MEDIA_TYPE}\r\n")


def _bearer(lines: list[str]) -> bytes:
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "authorization":
            scheme, _, token = value.strip().partition(" ")
            return token.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    return b""


def _response(status: str, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1") + body

"""One keep-alive HTTP/1.1 connection of a virtual user: write a request, wait for its answer, know what went wrong."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum

import httptools

from readiness.load.target import Target

MAX_BODY_BYTES = 4 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0


class Failure(StrEnum):
    """Why a request has no good answer."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    CUT = "cut"
    """The connection ended before the answer did."""
    GARBLED = "garbled"
    """What came is no HTTP, or too much of it."""
    STATUS = "status"
    """An answer came, and it says no."""
    OVERFLOW = "overflow"
    """Never sent: so many wait already that the generator's own bound was reached."""


class WireFailed(Exception):
    """``kind`` says how. Whether the server did anything is open."""

    def __init__(self, kind: Failure) -> None:
        super().__init__(kind.value)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """Carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Reply] | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._keep = True

    @property
    def is_open(self) -> bool:
        return self._transport is not None and self._keep and not self._transport.is_closing()

    async def ask(self, request: bytes, timeout_s: float) -> Reply:
        """Send one request and return its answer.

        Raises:
            WireFailed: no whole answer came; the connection is of no further use.
        """
        if self._transport is None or not self.is_open:
            raise WireFailed(Failure.CUT)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._waiter
        except TimeoutError:
            raise WireFailed(Failure.TIMEOUT) from None
        finally:
            if not self._waiter.done() or self._waiter.cancelled() or self._waiter.exception() is not None:
                self.close()
            self._waiter = None

    def close(self) -> None:
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(Failure.GARBLED)

    def connection_lost(self, error: Exception | None) -> None:
        self._keep = False
        self._fail(Failure.CUT)

    # httptools

    def on_message_begin(self) -> None:
        self._headers, self._body, self._size = {}, [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_BODY_BYTES:
            self._fail(Failure.GARBLED)
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        self._keep = self._keep and bool(self._parser.should_keep_alive())
        status = int(self._parser.get_status_code())
        if status >= 200 and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Reply(status, self._headers, b"".join(self._body)))

    def _fail(self, kind: Failure) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(WireFailed(kind))


async def connect(target: Target, *, source: str | None = None, tls: ssl.SSLContext | None = None) -> Connection:
    """Open a connection, from a chosen local address if ``source`` names one.

    Raises:
        WireFailed: nobody takes it.
    """
    loop = asyncio.get_running_loop()
    context = (tls or ssl.create_default_context()) if target.encrypted else None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(
                Connection, target.host, target.port, ssl=context, local_addr=None if source is None else (source, 0)
            )
    except (OSError, TimeoutError):
        raise WireFailed(Failure.CONNECT) from None
    return connection


def request(
    method: str, path: str, *, host: str, body: bytes = b"", token: str = "", content_type: str = "application/json"
) -> bytes:
    """Return a whole request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body or method != "GET":
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode("latin-1") + b"\r\n" + body

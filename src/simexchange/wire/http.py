"""Serve HTTP/1.1 over asyncio: keep-alive, one request at a time a connection, nothing the venues do not need.

Parsing is by hand because a framework would cost more than the exchange behind it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, cast

HEAD_BYTES_MAX = 32 * 1024
BODY_BYTES_MAX = 1024 * 1024

_PHRASES = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    411: b"Length Required",
    413: b"Content Too Large",
    418: b"I'm a teapot",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}


class Fate(StrEnum):
    """What becomes of a reply: sent, never sent, or the connection reset or closed instead."""

    SEND = "send"
    HANG = "hang"
    RESET = "reset"
    CLOSE = "close"


class Request(NamedTuple):
    """A whole request. Header names are lower case; `query` is as sent, without the question mark."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    source: str
    """The client's IP address."""


class Reply(NamedTuple):
    """A reply. `headers` are whole extra lines, each with its line end."""

    body: bytes
    status: int = 200
    headers: bytes = b""
    content_type: bytes = b"application/json;charset=UTF-8"
    fate: Fate = Fate.SEND
    delay_s: float = 0.0


class Upgraded(Protocol):
    """What takes over a connection after an upgrade."""

    def received(self, data: bytes) -> None:
        """Take bytes from the client."""

    def lost(self) -> None:
        """Learn that the connection is gone."""


Responder = Callable[[Request], Reply]
Upgrader = Callable[[Request, asyncio.Transport], Upgraded | None]


@dataclass(slots=True, eq=False)
class Traffic:
    """Count what went over a listener."""

    connections: int = 0
    open_connections: int = 0
    requests: int = 0
    resets: int = 0


class HttpConnection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_body_max",
        "_buffer",
        "_busy",
        "_connections",
        "_refuses",
        "_respond",
        "_source",
        "_traffic",
        "_transport",
        "_upgrade",
        "_upgraded",
    )

    def __init__(
        self,
        respond: Responder,
        upgrade: Upgrader | None,
        refuses: Callable[[], bool],
        connections: "set[HttpConnection]",
        traffic: Traffic,
        body_max: int,
    ) -> None:
        self._respond = respond
        self._upgrade = upgrade
        self._refuses = refuses
        self._connections = connections
        self._traffic = traffic
        self._body_max = body_max
        self._buffer = b""
        self._busy = False
        self._source = ""
        self._transport: asyncio.Transport | None = None
        self._upgraded: Upgraded | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or reset it during an outage."""
        # uvloop's transports are no subclass of asyncio.Transport, though they have all of it.
        stream = cast("asyncio.Transport", transport)
        if self._refuses():
            self._traffic.resets += 1
            stream.abort()
            return
        self._transport = stream
        peer = transport.get_extra_info("peername")
        self._source = peer[0] if peer else ""
        self._connections.add(self)
        self._traffic.connections += 1
        self._traffic.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._transport is None:
            return
        self._transport = None
        self._connections.discard(self)
        self._traffic.open_connections -= 1
        if self._upgraded is not None:
            self._upgraded.lost()

    def data_received(self, data: bytes) -> None:
        """Take bytes; answer as many whole requests as they complete."""
        if self._upgraded is not None:
            self._upgraded.received(data)
            return
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) > HEAD_BYTES_MAX + self._body_max:
            self._refuse(413)
            return
        while self._buffer and not self._busy and self._upgraded is None and self._take():
            pass

    def abort(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self._traffic.resets += 1
            self._transport.abort()

    def _take(self) -> bool:
        """Take one request out of the buffer and answer it; say whether there was a whole one."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > HEAD_BYTES_MAX:
                self._refuse(431)
            return False
        lines = buffer[:end].decode("latin-1").split("\r\n")
        start = lines[0].split(" ")
        if len(start) != 3 or not start[2].startswith("HTTP/1."):
            self._refuse(400)
            return False
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length_text = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length_text.isdecimal():
            self._refuse(411)
            return False
        length = int(length_text)
        if length > self._body_max:
            self._refuse(413)
            return False
        stop = end + 4 + length
        if len(buffer) < stop:
            return False
        self._buffer = buffer[stop:]
        path, _, query = start[1].partition("?")
        self._answer(Request(start[0], path, query, headers, buffer[end + 4 : stop], self._source))
        return True

    def _answer(self, request: Request) -> None:
        self._traffic.requests += 1
        transport = self._transport
        if transport is None:
            return
        if self._upgrade is not None and request.headers.get("upgrade", "").lower() == "websocket":
            self._upgraded = self._upgrade(request, transport)
            if self._upgraded is not None:
                if self._buffer:
                    self._upgraded.received(self._buffer)
                return
        reply = self._respond(request)
        if reply.delay_s:
            self._busy = True
            asyncio.get_running_loop().call_later(reply.delay_s, self._late, request, reply)
        else:
            self._send(request, reply)

    def _late(self, request: Request, reply: Reply) -> None:
        self._busy = False
        self._send(request, reply)
        if self._buffer and not self._busy:
            self.data_received(b"")

    def _send(self, request: Request, reply: Reply) -> None:
        transport = self._transport
        if transport is None:
            return
        if reply.fate is Fate.HANG:
            self._busy = True
        elif reply.fate is Fate.RESET:
            self.abort()
        elif reply.fate is Fate.CLOSE:
            transport.close()
        else:
            phrase = _PHRASES.get(reply.status, b"")
            transport.write(
                b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b"
                % (reply.status, phrase, reply.content_type, len(reply.body), reply.headers, reply.body)
            )
            if request.headers.get("connection", "").lower() == "close":
                transport.close()

    def _refuse(self, status: int) -> None:
        """Answer what cannot be parsed, and close."""
        if self._transport is not None:
            self._busy = True
            self._transport.write(
                b"HTTP/1.1 %d %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, _PHRASES[status])
            )
            self._transport.close()

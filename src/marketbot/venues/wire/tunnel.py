"""The first bytes through a proxy: HTTP CONNECT (RFC 9110, 9.3.6) or SOCKS5 (RFC 1928, with RFC 1929 for the password).

What the proxy opens is a way to the venue and no more: TLS is spoken with the venue behind it, and verified against the venue's name.
The proxy resolves the name. No byte of a request has left while a tunnel is being opened.
"""

import asyncio
import base64
import ipaddress
from collections.abc import Generator
from typing import cast

from marketbot.domain.egress import Egress, EgressKind
from marketbot.venues.wire.endpoint import Endpoint
from marketbot.venues.wire.errors import Fault, WireFailure

MAX_ANSWER_BYTES = 8_192
"""More than a proxy's answer needs: a CONNECT's head, or the few bytes of SOCKS5."""

Steps = Generator[
    bytes, bytes, None
]  # yields what goes to the proxy, is sent all that has come and is not used yet; ends when open

_NO_PASSWORD, _PASSWORD, _NONE_FITS = 0x00, 0x02, 0xFF
_IPV4, _NAME, _IPV6 = 0x01, 0x03, 0x04
_REPLIES = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


def open_steps(egress: Egress, endpoint: Endpoint) -> Steps:
    """Return the conversation that opens a way to ``endpoint``. Raises Fault inside."""
    return _connect(egress, endpoint) if egress.kind is EgressKind.HTTP_PROXY else _socks5(egress, endpoint)


def _connect(egress: Egress, endpoint: Endpoint) -> Steps:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    target = f"{host}:{endpoint.port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if egress.user:
        credentials = base64.b64encode(f"{egress.user}:{egress.password}".encode()).decode("ascii")
        head += f"Proxy-Authorization: Basic {credentials}\r\n"
    seen = yield (head + "\r\n").encode("ascii")
    while b"\r\n\r\n" not in seen:
        seen += yield b""
        _bound(seen)
    answer, _, rest = seen.partition(b"\r\n\r\n")
    words = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Fault(WireFailure.PROXY_REFUSED, "its answer is no HTTP")
    if not words[1].startswith(b"2"):
        raise Fault(WireFailure.PROXY_REFUSED, f"it answers {int(words[1][:4])}")
    _nothing_left(rest)


def _socks5(egress: Egress, endpoint: Endpoint) -> Steps:
    wanted = _PASSWORD if egress.user else _NO_PASSWORD
    seen = yield bytes((5, 1, wanted))
    seen = yield from _until(seen, 2)
    if seen[0] != 5:
        raise Fault(WireFailure.PROXY_REFUSED, "its answer is no SOCKS5")
    if seen[1] != wanted:
        why = "it takes no such login" if seen[1] == _NONE_FITS else "it wants another login"
        raise Fault(WireFailure.PROXY_REFUSED, why)
    seen = seen[2:]
    if wanted == _PASSWORD:
        user, password = egress.user.encode(), egress.password.encode()
        seen += yield bytes((1, len(user))) + user + bytes((len(password),)) + password
        seen = yield from _until(seen, 2)
        if seen[1] != 0:
            raise Fault(WireFailure.PROXY_REFUSED, "it refuses the password")
        seen = seen[2:]
    seen += yield bytes((5, 1, 0)) + _address(endpoint.host) + endpoint.port.to_bytes(2, "big")
    seen = yield from _until(seen, 5)
    if seen[0] != 5 or seen[1] != 0:
        raise Fault(WireFailure.PROXY_REFUSED, _REPLIES.get(seen[1], f"reply {seen[1]}"))
    bound_bytes = {_IPV4: 4, _IPV6: 16, _NAME: 1 + seen[4]}.get(seen[3])
    if bound_bytes is None:
        raise Fault(WireFailure.PROXY_REFUSED, "its answer is no SOCKS5")
    end = 4 + bound_bytes + 2
    seen = yield from _until(seen, end)
    _nothing_left(seen[end:])


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")
        return bytes((_NAME, len(name))) + name
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


def _until(seen: bytes, wanted: int) -> Generator[bytes, bytes, bytes]:
    while len(seen) < wanted:
        seen += yield b""
        _bound(seen)
    return seen


def _bound(seen: bytes) -> None:
    if len(seen) > MAX_ANSWER_BYTES:
        raise Fault(WireFailure.PROXY_REFUSED, "its answer does not end")


def _nothing_left(rest: bytes) -> None:
    if rest:
        # The venue waits for us to speak first: these bytes would be taken for its answer.
        raise Fault(WireFailure.PROXY_REFUSED, "bytes that nobody asked for")


class Tunnel(asyncio.Protocol):
    """Talks to the proxy, then hands the transport over to ``behind`` as if it had been connected just now."""

    __slots__ = ("_behind", "_opened", "_steps", "_transport")

    def __init__(self, steps: Steps, behind: asyncio.Protocol, opened: "asyncio.Future[None]") -> None:
        self._steps = steps
        self._behind = behind
        self._opened = opened
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(next(self._steps))

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._opened.done():
            return
        try:
            if answer := self._steps.send(data):
                transport.write(answer)
        except StopIteration:
            self._opened.set_result(None)
            transport.set_protocol(self._behind)
            self._behind.connection_made(transport)
        except Fault as fault:
            self._fail(fault)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(Fault(WireFailure.PROXY_REFUSED, "it hung up" if exc is None else type(exc).__name__))

    def abort(self) -> None:
        """Close, unless the transport has been handed over."""
        if self._transport is not None and not (self._opened.done() and self._opened.exception() is None):
            self._transport.abort()

    def _fail(self, fault: Fault) -> None:
        if not self._opened.done():
            self._opened.set_exception(fault)

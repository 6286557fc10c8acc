"""Posts one notice: the name is resolved here, each address is checked, and exactly a checked one is dialled (no second look-up).

Nothing is followed: a redirect is a failure. What a stranger answers beyond the status line is not read; of a service that we
know (``call``) a bounded answer is.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from marketbot.domain.errors import MarketBotError
from marketbot.notices.address import Hook, may_dial

TIMEOUT_S = 10.0
MAX_STATUS_LINE_BYTES = 1_024
MAX_ADDRESSES = 4
"""Of those a name resolves to, how many are tried."""
MAX_ANSWER_BYTES = 256 * 1024
"""Head and body of what a service answers: a hundred of Telegram's updates fit."""


class DeliveryFailed(MarketBotError):
    """The notice did not arrive, or nobody said that it did. Names the host at most, never the path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Courier:
    """Delivers over verified TLS. ``loopback``: this machine's own addresses may be dialled too."""

    def __init__(self, context: ssl.SSLContext | None = None, *, loopback: bool = False) -> None:
        self._context = context or ssl.create_default_context()
        self._loopback = loopback

    def __repr__(self) -> str:
        return f"<Courier loopback={self._loopback}>"

    async def post(self, hook: Hook, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body.

        Raises:
            DeliveryFailed: no connection, no 2xx, too late, or nowhere that may be dialled.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status = await self._exchange(hook, body, headers)
        except TimeoutError:
            raise DeliveryFailed(f"{hook.host} did not answer within {TIMEOUT_S:g} s") from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise DeliveryFailed(f"{hook.host}: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise DeliveryFailed(f"{hook.host} answered {status}")

    async def call(self, hook: Hook, body: bytes, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S) -> Answer:
        """Post the body to a service that is known, and return what it answers, whatever its status.

        Raises:
            DeliveryFailed: no connection, no whole answer in HTTP of at most ``MAX_ANSWER_BYTES``, too late, or nowhere that may be
                dialled.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._converse(hook, body, headers)
        except TimeoutError:
            raise DeliveryFailed(f"{hook.host} did not answer within {timeout_s:g} s") from None
        except (OSError, ssl.SSLError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise DeliveryFailed(f"{hook.host}: {type(error).__name__}") from None

    async def _exchange(self, hook: Hook, body: bytes, headers: Mapping[str, str]) -> int:
        reader, writer = await self._dial(hook)
        try:
            writer.write(_request(hook, body, headers))
            await writer.drain()
            return _status(hook, await reader.readuntil(b"\r\n"))
        finally:
            writer.transport.abort()

    async def _converse(self, hook: Hook, body: bytes, headers: Mapping[str, str]) -> Answer:
        # HTTP/1.0: the answer comes in one piece, ends with the connection, and is never chunked.
        reader, writer = await self._dial(hook)
        try:
            writer.write(_request(hook, body, headers, version="1.0"))
            await writer.drain()
            answer = bytearray()
            while piece := await reader.read(MAX_ANSWER_BYTES):
                answer += piece
                if len(answer) > MAX_ANSWER_BYTES:
                    raise DeliveryFailed(f"{hook.host} answered too much")
                if (whole := _whole(answer)) is not None:
                    return Answer(_status(hook, bytes(answer)), *whole)
            head, found, rest = bytes(answer).partition(b"\r\n\r\n")
            status = _status(hook, head + b"\r\n")
            if not found:
                raise DeliveryFailed(f"{hook.host} did not answer in HTTP")
            return Answer(status, _headers(head), rest)
        finally:
            writer.transport.abort()

    async def _dial(self, hook: Hook) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        failure: OSError | None = None
        for address in (await self._resolve(hook))[:MAX_ADDRESSES]:
            try:
                return await asyncio.open_connection(
                    address, hook.port, ssl=self._context, server_hostname=hook.host, limit=MAX_STATUS_LINE_BYTES
                )
            except OSError as error:
                failure = error
        assert failure is not None
        raise failure

    async def _resolve(self, hook: Hook) -> list[str]:
        """Return what a name stands for. One address that may not be dialled condemns the name: it is not an honest public one."""
        found = await asyncio.get_running_loop().getaddrinfo(hook.host, hook.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if not addresses or not all(may_dial(ipaddress.ip_address(each), loopback=self._loopback) for each in addresses):
            raise DeliveryFailed(f"{hook.host} is not on the public internet")
        return addresses


def _request(hook: Hook, body: bytes, headers: Mapping[str, str], *, version: str = "1.1") -> bytes:
    lines = [f"POST {hook.target} HTTP/{version}", f"Host: {hook.authority}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _status(hook: Hook, line: bytes) -> int:
    version, _, rest = line.decode("latin-1").partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise DeliveryFailed(f"{hook.host} did not answer in HTTP")
    return int(rest[:3])


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _whole(answer: bytearray) -> tuple[dict[str, str], bytes] | None:
    """Return headers and body once as much is there as Content-Length says; None until then, and where it does not say."""
    head, found, body = bytes(answer).partition(b"\r\n\r\n")
    headers = _headers(head) if found else {}
    length = headers.get("content-length", "")
    if not length.isdigit() or len(length) > 9 or len(body) < int(length):
        return None
    return headers, body[: int(length)]

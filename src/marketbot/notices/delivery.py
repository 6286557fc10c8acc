"""Posts one notice: the name is resolved here, each address is checked, and exactly a checked one is dialled (no second look-up).

Nothing is followed: a redirect is a failure. What the receiver answers beyond its status line is not read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping

from marketbot.domain.errors import MarketBotError
from marketbot.notices.address import Hook, may_dial

TIMEOUT_S = 10.0
MAX_STATUS_LINE_BYTES = 1_024
MAX_ADDRESSES = 4
"""Of those a name resolves to, how many are tried."""


class DeliveryFailed(MarketBotError):
    """The notice did not arrive, or nobody said that it did. Names the host at most, never the path."""


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

    async def _exchange(self, hook: Hook, body: bytes, headers: Mapping[str, str]) -> int:
        lines = [f"POST {hook.target} HTTP/1.1", f"Host: {hook.authority}", "Connection: close", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        reader, writer = await self._dial(hook)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
            await writer.drain()
            version, _, rest = (await reader.readuntil(b"\r\n")).decode("latin-1").partition(" ")
            if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
                raise DeliveryFailed(f"{hook.host} did not answer in HTTP")
            return int(rest[:3])
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

"""Open connections to one endpoint from one egress address."""

import asyncio
import ipaddress
import socket
import ssl

from marketbot.domain.egress import Egress
from marketbot.venues.wire.connection import Connection, Owner
from marketbot.venues.wire.endpoint import Endpoint
from marketbot.venues.wire.errors import Fault, WireFailure
from marketbot.venues.wire.tls import TlsSession, refuse_unverified
from marketbot.venues.wire.tunnel import Tunnel, open_steps


class Connector:
    """Knows where to, from where and under which TLS context; refuses hosts of another environment at birth."""

    __slots__ = ("_context", "_endpoint", "_family", "_local_addr", "_proxy", "_timeout_s")

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        allowed_hosts: frozenset[str],
        egress: Egress | None,
        ssl_context: ssl.SSLContext | None,
        timeout_s: float,
    ) -> None:
        if endpoint.host not in allowed_hosts:
            raise ValueError(f"host {endpoint.host!r} is not one of this environment's hosts")
        if endpoint.encrypted != (ssl_context is not None):
            raise ValueError("an https endpoint needs a TLS context, and an http endpoint takes none")
        if ssl_context is not None:
            refuse_unverified(ssl_context)
        self._endpoint = endpoint
        self._context = ssl_context
        self._proxy = egress if egress is not None and egress.is_proxy else None
        self._local_addr = None if egress is None or egress.is_proxy else (egress.host, 0)
        self._family = _family(self._local_addr)
        self._timeout_s = timeout_s

    async def open(self, owner: Owner) -> Connection:
        """Return a usable connection. Raises Fault."""
        loop = asyncio.get_running_loop()
        tls = None if self._context is None else TlsSession(self._context, self._endpoint.host)
        connection = Connection(owner, loop.create_future(), tls)
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._proxy is None:
                    await loop.create_connection(
                        lambda: connection,
                        self._endpoint.host,
                        self._endpoint.port,
                        family=self._family,
                        local_addr=self._local_addr,
                    )
                else:
                    await self._dig(self._proxy, connection)
                await connection.ready
            if not connection.is_usable(connection.idle_since):
                raise Fault(WireFailure.CONNECT_FAILED, "closed right after it was opened")
        except BaseException as error:
            if not connection.ready.cancel() and not connection.ready.cancelled():
                connection.ready.exception()  # known to be retrieved, whoever won the race
            connection.drop(WireFailure.CONNECT_FAILED)
            if isinstance(error, Fault) and error.failure is WireFailure.CONNECTION_LOST:
                raise Fault(WireFailure.CONNECT_FAILED, error.detail) from None
            if isinstance(error, TimeoutError):
                raise Fault(WireFailure.CONNECT_TIMEOUT, f"over {self._timeout_s} s") from None
            if isinstance(error, OSError):
                raise Fault(WireFailure.CONNECT_FAILED, f"{type(error).__name__}: {error}") from None
            raise
        return connection

    async def _dig(self, proxy: Egress, connection: Connection) -> None:
        """Have a proxy open the way to the endpoint; from then on the transport is the connection's."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        tunnel = Tunnel(open_steps(proxy, self._endpoint), connection, opened)
        try:
            await loop.create_connection(lambda: tunnel, proxy.host, proxy.port)
            await opened
        except BaseException:
            tunnel.abort()
            if not opened.cancel() and not opened.cancelled():
                opened.exception()  # known to be retrieved, whoever won the race
            raise


def _family(local_addr: tuple[str, int] | None) -> int:
    if local_addr is None:
        return socket.AF_UNSPEC
    return socket.AF_INET if ipaddress.ip_address(local_addr[0]).version == 4 else socket.AF_INET6

"""Listen on one port, and cut it off from the world when told to."""

import asyncio
import ssl

from simexchange.wire.http import BODY_BYTES_MAX, HttpConnection, Responder, Traffic, Upgrader

BACKLOG = 4096


class Listener:
    """A port that serves one face."""

    def __init__(
        self,
        respond: Responder,
        *,
        upgrade: Upgrader | None = None,
        tls: ssl.SSLContext | None = None,
        body_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._respond = respond
        self._upgrade = upgrade
        self._tls = tls
        self._body_max = body_max
        self._server: asyncio.Server | None = None
        self._connections: set[HttpConnection] = set()
        self._down_until: float | None = 0.0
        self.traffic = Traffic()
        self.url = ""

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. `url` then tells where."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, port, ssl=self._tls, backlog=BACKLOG)
        bound = self._server.sockets[0].getsockname()
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self.url = f"{'https' if self._tls else 'http'}://{name}:{bound[1]}"

    async def stop(self) -> None:
        """Stop listening and reset the connections that remain."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()
        self._server = None

    def cut(self, seconds: float | None) -> None:
        """Reset every connection now, and every new one for that long (None: until restored)."""
        self._down_until = None if seconds is None else asyncio.get_running_loop().time() + seconds
        for connection in list(self._connections):
            connection.abort()

    def restore(self) -> None:
        """End an outage."""
        self._down_until = 0.0

    @property
    def is_down(self) -> bool:
        """Say whether an outage lasts."""
        until = self._down_until
        return until is None or (until > 0.0 and asyncio.get_running_loop().time() < until)

    def _connection(self) -> HttpConnection:
        return HttpConnection(self._respond, self._upgrade, lambda: self.is_down, self._connections, self.traffic, self._body_max)

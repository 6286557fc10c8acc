"""Proxies on loopback, written from the RFCs: HTTP CONNECT and SOCKS5, with or without a login."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

USER, PASSWORD = "way", "pass:w@rd/öß"


@dataclass
class Proxy:
    """``asked`` are the targets in the order they were asked for; ``passed`` the first bytes that went through to each."""

    kind: str
    login: bool = False
    refuse: int | None = None
    """Answer every request for a way with this status or reply."""
    mute: bool = False
    """Never answer."""
    chatter: bytes = b""
    """Bytes that nobody asked for, right behind the answer."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    passed: list[bytes] = field(default_factory=list)
    refused_logins: int = 0
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def spelled(self) -> str:
        return f"{self.kind}://127.0.0.1:{self.port}"

    @property
    def spelled_with_login(self) -> str:
        return f"{self.kind}://{USER}:pass%3Aw%40rd%2F%C3%B6%C3%9F@127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if self.mute:
                    await reader.read()
                    return
                serve = self._connect if self.kind == "http" else self._socks5
                if await serve(reader, writer):
                    await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        lines = head.split("\r\n")
        method, target, version = lines[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        assert fields["host"] == target
        host, _, port = target.rpartition(":")
        if self.login:
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if fields.get("proxy-authorization") != wanted:
                self.refused_logins += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return False
        self.asked.append((host.strip("[]"), int(port)))
        if self.refuse is not None:
            writer.write(b"HTTP/1.1 %d No\r\n\r\n" % self.refuse)
            return False
        # In two parts, as a network may deliver it.
        writer.write(b"HTTP/1.1 200 Connection ")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"established\r\nVia: test\r\n\r\n" + self.chatter)
        return True

    async def _socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        version, methods = await reader.readexactly(2)
        offered = await reader.readexactly(methods)
        method = 2 if self.login else 0
        assert version == 5
        if method not in offered:
            self.refused_logins += 1
            writer.write(b"\x05\xff")
            return False
        writer.write(bytes((5, method)))
        if self.login:
            assert (await reader.readexactly(1)) == b"\x01"
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            well = (user, password) == (USER.encode(), PASSWORD.encode())
            self.refused_logins += not well
            writer.write(b"\x01\x00" if well else b"\x01\x01")
            if not well:
                return False
        version, command, _, kind = await reader.readexactly(4)
        assert (version, command) == (5, 1)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii")
        else:
            host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append((host, port))
        if self.refuse is not None:
            writer.write(bytes((5, self.refuse, 0, 1)) + bytes(6))
            return False
        writer.write(b"\x05\x00\x00")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"\x01" + bytes(6) + self.chatter)
        return True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.asked[-1]
        # A name that only the proxy can resolve: the tests' venue.
        there, back = await asyncio.open_connection("127.0.0.1" if host.endswith(".example") else host, port)

        async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter, first: list[bytes] | None) -> None:
            with suppress(OSError):
                while data := await source.read(65_536):
                    if first is not None and data:
                        first.append(data)
                        first = None
                    to.write(data)
                    await to.drain()
            to.close()

        try:
            await asyncio.gather(pump(reader, back, self.passed), pump(there, writer, None))
        finally:
            back.close()


@asynccontextmanager
async def running(proxy: Proxy) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        tasks = list(proxy.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Callers of the front door: plain sockets, from whichever loopback address, that keep their connections or not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

ANSWER_TIMEOUT_S = 20.0
"""Far more than anything here may take: a caller that waits longer has found a hang."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Caller:
    """One address with one connection, which is kept as long as the other side lets it be."""

    port: int
    address: str = "127.0.0.1"
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """Send one request and read its answer.

        Raises:
            OSError, EOFError: there was none.
        """
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))
            reader, writer = self._streams
            lines = [f"{method} {path} HTTP/1.1", "Host: marketbot.test", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                reply = await read_reply(reader)
            except BaseException:
                await self.close()
                raise
            if reply.headers.get("connection", "").lower() == "close":
                await self.close()
            return reply

    async def close(self) -> None:
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """Read one answer of known length.

    Raises:
        EOFError: the connection ended before.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(int(status.split(" ")[1]), headers, body)


async def ask_once(port: int, method: str, path: str, *, address: str = "127.0.0.1", body: bytes = b"", **headers: str) -> Reply:
    caller = Caller(port, address)
    try:
        return await caller.ask(method, path, body, headers)
    finally:
        await caller.close()


@dataclass
class Crowd:
    """Asks at a steady rate whatever the answers take (open loop), from many addresses, each over a connection that it keeps.

    A caller that is still waiting is not asked to ask again: another one, new, is.
    """

    port: int
    addresses: Sequence[str]
    per_s: int
    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _resting: dict[str, list[Caller]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, request: Callable[[int], tuple[str, str, bytes, Mapping[str, str]]], until: asyncio.Event) -> None:
        """Ask until the event is set; then wait for every answer."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not until.is_set():
            while self.asked < (loop.time() - begun) * self.per_s:
                address = self.addresses[self.asked % len(self.addresses)]
                task = asyncio.create_task(self._ask(address, *request(self.asked)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                self.asked += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(1 / self.per_s):
                    await until.wait()
        await asyncio.gather(*self._tasks)
        for resting in self._resting.values():
            for caller in resting:
                await caller.close()

    async def _ask(self, address: str, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        resting = self._resting.setdefault(address, [])
        caller = resting.pop(0) if resting else Caller(self.port, address)
        try:
            reply = await caller.ask(method, path, body, headers)
        except (OSError, EOFError) as error:
            self.failures.append(f"{method} {path[:12]}: {type(error).__name__} {error}")
            return
        self.statuses[reply.status] += 1
        if reply.status >= 400:
            self.failures.append(f"{method} {path[:12]}: {reply.status} {reply.body[:200]!r}")
        resting.append(caller)

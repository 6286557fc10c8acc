"""A reader of Server-Sent Events that does what their standard says, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
from tests.api.conftest import Answer, read_answer

DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Message:
    event: str
    data: dict[str, object]
    id: str

    @property
    def changed(self) -> list[object]:
        assert self.event == "changed", self
        found = self.data["changed"]
        assert isinstance(found, list)
        return found


class Reader:
    """``head`` is the answer's status and headers; ``last_id`` and ``retry_ms`` are what the stream said last."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id = ""
        self.retry_ms = 0
        self.signs_of_life = 0

    async def begin(self) -> None:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    async def next(self, deadline_s: float = DEADLINE_S) -> Message | None:
        """Return the next message, or None when the stream has ended."""
        event, data = "message", ""
        async with asyncio.timeout(deadline_s):
            while line := await self._reader.readline():
                # Lines that begin a chunk are no fields, and are passed over like any other that is unknown; the last one says 0.
                if line == b"0\r\n":
                    return None
                name, _, value = line.decode().rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                if name == "event":
                    event = value
                elif name == "data":
                    data = value
                elif name == "id":
                    self.last_id = value
                elif name == "retry":
                    self.retry_ms = int(value)
                elif line == b":\n":
                    self.signs_of_life += 1
                elif line == b"\n" and data:
                    return Message(event, orjson.loads(data), self.last_id)
        return None

    async def reset(self) -> None:
        message = await self.next()
        assert message is not None
        assert (message.event, message.data) == ("reset", {})


def request(path: str, token: str, last_id: str = "") -> bytes:
    resume = f"last-event-id: {last_id}\r\n" if last_id else ""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{resume}\r\n".encode()


@asynccontextmanager
async def reading(
    port: int, token: str, *, path: str = "/v1/events", last_id: str = "", accept: str = "*/*"
) -> AsyncIterator[Reader]:
    """Open a stream that has to be given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request(path, token, last_id))
        found = Reader(reader, writer)
        async with asyncio.timeout(DEADLINE_S):
            await found.begin()
        assert found.status == 200, found.headers
        assert found.headers["content-type"].startswith("text/event-stream")
        yield found
    finally:
        writer.close()


async def refused(port: int, token: str, *, path: str = "/v1/events") -> Answer:
    """Ask for a stream that is not given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request(path, token))
        async with asyncio.timeout(DEADLINE_S):
            return await read_answer(reader)
    finally:
        writer.close()


async def changed_of(stream: Reader) -> list[object]:
    message = await stream.next()
    assert message is not None
    return message.changed

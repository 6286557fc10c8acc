"""Streams of live events, one a user, held open for as long as a load lasts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from readiness.load.result import Streams
from readiness.load.scenario import User
from readiness.load.target import Target
from readiness.load.wire import CONNECT_TIMEOUT_S

OPENED_PER_S = 200.0
"""A crowd does not come in one instant; and every stream is a connection the server has to take."""
MAX_LINE_BYTES = 64 * 1024
MAX_HEAD_LINES = 100
AGAIN_S = 1.0
"""Before a stream that was cut is opened anew, from the last event it saw; unless the server has asked for more time."""
AGAIN_MAX_S = 60.0
LAST_CHUNK = b"0\r\n"
"""What a stream that the server ends says before its connection rests."""


@dataclass(slots=True)
class _Last:
    """What a stream said last: the id to go on from, and how long to stay away once it ends."""

    id: str = ""
    again_s: float = AGAIN_S


async def hold_streams(
    target: Target,
    path: str,
    users: Sequence[User],
    found: Streams,
    sources: Sequence[str] = (),
    on_event: Callable[[User], None] = lambda _user: None,
) -> None:
    """Open a stream for each user and keep it until cancelled; ``found`` is counted as it goes, and ``on_event`` told of each event."""
    found.wanted = len(users)
    tasks = []
    try:
        for number, user in enumerate(users):
            source = sources[number % len(sources)] if sources else None
            tasks.append(asyncio.create_task(_keep(target, path, user, found, source, on_event)))
            await asyncio.sleep(1 / OPENED_PER_S)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(
    target: Target, path: str, user: User, found: Streams, source: str | None, on_event: Callable[[User], None]
) -> None:
    last = _Last()
    while True:
        opened = False
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    target.host,
                    target.port,
                    ssl=ssl.create_default_context() if target.encrypted else None,
                    limit=MAX_LINE_BYTES,
                    local_addr=None if source is None else (source, 0),
                )
            try:
                writer.write(_request(target, path, user, last.id))
                opened = await _accepted(reader)
                if opened:
                    # A stream that the end of the load cancels was held to the end, and stays counted.
                    found.held += 1
                    await _read(reader, found, last, lambda: on_event(user))
                    found.held -= 1
            finally:
                writer.close()
        except (OSError, TimeoutError, ValueError):
            pass
        if opened:
            found.cut += 1
        else:
            found.refused += 1
        await asyncio.sleep(last.again_s)


def _request(target: Target, path: str, user: User, last_id: str) -> bytes:
    resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {target.authority}\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n"
        f"Authorization: Bearer {user.token}\r\n{resume}\r\n"
    ).encode("latin-1")


async def _accepted(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        status = await reader.readline()
        streams = False
        for _ in range(MAX_HEAD_LINES):
            line = await reader.readline()
            if line in (b"\r\n", b"\n", b""):
                break
            name, _, value = line.partition(b":")
            streams = streams or (name.strip().lower() == b"content-type" and value.strip().startswith(b"text/event-stream"))
    return status.split(b" ")[1:2] == [b"200"] and streams


async def _read(reader: asyncio.StreamReader, found: Streams, last: _Last, on_event: Callable[[], None]) -> None:
    """Count events until the stream ends, however it does."""
    try:
        while line := await reader.readline():
            if line.startswith(b"id:"):
                last.id = line[3:].strip().decode("latin-1")
            elif line.startswith(b"retry:"):
                last.again_s = min(int(line[6:]) / 1_000, AGAIN_MAX_S)
            elif line.startswith(b"data:"):
                found.events += 1
                on_event()
            elif line == LAST_CHUNK:
                break
    except (OSError, ValueError):
        pass

"""Wake up when another process says that there is work. A nudge may get lost; the caller's slow poll is the net."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import asyncpg
import structlog

from marketbot.store.pool import DirectConnection, Unavailable, connect, is_unavailable

RECONNECT_FIRST_S = 0.1
RECONNECT_MAX_S = 5.0
# A host that vanished closes no connection: ask now and then, and give up on silence.
HEARTBEAT_S = 15.0
HEARTBEAT_TIMEOUT_S = 5.0

# A wrong password or a missing database may be put right while we wait.
REFUSED = (asyncpg.PostgresError, asyncpg.InterfaceError, PermissionError)

log = structlog.get_logger(__name__)


OnPayload = Callable[[str, str], None]


class Listener:
    """One loop's ears on a line. A nudge carries no payload: the rows are the truth."""

    def __init__(self, line: Line, channels: Iterable[str], on_payload: OnPayload | None = None) -> None:
        self._line = line
        self._on_payload = on_payload
        self._nudges = {channel: asyncio.Event() for channel in channels}

    def __repr__(self) -> str:
        return f"<Listener {','.join(self._nudges)} on {self._line!r}>"

    @property
    def channels(self) -> Iterable[str]:
        return self._nudges.keys()

    def hear(self, channel: str, payload: str) -> None:
        nudge = self._nudges.get(channel)
        if nudge is not None:
            nudge.set()
            if self._on_payload is not None:
                self._on_payload(channel, payload)

    async def wait(self, channel: str, poll_s: float) -> bool:
        """Return True on a nudge, False after `poll_s` without one. Look for work in both cases.

        A nudge that comes while the caller works makes the next wait return at once.
        """
        self._line.raise_failure()
        nudge = self._nudges[channel]
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the nudge.
            async with asyncio.timeout(poll_s):
                await nudge.wait()
        except TimeoutError:
            return False
        nudge.clear()
        return True


class Line:
    """One direct connection that LISTENs for every listener of a process, for as long as it is open, across reconnects.

    One for all: each would cost a server process, and the server wakes every one of them at each NOTIFY. Coming (back) up
    nudges every channel, since something may have been said meanwhile.
    """

    def __init__(self, dsn: str, *, name: str = "listener") -> None:
        self._dsn = dsn
        self._name = name
        self._listeners: list[Listener] = []
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Line {self._name} {'connected' if self._connected.is_set() else 'away'} listeners={len(self._listeners)}>"

    @property
    def connected(self) -> asyncio.Event:
        """Return an event that is set while LISTEN is in force."""
        return self._connected

    async def __aenter__(self) -> Line:
        self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def listener(self, channels: Iterable[str], on_payload: OnPayload | None = None) -> Listener:
        """Return ears of a loop's own: a nudge that it takes is not missed by another. Made before the line is started.

        ``on_payload`` hears what nudges say beside that: a channel and a text that anybody may have sent.
        """
        assert self._task is None, "the line is started: its channels are settled"
        listener = Listener(self, channels, on_payload)
        self._listeners.append(listener)
        return listener

    def start(self) -> None:
        """Connect in the background; a store that is away is no error, only silence."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_listening(), name=f"listen-{self._name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            # Waiting without raising: how the task ended is for `wait` to tell.
            await asyncio.wait({self._task})
            self._task = None

    def raise_failure(self) -> None:
        """Raise what ended the line: a broken configuration must be seen, not waited for."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _keep_listening(self) -> None:
        delay_s = RECONNECT_FIRST_S
        while True:
            try:
                connection = await connect(self._dsn, name=self._name)
            except (Unavailable, *REFUSED) as error:
                if not is_unavailable(error):
                    log.error("listener_cannot_connect", listener=self._name, error=type(error).__name__)
            else:
                delay_s = RECONNECT_FIRST_S
                await self._listen(connection)
            log.warning("listener_away", listener=self._name, retry_s=round(delay_s, 2))
            # Jitter, or all processes come back to a restarted server in the same instant.
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            delay_s = min(delay_s * 2, RECONNECT_MAX_S)

    async def _listen(self, connection: DirectConnection) -> None:
        """Listen until the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda *_: lost.set())
        try:
            for channel in sorted(self._channels()):
                await connection.add_listener(channel, self._nudge)
            self._connected.set()
            for channel in self._channels():
                self._nudge(connection, 0, channel, "")
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await lost.wait()
                        return
                await connection.execute("SELECT 1", timeout=HEARTBEAT_TIMEOUT_S)
        except (OSError, *REFUSED) as error:
            log.warning("listener_lost", listener=self._name, error=type(error).__name__)
        finally:
            self._connected.clear()
            connection.terminate()

    def _channels(self) -> set[str]:
        return {channel for listener in self._listeners for channel in listener.channels}

    def _nudge(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        for listener in self._listeners:
            listener.hear(channel, str(payload))

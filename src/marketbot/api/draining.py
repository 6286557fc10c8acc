"""Leaving without losing a request: how a process of the HTTP face says that it is about to go, and waits for what it has in hand.

A balancer learns that a process goes by asking /health/ready, and only at its next question. So a process that is asked to end first
answers that question with 503, goes on serving for a named time, and closes each connection behind its answer: a connection that a
balancer keeps for its next request would otherwise be shut just as that request is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

IN_HAND_S = 5.0
"""How long requests under way may still take once no new ones are accepted: as long as a body may take to come, and its answer."""
CLOSE_WAIT_S = 2.0
"""For connections to be shut once their requests are over."""
LEAVING_S = IN_HAND_S + CLOSE_WAIT_S
"""The longest an end takes after the draining time; whoever kills what does not end waits longer than both."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CONNECTION_CLOSE = (b"connection", b"close")


class Draining:
    """Whether this process is on its way out, and the requests that it has in hand.

    Streams that stay open for hours wait for ``begun`` and end themselves: nobody waits for them longer than ``IN_HAND_S``.
    """

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._in_hand = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def __repr__(self) -> str:
        return f"<Draining begun={self.begun.is_set()} in_hand={self._in_hand}>"

    @property
    def in_hand(self) -> int:
        return self._in_hand

    def begin(self) -> None:
        """Be unready from now on, and close every connection after its answer. Idempotent."""
        self.begun.set()

    async def finish(self, within_s: float = IN_HAND_S) -> bool:
        """Wait until no request is under way; False when some were not over in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def around(self, application: Application) -> Application:
        """Return the application with its requests counted, and its answers marked while this process is leaving."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
                return

            async def marked(message: Message) -> None:
                if message["type"] == "http.response.start" and self.begun.is_set():
                    message["headers"] = [*message.get("headers", ()), CONNECTION_CLOSE]
                await send(message)

            self._in_hand += 1
            self._empty.clear()
            try:
                await application(scope, receive, marked)
            finally:
                self._in_hand -= 1
                if not self._in_hand:
                    self._empty.set()

        return counted

"""What a full process turns away, and in which order: reads first, then commands, then webhooks and what reduces risk.

A route says its class with ``opt={LOAD_CLASS: LoadClass.URGENT}``; one that says nothing is a read or a command by its method. What
is turned away was not begun: 503 with Retry-After, for the price of a few look-ups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from marketbot.api.languages import language
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.sending import header, send_response
from marketbot.domain.errors import MarketBotError
from marketbot.domain.load import LoadClass
from marketbot.observability.shared_metrics import count_shed, set_in_flight

LOAD_CLASS = "load_class"
MAX_STREAMS = 6_000
"""Open streams of live events in one process."""
MAX_ARRIVING = 2_048
"""Requests whose body is still on its way. They do nothing yet, so slow senders take no place from anybody; each holds 64 KiB at most."""
SHARES: Mapping[LoadClass, float] = {LoadClass.READ: 0.6, LoadClass.COMMAND: 0.8, LoadClass.URGENT: 1.0}
"""A class is admitted while all requests in flight fill less than this share of the room."""
CALM_MAX = 8
"""Requests in flight up to which a process has time for readers whom it could as well tell later. At a few milliseconds each, more
means that they wait for each other.
"""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Overloaded(MarketBotError):
    """The body arrived when the room was full; nothing was done."""


class Room:
    """How many requests of each class are in flight. One a process."""

    def __init__(self, max_in_flight: int) -> None:
        self._bounds = {load_class: max(1, int(max_in_flight * share)) for load_class, share in SHARES.items()}
        self._bounds |= {LoadClass.STREAM: MAX_STREAMS}
        self._in_flight = dict.fromkeys(LoadClass, 0)
        self._serving = 0
        self.arriving = 0

    def __repr__(self) -> str:
        return f"<Room {self._serving} of {self._bounds[LoadClass.URGENT]}, {self.arriving} arriving>"

    @property
    def is_busy(self) -> bool:
        """Tell whether what can wait should: requests already wait for each other."""
        return self._serving > CALM_MAX

    def has_place(self, load_class: LoadClass) -> bool:
        if load_class is LoadClass.STREAM:
            return self._in_flight[load_class] < MAX_STREAMS
        return self._serving < self._bounds[load_class]

    def enter(self, load_class: LoadClass) -> bool:
        """Take a place; False when there is none for this class."""
        if not self.has_place(load_class):
            count_shed(load_class)
            return False
        if load_class is not LoadClass.STREAM:
            self._serving += 1
        self._in_flight[load_class] += 1
        set_in_flight(load_class, self._in_flight[load_class])
        return True

    def leave(self, load_class: LoadClass) -> None:
        if load_class is not LoadClass.STREAM:
            self._serving -= 1
        self._in_flight[load_class] -= 1
        set_in_flight(load_class, self._in_flight[load_class])


def load_class_of(scope: Scope) -> LoadClass:
    """Return what the route says of itself, else what its method tells."""
    told = scope["route_handler"].opt.get(LOAD_CLASS)
    if isinstance(told, LoadClass):
        return told
    return LoadClass.READ if scope.get("method") in SAFE_METHODS else LoadClass.COMMAND


class Shedding:
    """The middleware. A request takes its place when its body is there, and gives it back with its answer."""

    def __init__(self, app: ASGIApp, room: Room) -> None:
        self._app = app
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        load_class = load_class_of(scope)
        if load_class is LoadClass.UNCOUNTED:
            await self._app(scope, receive, send)
        elif _has_body(scope):
            await self._after_body(load_class, scope, receive, send)
        elif self._room.enter(load_class):
            try:
                await self._app(scope, receive, send)
            finally:
                self._room.leave(load_class)
        else:
            await _turn_away(scope, send)

    async def _after_body(self, load_class: LoadClass, scope: Scope, receive: Receive, send: Send) -> None:
        room = self._room
        if room.arriving >= MAX_ARRIVING or not room.has_place(load_class):
            count_shed(load_class)
            await _turn_away(scope, send)
            return
        entered = False
        arriving = True
        room.arriving += 1

        async def receive_and_enter() -> HTTPReceiveMessage:
            nonlocal arriving, entered
            message: Any = await receive()
            if arriving and not message.get("more_body", False):
                arriving = False
                room.arriving -= 1
                if message["type"] == "http.request":
                    entered = room.enter(load_class)
                    if not entered:
                        raise Overloaded("the room is full")
            return cast(HTTPReceiveMessage, message)

        try:
            await self._app(scope, receive_and_enter, send)
        finally:
            if arriving:
                room.arriving -= 1
            if entered:
                room.leave(load_class)


def _has_body(scope: Scope) -> bool:
    return header(scope, b"content-length") not in (b"", b"0") or header(scope, b"transfer-encoding") != b""


async def _turn_away(scope: Scope, send: Send) -> None:
    spoken = language(header(scope, b"accept-language").decode("latin-1"))
    await send_response(api_problem(ApiReason.OVERLOADED, spoken), send)

"""GET /v1/events and /v1/operator/events: Server-Sent Events that say what to read anew.

An event tells kinds (``orders``, ``positions`` ...), not rows: a page then asks the same addresses as without a stream. So nothing of a
user's goes over the bus between processes, one that reconnects anywhere needs nothing that another process remembers, and the same
few bytes serve any number of changes.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from litestar import Response, Router, get
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by, user_of
from marketbot.api.live_hub import LiveHub
from marketbot.api.live_stream import LiveStream, read_position
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.shedding import LOAD_CLASS
from marketbot.api.user_door import UserDoor
from marketbot.domain.live import EVERYTHING, OF_ACCOUNTS
from marketbot.domain.load import LoadClass
from marketbot.domain.scope import Scope as TokenScope
from marketbot.observability.live_metrics import Ended
from marketbot.ports import Clock
from marketbot.store.live import changed_since

WRITE_TIMEOUT_S = 20.0
"""A caller that does not take what is written for this long is cut off; it comes back when it can read."""

_STREAM = {LOAD_CLASS: LoadClass.STREAM}
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies that gather answers before they pass them on are asked not to.
    (b"x-accel-buffering", b"no"),
]


@get("/v1/events", opt=demands(TokenScope.ORDERS_READ) | _STREAM)
async def follow_own(request: ApiRequest) -> Response[bytes]:
    """What changed for the token's user, from now on or from ``Last-Event-ID``."""
    hub: LiveHub = request.app.state.live
    door: UserDoor = request.app.state.door
    clock: Clock = request.app.state.clock
    user_id, caller = user_of(request), caller_of(request)
    hears = EVERYTHING if TokenScope.ACCOUNTS_READ in caller.scopes else EVERYTHING & ~OF_ACCOUNTS
    # First the stream, then the look: what changes between the two is told by either.
    stream = hub.open(user_id, caller.token_id, int(hears), caller.session_id)
    if stream is None:
        return api_problem(ApiReason.STREAM_LIMIT_REACHED, spoken_by(request))
    try:
        since = read_position(request.headers.get("last-event-id", ""), clock.now())
        if since is None:
            stream.reset()
        else:
            stream.tell(await door.read_now(user_id, lambda connection: changed_since(connection, user_id, since)))
    except BaseException:
        hub.leave(stream)
        raise
    return EventStream(hub, stream)


@get("/v1/operator/events", opt=demands(TokenScope.OPERATOR_READ) | _STREAM)
async def follow_all(request: ApiRequest) -> Response[bytes]:
    """What changed for anybody. Operators are few: one that comes back reads everything."""
    hub: LiveHub = request.app.state.live
    caller = caller_of(request)
    stream = hub.open(None, caller.token_id, int(EVERYTHING), caller.session_id)
    if stream is None:
        return api_problem(ApiReason.STREAM_LIMIT_REACHED, spoken_by(request))
    stream.reset()
    return EventStream(hub, stream)


class EventStream(Response[bytes]):
    """An answer that goes on until its stream ends. The framework's own keeps three tasks and a task group for each."""

    def __init__(self, hub: LiveHub, stream: LiveStream) -> None:
        super().__init__(b"")
        self._hub = hub
        self._stream = stream

    def to_asgi_response(self, *_arguments: Any, **_more: Any) -> ASGIResponse:
        # The framework only calls what it gets.
        return cast(ASGIResponse, self._write)

    async def _write(self, _scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        leaving = asyncio.create_task(_until_gone(stream, receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            content = stream.opening()
            while True:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await send({"type": "http.response.body", "body": content, "more_body": stream.ended is None})
                if stream.ended is not None:
                    return
                content = await stream.next()
        except TimeoutError:
            stream.end(Ended.SLOW)
        finally:
            leaving.cancel()
            self._hub.leave(stream)


async def _until_gone(stream: LiveStream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end(Ended.CALLER)


def events_router() -> Router:
    return Router(path="/", route_handlers=[follow_own, follow_all], before_request=admit)

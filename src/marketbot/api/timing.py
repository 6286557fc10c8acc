"""Counts and times every request, outside of the framework: also those that no route answers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from marketbot.observability import metrics
from marketbot.observability.metrics import RouteClass
from marketbot.observability.traces import Span, span

_CLASSES = (
    ("/v1/webhook/", RouteClass.WEBHOOK),
    ("/v1/", RouteClass.API),
    ("/health/", RouteClass.HEALTH),
    ("/metrics", RouteClass.METRICS),
)
UNANSWERED = 500
"""What a request counts as that the application left without an answer."""


def route_class(path: str) -> RouteClass:
    """Return the first class whose beginning a path has: callers cannot make up series."""
    return next((found for beginning, found in _CLASSES if path.startswith(beginning)), RouteClass.OTHER)


def timed(app: ASGIApp) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Wrap an application. The time ends with the head of the answer, so that a stream is not a slow answer for as long as it lasts."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        route = route_class(scope["path"])
        begun_s = time.perf_counter()
        counted = False

        async def noting(message: Any) -> None:
            nonlocal counted
            if not counted and message["type"] == "http.response.start":
                counted = True
                metrics.count_request(route, message["status"], time.perf_counter() - begun_s)
            await send(message)

        try:
            with span(Span.REQUEST, route=route.value):
                await app(scope, receive, noting)
        except Exception:
            if not counted:
                metrics.count_request(route, UNANSWERED, time.perf_counter() - begun_s)
            raise

    return answer

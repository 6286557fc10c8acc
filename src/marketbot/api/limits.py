"""The limits at the door: every request by its sender's address; what callers do by user and token; wrong credentials by address.

Whoever is over a limit is answered a problem document with Retry-After; every answer that a limit counted says in its RateLimit headers
how the one stands that is nearest to its end. ``admission`` asks for every token; a handler with a limit of
its own asks the same way::

    refused = await limit(request, USER_COMMANDS, str(user_id))
    if refused is not None:
        return refused
"""

from __future__ import annotations

import ipaddress
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from marketbot.api.languages import language
from marketbot.api.peer import Network, caller_address
from marketbot.api.problems import limit_headers, limit_problem
from marketbot.api.sending import header, send_response
from marketbot.api.shedding import load_class_of
from marketbot.domain.limits import ADDRESS, LOGIN, Check, Limit, Verdict
from marketbot.domain.load import LoadClass
from marketbot.intake.limits import sender
from marketbot.ports import Limiter

NEAREST = "nearest_limit"
"""Under this name of a request's state stands the limit that its answer tells of."""


class AddressLimit:
    """The middleware that counts every request but health and metrics by its sender's address.

    This machine's own addresses are not counted: what comes from there is a balancer that is not told of in ``trusted_proxies``, so that
    all callers would share one limit, or a program of the operator's own.
    """

    def __init__(self, app: ASGIApp, limits: Limiter, trusted: tuple[Network, ...]) -> None:
        self._app = app
        self._limits = limits
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _address(scope, self._trusted)
        if load_class_of(scope) is not LoadClass.UNCOUNTED and not _is_own(address):
            verdict = await self._limits.take(Check(ADDRESS, sender(address)))
            if not verdict.allowed:
                spoken = language(header(scope, b"accept-language").decode("latin-1"))
                await send_response(limit_problem(verdict, spoken), send)
                return
            note_limit(scope, verdict)
        await self._app(scope, receive, _telling(scope, send))


def note_limit(scope: Scope, verdict: Verdict) -> None:
    """Have the answer say how a limit stands that let its request pass, unless another is nearer to its end."""
    state = scope["state"]
    nearest: Verdict | None = state.get(NEAREST)
    if nearest is None or verdict.remaining < nearest.remaining:
        state[NEAREST] = verdict


def _telling(scope: Scope, send: Send) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            verdict: Verdict | None = scope["state"].get(NEAREST)
            headers = list(message.get("headers", ()))
            # A refusal tells of the limit that refused.
            if verdict is not None and all(name != b"ratelimit" for name, _ in headers):
                told = limit_headers(verdict).items()
                message["headers"] = [*headers, *((name.lower().encode(), value.encode()) for name, value in told)]
        await send(message)

    return tell


async def limit(request: Request[Any, Any, State], of: Limit, key: str) -> Response[bytes] | None:
    """Take one from a limit; return the answer when it is used up, else None. ``key`` says whose it is, and is no secret."""
    limits: Limiter = request.app.state.limits
    verdict = await limits.take(Check(of, key))
    if verdict.allowed:
        note_limit(request.scope, verdict)
        return None
    return limit_problem(verdict, language(request.headers.get("accept-language", "")))


async def limit_guess(request: Request[Any, Any, State]) -> Response[bytes] | None:
    """Count a wrong credential against its sender's address; return the answer for one who guesses too often."""
    return await limit(request, LOGIN, sender(address_of(request)))


def address_of(request: Request[Any, Any, State]) -> str:
    """Return where a request comes from, as far as our own proxies may be believed; empty for a unix socket."""
    trusted: tuple[Network, ...] = request.app.state.trusted_proxies
    return _address(request.scope, trusted)


def _address(scope: Scope, trusted: tuple[Network, ...]) -> str:
    client = scope["client"]
    peer = "" if client is None else client[0]
    if not trusted:
        return peer
    return caller_address(peer, header(scope, b"x-forwarded-for").decode("latin-1"), trusted)


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        # A unix socket has no address: whoever is behind it is on this machine.
        return True

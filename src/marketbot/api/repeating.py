"""A command with an ``Idempotency-Key`` is done once: sent again, it is answered as it was the first time.

The header is draft-ietf-httpapi-idempotency-key-header's. Not for commands whose answer shows a secret: answers are kept in clear. ::

    @post("/v1/operator/controls/halt", opt=demands(Scope.CONTROLS_WRITE))
    @once
    async def post_halt(request: ApiRequest) -> Response[bytes]: ...
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable

from litestar import Response
from litestar.exceptions import ClientException, HTTPException

from marketbot.api.admission import ApiRequest, caller_of, path_of, spoken_by
from marketbot.api.answers import HEADERS
from marketbot.api.bodies import BODY_TIMEOUT_S
from marketbot.api.database import Database
from marketbot.api.identity import Caller
from marketbot.api.problems import MEDIA_TYPE, ApiReason, api_problem
from marketbot.intake.refused import StoreAway
from marketbot.observability.logs import logger
from marketbot.store.idempotency import Answered, Standing, claim_key, forget_key, keep_answer

KEY_HEADER = "idempotency-key"
MAX_KEY_CHARS = 255
_MARK = "is_once"
_REASONS = {
    Standing.IN_PROGRESS: ApiReason.COMMAND_IN_PROGRESS,
    Standing.OTHER_REQUEST: ApiReason.KEY_REUSED,
    Standing.FULL: ApiReason.KEY_LIMIT_REACHED,
}

Handler = Callable[[ApiRequest], Awaitable[Response[bytes]]]

log = logger(__name__)


def once(handler: Handler) -> Handler:
    """Have a command route honour the header; without it the route is as it was."""

    @functools.wraps(handler)
    async def wrapped(request: ApiRequest) -> Response[bytes]:
        text = request.headers.get(KEY_HEADER)
        if text is None:
            return await handler(request)
        key = _read_key(text)
        if key is None:
            return api_problem(ApiReason.PARAMETER_INVALID, spoken_by(request), "Idempotency-Key has 1 to 255 plain characters")
        return await do_once(request, key, handler)

    setattr(wrapped, _MARK, True)
    return wrapped


def is_once(handler: object) -> bool:
    """Tell whether a route honours the header."""
    return getattr(handler, _MARK, False)


async def do_once(request: ApiRequest, key: str, handler: Handler) -> Response[bytes]:
    """Have a handler carry a request's command out, or answer as it was answered before under this key.

    A form of the console carries its key as a field. The handler must answer what it refuses: an error that it raises leaves the key in
    progress until it counts as abandoned.
    """
    database: Database = request.app.state.database
    caller = _name(caller_of(request))
    digest = await _digest(request)
    if digest is None:
        # The handler reads the body again, and says what is wrong with it.
        return await handler(request)
    async with database.connection() as connection:
        standing = await claim_key(connection, caller, key, digest)
    if isinstance(standing, Answered):
        return Response(standing.body, status_code=standing.status, media_type=standing.media_type, headers=HEADERS)
    if standing is not Standing.NEW:
        return api_problem(_REASONS[standing], spoken_by(request))
    answer = await handler(request)
    status = answer.status_code or 200
    try:
        async with database.connection() as connection:
            if status >= 400:
                # Refused: nothing was done, and what was wrong may be put right under the same key.
                await forget_key(connection, caller, key)
            else:
                kept = Answered(status, answer.content, str(answer.media_type or MEDIA_TYPE))
                await keep_answer(connection, caller, key, kept)
    except StoreAway:
        # The command is done; its key stays "in progress" until it counts as abandoned.
        log.warning("idempotency_answer_not_kept")
    return answer


async def _digest(request: ApiRequest) -> bytes | None:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.body()
    except (HTTPException, ClientException, TimeoutError):
        return None
    asked = f"{request.method} {path_of(request)}?".encode() + request.scope["query_string"]
    return hashlib.sha256(asked + b"\n" + body).digest()


def _read_key(text: str) -> str | None:
    """Return the key of the header, written as a structured field's string or bare."""
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return key if 0 < len(key) <= MAX_KEY_CHARS and key.isascii() and key.isprintable() else None


def _name(caller: Caller) -> str:
    person_id = caller.person_id
    return f"person:{person_id}" if person_id is not None else f"token:{caller.token_id}"

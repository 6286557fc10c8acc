"""Lets a request in: its token is looked up, and must carry the scope that the address demands.

401 for a token that opens nothing, 403 for one that opens other addresses; what belongs to somebody else is 404, like what does
not exist, for its existence is nobody else's business.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.datastructures import State

from marketbot.api.identity import Caller, TokenRegister
from marketbot.api.limits import limit, limit_guess
from marketbot.api.problems import ApiReason, api_problem, language
from marketbot.api.shedding import load_class_of
from marketbot.domain.ids import UserId
from marketbot.domain.limits import TOKEN_READS, USER_COMMANDS
from marketbot.domain.load import LoadClass
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope

SCOPE = "scope"
"""Under this name a route says which scope it demands; a route that says none is open to nobody."""

READS = frozenset({"GET", "HEAD"})

ApiRequest = Request[Any, Any, State]


def demands(scope: Scope) -> dict[str, Any]:
    """Return a route's options: who comes in."""
    return {SCOPE: scope}


async def admit(request: ApiRequest) -> Response[bytes] | None:
    """Let nobody past whose token does not carry the route's scope; keep who came in for ``caller_of``."""
    register: TokenRegister = request.app.state.tokens
    answer = await register.identify(request.headers.get("authorization", ""))
    if isinstance(answer, ApiReason):
        guessed = await limit_guess(request) if answer is ApiReason.TOKEN_INVALID else None
        return guessed or api_problem(answer, spoken_by(request))
    if (refused := await _over_a_limit(request, answer)) is not None:
        return refused
    scope = request.route_handler.opt.get(SCOPE)
    if scope is None or scope not in answer.scopes:
        return api_problem(ApiReason.SCOPE_MISSING, spoken_by(request), f"it needs {scope}" if scope else "")
    request.state.caller = answer
    return None


async def _over_a_limit(request: ApiRequest, caller: Caller) -> Response[bytes] | None:
    """Count what is read by its token, and what a user changes by the user."""
    if load_class_of(request.scope) is LoadClass.UNCOUNTED:
        return None
    if caller.user_id is not None and request.method not in READS:
        return await limit(request, USER_COMMANDS, str(caller.user_id))
    if caller.token_id is None:
        return None  # the installation's own token: whoever holds it owns the machine
    return await limit(request, TOKEN_READS, str(caller.token_id))


def caller_of(request: ApiRequest) -> Caller:
    caller: Caller = request.state.caller
    return caller


def user_of(request: ApiRequest) -> UserId:
    """Return the user whose token was shown, on a route that demands a user's scope."""
    user_id = caller_of(request).user_id
    assert user_id is not None, "the schema gives a user's scopes to users' tokens alone"
    return user_id


def spoken_by(request: ApiRequest) -> Language:
    return language(request.headers.get("accept-language", ""))

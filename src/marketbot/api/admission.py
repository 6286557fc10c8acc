"""Lets a request in: its token, else its session's cookie, is looked up, and must carry the scope that the address demands.

401 for a token that opens nothing, 403 for one that opens other addresses; what belongs to somebody else is 404, like what does
not exist, for its existence is nobody else's business. A cookie is sent by browsers unasked, so whatever changes something under one must
show that our own page asked for it: the header ``X-CSRF-Token``.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State

from marketbot.api.identity import Caller, TokenRegister
from marketbot.api.languages import language
from marketbot.api.limits import limit, limit_guess
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_cookie import read_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.api.shedding import load_class_of
from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.limits import TOKEN_READS, USER_COMMANDS
from marketbot.domain.load import LoadClass
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope

SCOPE = "scope"
"""Under this name a route says which scope it demands; a route that says none is open to nobody."""
PERSON = "person"
"""Under this name a route says that it is for whoever is logged in, about themselves, and which sessions it takes."""
CSRF_HEADER = "x-csrf-token"
CSRF_SHOWN = "csrf_shown"
"""Under this name of a request's state a page of the console leaves what its form sent instead of the header (web/admission.py)."""

READS = frozenset({"GET", "HEAD"})
SAME_SITE = frozenset({"same-origin", "none"})
"""What a browser says of a request that our own page, or nobody's page, made."""

ApiRequest = Request[Any, Any, State]


class Standing(StrEnum):
    """Which sessions a person's own address takes."""

    WHOLE = "whole"
    ANY = "any"
    """One that still owes a second factor too: it is how it gets one, and how it ends."""


def demands(scope: Scope) -> dict[str, Any]:
    """Return a route's options: who comes in."""
    return {SCOPE: scope}


def of_person(standing: Standing = Standing.WHOLE) -> dict[str, Any]:
    """Return the options of a route about the person who is logged in: a session opens it, whatever its role, and no token does."""
    return {PERSON: standing}


async def admit(request: ApiRequest) -> Response[bytes] | None:
    """Let nobody past whose token or session does not open the route; keep who came in for ``caller_of``."""
    answer = await _identify(request)
    if isinstance(answer, ApiReason):
        guessed = await limit_guess(request) if answer is ApiReason.TOKEN_INVALID else None
        return guessed or api_problem(answer, spoken_by(request))
    if (refused := await _over_a_limit(request, answer)) is not None:
        return refused
    problem, detail = _refusal(request, answer)
    if problem is not None:
        return api_problem(problem, spoken_by(request), detail)
    request.state.caller = answer
    return None


async def _identify(request: ApiRequest) -> Caller | ApiReason:
    authorization = request.headers.get("authorization", "")
    cookie = None if authorization else read_session_cookie(request)
    if cookie is None:
        if not authorization and PERSON in request.route_handler.opt:
            return ApiReason.SESSION_INVALID
        tokens: TokenRegister = request.app.state.tokens
        return await tokens.identify(authorization)
    sessions: SessionRegister = request.app.state.sessions
    answer = await sessions.identify(cookie)
    if isinstance(answer, Caller) and request.method not in READS and not _is_our_page(request, sessions.csrf_of(cookie)):
        return ApiReason.CSRF_INVALID
    return answer


def _is_our_page(request: ApiRequest, csrf: str) -> bool:
    shown: str = request.headers.get(CSRF_HEADER, "") or request.state.get(CSRF_SHOWN, "")
    return is_same_site(request) and hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), csrf.encode())


def is_same_site(request: ApiRequest) -> bool:
    """Tell whether no other site's page made the request, as far as the browser says; programs say nothing."""
    return request.headers.get("sec-fetch-site", "none") in SAME_SITE


async def refuse_other_sites(request: ApiRequest) -> Response[bytes] | None:
    """Guard an address that is open to who is not logged in, in place of ``admit``: no other site's page uses it."""
    return None if is_same_site(request) else api_problem(ApiReason.CSRF_INVALID, spoken_by(request))


def _refusal(request: ApiRequest, caller: Caller) -> tuple[ApiReason | None, str]:
    options = request.route_handler.opt
    standing = options.get(PERSON)
    if standing is not None:
        if caller.person_id is None:
            return ApiReason.SESSION_MISSING, ""
        return (ApiReason.SECOND_FACTOR_OWED if caller.owes and standing is not Standing.ANY else None), ""
    scope = options.get(SCOPE)
    if scope is not None and scope in caller.scopes:
        return None, ""
    if caller.owes:
        return ApiReason.SECOND_FACTOR_OWED, ""
    return ApiReason.SCOPE_MISSING, f"it needs {scope}" if scope else ""


async def _over_a_limit(request: ApiRequest, caller: Caller) -> Response[bytes] | None:
    """Count what is read by its token or session, and what a user changes by the user."""
    if load_class_of(request.scope) is LoadClass.UNCOUNTED:
        return None
    if caller.user_id is not None and request.method not in READS:
        return await limit(request, USER_COMMANDS, str(caller.user_id))
    if caller.session_id is not None:
        return await limit(request, TOKEN_READS, f"session {caller.session_id}")
    if caller.token_id is None:
        return None  # the installation's own token: whoever holds it owns the machine
    return await limit(request, TOKEN_READS, str(caller.token_id))


def path_of(request: ApiRequest) -> str:
    """Return the path that was asked for. Not by ``request.url``: that reads the Host header, and fails where it names no port."""
    return request.scope["path"]


def caller_of(request: ApiRequest) -> Caller:
    caller: Caller = request.state.caller
    return caller


def user_of(request: ApiRequest) -> UserId:
    """Return the user whose token was shown, on a route that demands a user's scope."""
    user_id = caller_of(request).user_id
    assert user_id is not None, "the schema gives a user's scopes to users' tokens alone"
    return user_id


def person_of(request: ApiRequest) -> PersonId:
    """Return who is logged in, on a route of ``of_person``."""
    person_id = caller_of(request).person_id
    assert person_id is not None, "such a route takes sessions alone"
    return person_id


def spoken_by(request: ApiRequest) -> Language:
    return language(request.headers.get("accept-language", ""))

"""POST /v1/operator/keys/revoke: the mass revocation, or a drill of it."""

from __future__ import annotations

from litestar import Response, Router, post

from marketbot.accounts.revoking import RevokeScope, revoke
from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger

log = logger(__name__)


@post("/v1/operator/keys/revoke", opt=demands(Scope.KEYS_REVOKE), request_max_body_size=MAX_COMMAND_BYTES, status_code=200)
async def post_revoke(request: ApiRequest) -> Response[bytes]:
    """Wipe keys: ``{"scope": "all" | "user" | "account", "key": NUMBER, "drill": true | false}``. Nothing is a default: a drill says so."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    scope, key, drill = document.get("scope"), document.get("key"), document.get("drill")
    is_known = isinstance(scope, str) and scope in set(RevokeScope)
    number = key if isinstance(key, int) and not isinstance(key, bool) and 0 < key <= MAX_ID else None
    fits = (scope == RevokeScope.ALL and key is None) or number is not None
    if not is_known or not fits or not isinstance(drill, bool) or document.keys() - {"scope", "key", "drill"}:
        detail = "scope is all, user or account; key is the number of the latter two; drill is true or false"
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), detail)
    database: Database = request.app.state.database
    async with database.connection() as connection:
        done = await revoke(connection, RevokeScope(str(scope)), number, actor_of(request), drill=drill)
    if done is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    log.warning(
        "keys_revoked", scope=done.scope, key=done.key, drill=drill, accounts=done.accounts, by=caller_of(request).token_id
    )
    return json_answer({"revoked": done})


def operator_keys_router() -> Router:
    return Router(path="/", route_handlers=[post_revoke], before_request=admit)

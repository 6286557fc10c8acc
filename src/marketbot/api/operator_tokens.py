"""/v1/operator/tokens: everybody's tokens, made and revoked by operators."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, Router, delete, get, post

from marketbot.accounts.api_token import make_token
from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.identity import TokenRegister, actor_of
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.token_wishes import FIELDS, WishInvalid, read_token_wish
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.ids import UserId
from marketbot.domain.scope import OPERATOR_TOKEN_SCOPES, USER_SCOPES, Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.tokens import create_token, list_all_tokens, revoke_any_token, token_made
from marketbot.store.users import read_user

log = logger(__name__)


@get("/v1/operator/tokens", opt=demands(Scope.OPERATOR_READ))
async def show_all_tokens(request: ApiRequest) -> Response[bytes]:
    """Everybody's tokens by ascending id, without the tokens themselves."""
    return await everybodys_page(
        request,
        "tokens",
        IdKey(),
        lambda connection, after, limit: list_all_tokens(connection, after.above, limit),
        lambda row: (row.token_id,),
    )


@post("/v1/operator/tokens", opt=demands(Scope.OPERATOR_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_any_token(request: ApiRequest) -> Response[bytes]:
    """Make a token for the user that ``user_id`` names, or for operators where it is null or missing; shown this once."""
    database: Database = request.app.state.database
    caller = caller_of(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    user_id = document.get("user_id")
    if user_id is not None and (type(user_id) is not int or not 0 < user_id <= MAX_ID):
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), "user_id is the number of a user")
    allowed = caller.scopes & OPERATOR_TOKEN_SCOPES if user_id is None else USER_SCOPES
    try:
        wish = read_token_wish(document, allowed, request.app.state.clock.now(), caller.expires_at, FIELDS | {"user_id"})
    except WishInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    token = make_token(operator=user_id is None)
    owner = None if user_id is None else UserId(user_id)
    async with database.connection() as connection, connection.transaction():
        if owner is not None and await read_user(connection, owner) is None:
            return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
        row = await create_token(connection, owner, wish.name, wish.scopes, token, wish.expires_at)
        if row is not None:
            await record(connection, token_made(actor_of(request), row))
    if row is None:
        return api_problem(ApiReason.TOKEN_LIMIT_REACHED, spoken_by(request))
    log.info("token_made", id=row.token_id, user_id=user_id, scopes=sorted(wish.scopes), by=caller.token_id)
    return json_answer({**asdict(row), "token": token.text}, 201)


@delete("/v1/operator/tokens/{token_id:int}", opt=demands(Scope.OPERATOR_WRITE), status_code=200)
async def delete_any_token(request: ApiRequest) -> Response[bytes]:
    """Revoke anybody's token: here at once, in other processes within ``identity.TOKEN_AGE_S``."""
    database: Database = request.app.state.database
    register: TokenRegister = request.app.state.tokens
    token_id: int = request.path_params["token_id"]
    if not 0 < token_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    async with database.connection() as connection, connection.transaction():
        row = await revoke_any_token(connection, token_id)
        if row is not None:
            await record(
                connection, AuditEntry(Action.TOKEN_REVOKED, actor_of(request), "token", str(token_id), {"user_id": row.user_id})
            )
    if row is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    register.forget_token(token_id)
    log.info("token_revoked", id=token_id, user_id=row.user_id, by=caller_of(request).token_id)
    return json_answer(row)


def operator_tokens_router() -> Router:
    return Router(path="/", route_handlers=[show_all_tokens, post_any_token, delete_any_token], before_request=admit)

"""GET, POST and DELETE /v1/tokens: a user's own tokens. A new one is shown once."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, Router, delete, get, post

from marketbot.accounts.api_token import make_token
from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.identity import TokenRegister, actor_of
from marketbot.api.lists import own_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.token_wishes import WishInvalid, read_token_wish
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.scope import USER_SCOPES, Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.tokens import create_token, list_own_tokens, revoke_own_token, token_made

log = logger(__name__)


@get("/v1/tokens", opt=demands(Scope.ACCOUNTS_READ))
async def list_tokens(request: ApiRequest) -> Response[bytes]:
    """The user's tokens by ascending id, without the tokens themselves."""
    return await own_page(
        request,
        "tokens",
        IdKey(),
        lambda connection, user_id, after, limit: list_own_tokens(connection, user_id, after.above, limit),
        lambda row: (row.token_id,),
    )


@post("/v1/tokens", opt=demands(Scope.TOKENS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_token(request: ApiRequest) -> Response[bytes]:
    """Make a token that opens no more than the one that asks, and show it this once."""
    door: UserDoor = request.app.state.door
    caller, user_id = caller_of(request), user_of(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        wish = read_token_wish(document, caller.scopes & USER_SCOPES, request.app.state.clock.now(), caller.expires_at)
    except WishInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    token = make_token(operator=False)
    async with door.writing(user_id) as connection:
        row = await create_token(connection, user_id, wish.name, wish.scopes, token, wish.expires_at)
        if row is not None:
            await record(connection, token_made(actor_of(request), row))
    if row is None:
        return api_problem(ApiReason.TOKEN_LIMIT_REACHED, spoken_by(request))
    log.info("token_made", id=row.token_id, user_id=user_id, scopes=sorted(wish.scopes))
    return json_answer({**asdict(row), "token": token.text}, 201)


@delete("/v1/tokens/{token_id:int}", opt=demands(Scope.TOKENS_WRITE), status_code=200)
async def delete_token(request: ApiRequest) -> Response[bytes]:
    """Revoke one of the user's tokens: here at once, in other processes within ``identity.TOKEN_AGE_S``."""
    door: UserDoor = request.app.state.door
    register: TokenRegister = request.app.state.tokens
    token_id: int = request.path_params["token_id"]
    if not 0 < token_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    async with door.writing(user_of(request)) as connection:
        row = await revoke_own_token(connection, user_of(request), token_id)
        if row is not None:
            await record(
                connection, AuditEntry(Action.TOKEN_REVOKED, actor_of(request), "token", str(token_id), {"user_id": row.user_id})
            )
    if row is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    register.forget_token(token_id)
    log.info("token_revoked", id=token_id, user_id=user_of(request))
    return json_answer(row)


def tokens_router() -> Router:
    return Router(path="/", route_handlers=[list_tokens, post_token, delete_token], before_request=admit)

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
from marketbot.api.token_wishes import TokenWish, WishInvalid, read_token_wish
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.scope import USER_SCOPES, Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.tokens import TokenRow, create_token, list_own_tokens, revoke_own_token, token_made

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
    caller = caller_of(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        wish = read_token_wish(document, caller.scopes & USER_SCOPES, request.app.state.clock.now(), caller.expires_at)
    except WishInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    made = await make_own(request, wish)
    if made is None:
        return api_problem(ApiReason.TOKEN_LIMIT_REACHED, spoken_by(request))
    row, text = made
    return json_answer({**asdict(row), "token": text}, 201)


@delete("/v1/tokens/{token_id:int}", opt=demands(Scope.TOKENS_WRITE), status_code=200)
async def delete_token(request: ApiRequest) -> Response[bytes]:
    """Revoke one of the user's tokens: here at once, in other processes within ``identity.TOKEN_AGE_S``."""
    token_id: int = request.path_params["token_id"]
    row = await revoke_own(request, token_id)
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if row is None else json_answer(row)


async def make_own(request: ApiRequest, wish: TokenWish) -> tuple[TokenRow, str] | None:
    """Make a token of the user's and return it with its text, which nothing shows again; None where they have too many."""
    door: UserDoor = request.app.state.door
    user_id, token = user_of(request), make_token(operator=False)
    async with door.writing(user_id) as connection:
        row = await create_token(connection, user_id, wish.name, wish.scopes, token, wish.expires_at)
        if row is not None:
            await record(connection, token_made(actor_of(request), row))
    if row is None:
        return None
    log.info("token_made", id=row.token_id, user_id=user_id, scopes=sorted(wish.scopes))
    return row, token.text


async def revoke_own(request: ApiRequest, token_id: int) -> TokenRow | None:
    """End a token of the user's, here at once; None where they have no such one."""
    door: UserDoor = request.app.state.door
    register: TokenRegister = request.app.state.tokens
    if not 0 < token_id <= MAX_ID:
        return None
    user_id = user_of(request)
    async with door.writing(user_id) as connection:
        row = await revoke_own_token(connection, user_id, token_id)
        if row is not None:
            facts = {"user_id": row.user_id}
            await record(connection, AuditEntry(Action.TOKEN_REVOKED, actor_of(request), "token", str(token_id), facts))
    if row is not None:
        register.forget_token(token_id)
        log.info("token_revoked", id=token_id, user_id=user_id)
    return row


def tokens_router() -> Router:
    return Router(path="/", route_handlers=[list_tokens, post_token, delete_token], before_request=admit)

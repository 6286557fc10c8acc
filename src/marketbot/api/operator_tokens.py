"""/v1/operator/tokens: everybody's tokens, made and revoked by operators."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, Router, delete, get, post

from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.token_commands import end_any_token, make_any_token
from marketbot.api.token_wishes import FIELDS, WishInvalid, read_token_wish
from marketbot.domain.ids import UserId
from marketbot.domain.scope import OPERATOR_TOKEN_SCOPES, USER_SCOPES, Scope
from marketbot.store.tokens import list_all_tokens


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
    made = await make_any_token(request, None if user_id is None else UserId(user_id), wish)
    if isinstance(made, ApiReason):
        return api_problem(made, spoken_by(request))
    return json_answer({**asdict(made.row), "token": made.token}, 201)


@delete("/v1/operator/tokens/{token_id:int}", opt=demands(Scope.OPERATOR_WRITE), status_code=200)
async def delete_any_token(request: ApiRequest) -> Response[bytes]:
    """Revoke anybody's token."""
    row = await end_any_token(request)
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if row is None else json_answer(row)


def operator_tokens_router() -> Router:
    return Router(path="/", route_handlers=[show_all_tokens, post_any_token, delete_any_token], before_request=admit)

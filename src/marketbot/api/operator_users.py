"""/v1/operator/users and /v1/operator/accounts: over all users, for operators' tokens alone."""

from __future__ import annotations

from litestar import Response, Router, get, patch, post

from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.identity import TokenRegister, actor_of
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.repeating import once
from marketbot.api.session_register import SessionRegister
from marketbot.api.token_wishes import WishInvalid, read_name
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.user_accounts import list_all_accounts
from marketbot.store.users import UserRow, create_user, list_users, read_user, set_enabled

log = logger(__name__)


@get("/v1/operator/users", opt=demands(Scope.OPERATOR_READ))
async def show_users(request: ApiRequest) -> Response[bytes]:
    return await everybodys_page(
        request,
        "users",
        IdKey(),
        lambda connection, after, limit: list_users(connection, UserId(after.above), limit),
        lambda row: (row.user_id,),
    )


@post("/v1/operator/users", opt=demands(Scope.USERS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
@once
async def post_user(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        if document.keys() != {"name"}:
            raise WishInvalid("a user is made of a name alone")
        name = read_name(document)
    except WishInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    async with database.connection() as connection, connection.transaction():
        user_id = await create_user(connection, name)
        user = None if user_id is None else await read_user(connection, user_id)
        if user is not None:
            await record(connection, AuditEntry(Action.USER_MADE, actor_of(request), "user", str(user.user_id), {}))
    if user is None:
        return api_problem(ApiReason.ALREADY_EXISTS, spoken_by(request))
    log.info("user_made", user_id=user.user_id, by=caller_of(request).token_id)
    return json_answer(user, 201)


@patch("/v1/operator/users/{user_id:int}", opt=demands(Scope.USERS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_user(request: ApiRequest) -> Response[bytes]:
    """Disable or enable a user: ``{"enabled": false}``. Their tokens are refused; their accounts trade on until a halt."""
    user_id: int = request.path_params["user_id"]
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    enabled = document.get("enabled")
    if not isinstance(enabled, bool) or len(document) != 1:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), "enabled is true or false, and nothing else is given")
    user = await set_user_enabled(request, user_id, enabled=enabled)
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if user is None else json_answer(user)


async def set_user_enabled(request: ApiRequest, user_id: int, *, enabled: bool) -> UserRow | None:
    """Disable or enable a user, with the entry in the audit trail; None when there is no such user."""
    database: Database = request.app.state.database
    register: TokenRegister = request.app.state.tokens
    sessions: SessionRegister = request.app.state.sessions
    if not 0 < user_id <= MAX_ID:
        return None
    action = Action.USER_ENABLED if enabled else Action.USER_DISABLED
    async with database.connection() as connection, connection.transaction():
        found = await set_enabled(connection, UserId(user_id), enabled=enabled)
        user = await read_user(connection, UserId(user_id)) if found else None
        if user is not None:
            await record(connection, AuditEntry(action, actor_of(request), "user", str(user_id), {}))
    if user is None:
        return None
    register.forget_user(UserId(user_id))
    sessions.forget_user(UserId(user_id))
    log.info("user_enabled" if enabled else "user_disabled", user_id=user_id, by=caller_of(request).token_id)
    return user


@get("/v1/operator/accounts", opt=demands(Scope.OPERATOR_READ))
async def show_accounts(request: ApiRequest) -> Response[bytes]:
    return await everybodys_page(
        request,
        "accounts",
        IdKey(),
        lambda connection, after, limit: list_all_accounts(connection, AccountId(after.above), limit),
        lambda row: (row.account_id,),
    )


def operator_users_router() -> Router:
    return Router(path="/", route_handlers=[show_users, post_user, patch_user, show_accounts], before_request=admit)

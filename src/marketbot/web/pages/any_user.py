"""GET and POST /operator/users/ID: one user, their accounts, and whether they are let in."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.operator_users import set_user_enabled
from marketbot.api.paging import MAX_ID
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.scope import Scope
from marketbot.store.people_list import person_of_user
from marketbot.store.user_accounts import list_own_accounts
from marketbot.store.user_list import read_listed
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.page import go_to, show

ACCOUNTS_SHOWN = 50


@get("/operator/users/{user_id:int}", opt=demands(Scope.OPERATOR_READ))
async def any_user(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    user_id: int = request.path_params["user_id"]
    if not 0 < user_id <= MAX_ID:
        return error_page(request, 404)
    sees_people = Scope.AUDIT_READ in caller_of(request).scopes
    async with database.connection() as connection:
        user = await read_listed(connection, UserId(user_id))
        accounts = await list_own_accounts(connection, UserId(user_id), AccountId(0), ACCOUNTS_SHOWN + 1)
        person_id = await person_of_user(connection, UserId(user_id)) if sees_people else None
    if user is None:
        return error_page(request, 404)
    return await show(
        request,
        "any_user.html",
        user=user,
        person_id=person_id,
        accounts=accounts[:ACCOUNTS_SHOWN],
        more=len(accounts) > ACCOUNTS_SHOWN,
    )


@post("/operator/users/{user_id:int}", opt=demands(Scope.USERS_WRITE))
async def admit_user(request: ApiRequest) -> Response[bytes]:
    """Shut a user out, or let them in again. Their accounts trade on until a halt."""
    user_id: int = request.path_params["user_id"]
    enabled = form_of(request).get("enabled", "")
    if enabled not in ("true", "false"):
        return error_page(request, 400)
    user = await set_user_enabled(request, user_id, enabled=enabled == "true")
    if user is None:
        return error_page(request, 404)
    return go_to(request, f"/operator/users/{user_id}", "user_enabled" if enabled == "true" else "user_disabled")

"""GET /v1/me and /v1/accounts, and PATCH of an account's settings: what is a user's own."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, Router, get, patch
from litestar.handlers import HTTPRouteHandler

from marketbot.accounts.settings import SettingProblem, range_text, read_settings
from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.identity import actor_of
from marketbot.api.lists import own_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry, fact
from marketbot.domain.ids import AccountId
from marketbot.domain.key_reason import stored_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.policy import read_policy
from marketbot.store.user_accounts import AccountRow, change_settings, list_own_accounts, read_me, read_own_account

log = logger(__name__)


@get("/v1/me", opt=demands(Scope.ACCOUNTS_READ))
async def show_me(request: ApiRequest) -> Response[bytes]:
    """Who the token's user is, what the token opens, and what stops their trading."""
    door: UserDoor = request.app.state.door
    caller = caller_of(request)
    user_id = user_of(request)
    me, simulated = await door.read(user_id, lambda connection: read_me(connection, user_id))
    if me is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    token = {"token_id": caller.token_id, "scopes": sorted(caller.scopes), "expires_at": caller.expires_at}
    return json_answer({"simulated": simulated, "user": me, "token": token})


@get("/v1/accounts", opt=demands(Scope.ACCOUNTS_READ))
async def list_accounts(request: ApiRequest) -> Response[bytes]:
    """The user's accounts by ascending id."""
    return await own_page(
        request,
        "accounts",
        IdKey(),
        lambda connection, user_id, after, limit: list_own_accounts(connection, user_id, AccountId(after.above), limit),
        lambda row: (row.account_id,),
    )


@get("/v1/accounts/{account_id:int}", opt=demands(Scope.ACCOUNTS_READ))
async def show_account(request: ApiRequest) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    account_id: int = request.path_params["account_id"]
    if not 0 < account_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    user_id = user_of(request)
    account, simulated = await door.read(user_id, lambda connection: read_own_account(connection, user_id, AccountId(account_id)))
    if account is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({"simulated": simulated, **told_account(account, spoken_by(request))})


def told_account(account: AccountRow, spoken: Language) -> dict[str, object]:
    """Show an account with why it stands still, and what is known of its key, in words."""
    why = stored_text(account.status_code, account.status_facts, account.status_reason, spoken)
    return {
        "account": account,
        "status_text": why,
        "key_text": stored_text(account.key_code, account.key_facts, None, spoken),
    }


@patch("/v1/accounts/{account_id:int}/settings", opt=demands(Scope.SETTINGS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_settings(request: ApiRequest) -> Response[bytes]:
    """Change the settings that the body names, all of them or none; null takes a wish back."""
    door: UserDoor = request.app.state.door
    account_id: int = request.path_params["account_id"]
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    if not 0 < account_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    user_id = user_of(request)
    async with door.writing(user_id) as connection:
        changes = read_settings(document, await read_policy(connection))
        if isinstance(changes, list):
            return api_problem(ApiReason.SETTING_INVALID, spoken_by(request), errors=[_told(each) for each in changes])
        changed = await change_settings(connection, user_id, AccountId(account_id), changes)
        account = await read_own_account(connection, user_id, AccountId(account_id))
        simulated = await door.simulated(connection)
        if changed:
            facts = {name: fact(value) for name, value in changes.items()}
            await record(connection, AuditEntry(Action.SETTINGS_CHANGED, actor_of(request), "account", str(account_id), facts))
    if account is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    if changed:
        log.info("settings_changed", user_id=user_id, account_id=account_id, fields=sorted(changes))
    return json_answer({"simulated": simulated, "account": account, "changed": changed})


def _told(problem: SettingProblem) -> dict[str, str]:
    allowed = range_text(problem)
    # The name is the caller's own text: cut, it is told back.
    told = {"field": problem.field[:64], "reason": problem.fault.value}
    return {**told, "range": allowed} if allowed else told


def accounts_router(more: Sequence[HTTPRouteHandler]) -> Router:
    return Router(path="/", route_handlers=[show_me, list_accounts, show_account, patch_settings, *more], before_request=admit)

"""GET, PUT and DELETE /v1/notices: where a user wants to be told. The secret that signs what is sent there is shown once."""

from __future__ import annotations

from litestar import Response, Router, delete, get, put

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.identity import actor_of
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.scope import Scope
from marketbot.notices.address import Hook, HookInvalid
from marketbot.notices.signing import make_secret
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.notices import hook_aad, read_hook, remove_hook, replace_hook
from marketbot.vault.vault import Vault

log = logger(__name__)


@get("/v1/notices", opt=demands(Scope.ACCOUNTS_READ))
async def show_hook(request: ApiRequest) -> Response[bytes]:
    """The host that the user's notices go to, or null."""
    door: UserDoor = request.app.state.door
    user_id = user_of(request)
    hook, simulated = await door.read(user_id, lambda connection: read_hook(connection, user_id))
    return json_answer({"simulated": simulated, "hook": hook})


@put("/v1/notices", opt=demands(Scope.SETTINGS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def put_hook(request: ApiRequest) -> Response[bytes]:
    """Have notices sent to an https address, in place of any other, under a new secret."""
    door: UserDoor = request.app.state.door
    vault: Vault = request.app.state.vault
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    url = document.get("url")
    try:
        if not isinstance(url, str) or len(document) != 1:
            raise HookInvalid("the body is an object with url alone")
        hook = Hook.parse(url, loopback=request.app.state.notices_to_loopback)
    except HookInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    user_id, secret = user_of(request), make_secret()
    async with door.writing(user_id) as connection:
        row = await replace_hook(
            connection,
            user_id,
            hook.authority,
            vault.seal(url.encode(), aad=hook_aad(user_id, "url")),
            vault.seal(secret.encode(), aad=hook_aad(user_id, "secret")),
        )
        simulated = await door.simulated(connection)
        await record(
            connection, AuditEntry(Action.NOTICES_SET, actor_of(request), "user", str(user_id), {"hook_id": row.hook_id})
        )
    log.info("notice_hook_set", user_id=user_id, hook_id=row.hook_id)
    return json_answer({"simulated": simulated, "hook": row, "secret": secret})


@delete("/v1/notices", opt=demands(Scope.SETTINGS_WRITE), status_code=200)
async def delete_hook(request: ApiRequest) -> Response[bytes]:
    """Have nothing sent any more; what waits is dropped."""
    door: UserDoor = request.app.state.door
    user_id = user_of(request)
    async with door.writing(user_id) as connection:
        removed = await remove_hook(connection, user_id)
        if removed:
            await record(connection, AuditEntry(Action.NOTICES_REMOVED, actor_of(request), "user", str(user_id), {}))
    if not removed:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    log.info("notice_hook_removed", user_id=user_id)
    return json_answer({"hook": None})


def notices_router() -> Router:
    return Router(path="/", route_handlers=[show_hook, put_hook, delete_hook], before_request=admit)

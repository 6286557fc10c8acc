"""A user's own way out: close an account's positions, close an instrument, pause everything. Only over what is theirs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from litestar import Response, Router, get, post

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.identity import actor_of
from marketbot.api.operator_controls import URGENT, CommandInvalid, read_text
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.repeating import once
from marketbot.api.user_door import UserDoor
from marketbot.controls.commanding import command_close
from marketbot.controls.errors import ControlRefused
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.scope import Scope as Right
from marketbot.domain.trading_state import Scope
from marketbot.store.audit_trail import record
from marketbot.store.control_commands import CloseMade, progress_of, read_own_command
from marketbot.store.pool import Connection
from marketbot.store.user_accounts import pause_own_accounts


@post(
    "/v1/accounts/{account_id:int}/close",
    opt=demands(Right.CLOSE_WRITE) | URGENT,
    request_max_body_size=MAX_COMMAND_BYTES,
    status_code=202,
)
@once
async def post_account_close(request: ApiRequest) -> Response[bytes]:
    """Close at the market whatever one account holds."""
    return await _close(request, request.path_params["account_id"], None, "")


@post("/v1/positions/close", opt=demands(Right.CLOSE_WRITE) | URGENT, request_max_body_size=MAX_COMMAND_BYTES, status_code=202)
@once
async def post_positions_close(request: ApiRequest) -> Response[bytes]:
    """Close what is held, everywhere or of one account, of everything or one instrument: ``{"account_id": 5, "symbol": "BTCUSDT"}``."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    account_id = document.get("account_id")
    try:
        if document.keys() - {"account_id", "symbol", "reason"}:
            raise CommandInvalid("the body names account_id, symbol and reason alone")
        if account_id is not None and type(account_id) is not int:
            raise CommandInvalid("account_id is the number of an account")
        symbol = read_text(document, "symbol") if document.get("symbol") is not None else None
        reason = read_text(document, "reason")
    except CommandInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    return await _close(request, account_id, symbol, reason)


@get("/v1/closes/{command_id:int}", opt=demands(Right.ORDERS_READ))
async def show_close(request: ApiRequest) -> Response[bytes]:
    """How far a close of the user's own has come."""
    door: UserDoor = request.app.state.door
    command_id: int = request.path_params["command_id"]
    user_id = user_of(request)

    async def read(connection: Connection) -> dict[str, Any] | None:
        command = await read_own_command(connection, user_id, command_id)
        return None if command is None else {**asdict(command), "progress": await progress_of(connection, command)}

    told = (await door.read(user_id, read))[0] if 0 < command_id <= MAX_ID else None
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if told is None else json_answer(told)


@post("/v1/me/pause", opt=demands(Right.SETTINGS_WRITE) | URGENT, request_max_body_size=MAX_COMMAND_BYTES, status_code=200)
@once
async def post_pause(request: ApiRequest) -> Response[bytes]:
    """Pause all of the user's accounts, or let them trade again: ``{"paused": true}``. Closes, stops and targets go on."""
    door: UserDoor = request.app.state.door
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    paused = document.get("paused", True)
    if not isinstance(paused, bool) or document.keys() - {"paused"}:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), "paused is true or false, and nothing else is given")
    user_id = user_of(request)
    action = Action.PAUSED if paused else Action.UNPAUSED
    async with door.writing(user_id) as connection:
        changed = await pause_own_accounts(connection, user_id, paused=paused)
        if changed:
            await record(connection, AuditEntry(action, actor_of(request), "user", str(user_id), {"accounts": changed}))
    return json_answer({"paused": paused, "accounts": changed})


async def command_own_close(request: ApiRequest, account_id: int | None, symbol: str | None, reason: str) -> CloseMade | None:
    """Have what the user holds closed, everywhere or of one account; None for an account that is not theirs. The console's forms too.

    Raises:
        ControlRefused: the command makes no sense as it was given.
    """
    door: UserDoor = request.app.state.door
    user_id = user_of(request)
    if account_id is not None and not 0 < account_id <= MAX_ID:
        return None
    scope, key = (Scope.USER, str(user_id)) if account_id is None else (Scope.ACCOUNT, str(account_id))
    async with door.writing(user_id) as connection:
        return await command_close(connection, actor_of(request), scope, key, symbol, reason, user_id=user_id)


async def _close(request: ApiRequest, account_id: int | None, symbol: str | None, reason: str) -> Response[bytes]:
    try:
        made = await command_own_close(request, account_id, symbol, reason)
    except ControlRefused as error:
        return api_problem(ApiReason.CONTROL_REFUSED, spoken_by(request), str(error))
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if made is None else json_answer(made, 202)


def closing_router() -> Router:
    return Router(
        path="/", route_handlers=[post_account_close, post_positions_close, show_close, post_pause], before_request=admit
    )

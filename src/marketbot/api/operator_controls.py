"""/v1/operator/controls: halt, resume and close by scope, what that would touch, and when it took effect."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from litestar import Response, Router, get, post

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID, read_cursor, read_limit, write_cursor
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.repeating import once
from marketbot.api.shedding import LOAD_CLASS
from marketbot.controls.commanding import command_close, command_halt, command_resume, preview
from marketbot.controls.errors import ControlRefused
from marketbot.domain.load import LoadClass
from marketbot.domain.scope import Scope as Right
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.audit_trail import NEWEST
from marketbot.store.control_commands import Command, effect_of, list_commands, progress_of, read_command
from marketbot.store.pool import Connection
from marketbot.store.switches import list_switches

NOUN = "commands"
URGENT = {LOAD_CLASS: LoadClass.URGENT}
_SCOPED = frozenset({"scope", "key"})


class CommandInvalid(Exception):
    """A command's body that says something else than what it takes; the text says what."""


@get("/v1/operator/controls", opt=demands(Right.OPERATOR_READ))
async def show_controls(request: ApiRequest) -> Response[bytes]:
    """The switches that are set, and a page of the commands, the newest first."""
    database: Database = request.app.state.database
    limit = read_limit(request.query_params)
    (below,) = read_cursor(request.query_params, NOUN, (NEWEST,))
    async with database.connection() as connection:
        switches = await list_switches(connection)
        commands = await list_commands(connection, below, limit)
        simulated = await request.app.state.door.simulated(connection)
    following = write_cursor(NOUN, (commands[-1].command_id,)) if len(commands) == limit else None
    return json_answer({"simulated": simulated, "switches": switches, NOUN: commands, "next": following})


@get("/v1/operator/controls/{command_id:int}", opt=demands(Right.OPERATOR_READ))
async def show_command(request: ApiRequest) -> Response[bytes]:
    """One command, how far it has come, and how long it took."""
    database: Database = request.app.state.database
    command_id: int = request.path_params["command_id"]
    if not 0 < command_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    async with database.connection() as connection:
        command = await read_command(connection, command_id)
        told = None if command is None else await told_of(connection, command)
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if told is None else json_answer(told)


@post(
    "/v1/operator/controls/preview", opt=demands(Right.CONTROLS_WRITE), request_max_body_size=MAX_COMMAND_BYTES, status_code=200
)
async def post_preview(request: ApiRequest) -> Response[bytes]:
    """What a command would touch now: accounts, open positions, queued pieces of work, worth. Changes nothing."""
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        scope, key = _read_scope(document, "symbol")
        symbol = read_text(document, "symbol") if "symbol" in document else None
        async with database.connection() as connection:
            covered = await preview(connection, scope, key, symbol)
    except (CommandInvalid, ControlRefused) as error:
        return api_problem(ApiReason.CONTROL_REFUSED, spoken_by(request), str(error))
    return json_answer(covered)


@post(
    "/v1/operator/controls/halt",
    opt=demands(Right.CONTROLS_WRITE) | URGENT,
    request_max_body_size=MAX_COMMAND_BYTES,
    status_code=202,
)
@once
async def post_halt(request: ApiRequest) -> Response[bytes]:
    """Stop entries in a scope: ``{"scope": "venue", "key": "binance", "state": "halted", "reason": "..."}``."""
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        scope, key = _read_scope(document, "state", "reason")
        state = _read_state(document)
        async with database.connection() as connection, connection.transaction():
            command_id, done = await command_halt(connection, actor_of(request), scope, key, state, read_text(document, "reason"))
    except (CommandInvalid, ControlRefused) as error:
        return api_problem(ApiReason.CONTROL_REFUSED, spoken_by(request), str(error))
    return json_answer({"command_id": command_id, **asdict(done)}, 202)


@post(
    "/v1/operator/controls/resume",
    opt=demands(Right.CONTROLS_WRITE),
    request_max_body_size=MAX_COMMAND_BYTES,
    status_code=202,
)
@once
async def post_resume(request: ApiRequest) -> Response[bytes]:
    """Take one switch away."""
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        scope, key = _read_scope(document, "reason")
        async with database.connection() as connection, connection.transaction():
            command_id, done = await command_resume(connection, actor_of(request), scope, key, read_text(document, "reason"))
    except (CommandInvalid, ControlRefused) as error:
        return api_problem(ApiReason.CONTROL_REFUSED, spoken_by(request), str(error))
    return json_answer({"command_id": command_id, **asdict(done)}, 202)


@post(
    "/v1/operator/controls/close",
    opt=demands(Right.CONTROLS_WRITE) | URGENT,
    request_max_body_size=MAX_COMMAND_BYTES,
    status_code=202,
)
@once
async def post_close(request: ApiRequest) -> Response[bytes]:
    """Close at the market what is held in a scope, of one instrument where ``symbol`` names it."""
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        scope, key = _read_scope(document, "symbol", "reason")
        symbol = read_text(document, "symbol") if "symbol" in document else None
        async with database.connection() as connection, connection.transaction():
            made = await command_close(connection, actor_of(request), scope, key, symbol, read_text(document, "reason"))
    except (CommandInvalid, ControlRefused) as error:
        return api_problem(ApiReason.CONTROL_REFUSED, spoken_by(request), str(error))
    assert made is not None, "an operator's close is nobody else's"
    return json_answer(made, 202)


async def told_of(connection: Connection, command: Command) -> dict[str, Any]:
    """Return a command with how far it has come."""
    told = asdict(command)
    if command.kind == "close":
        return {**told, "progress": await progress_of(connection, command)}
    return {**told, "effect": await effect_of(connection, command)}


def read_text(document: dict[str, Any], name: str) -> str:
    """Return a text of the body; empty where it has none of this name.

    Raises:
        CommandInvalid: it is no text.
    """
    text = document.get(name, "")
    if not isinstance(text, str) or not (text.isprintable() or not text):
        raise CommandInvalid(f"{name} is a text without line breaks")
    return text


def _read_scope(document: dict[str, Any], *more: str) -> tuple[Scope, str]:
    """Read whom a command is about; a field that it does not take is refused, for it may have meant less than all of that."""
    if unknown := document.keys() - _SCOPED - set(more):
        raise CommandInvalid(f"this command takes no {min(unknown)[:64]}")
    try:
        scope = Scope(str(document.get("scope")))
    except ValueError:
        raise CommandInvalid(f"scope is one of {', '.join(Scope)}") from None
    key = document.get("key", "")
    return scope, str(key) if type(key) is int else read_text(document, "key")


def _read_state(document: dict[str, Any]) -> TradingState:
    state = document.get("state", TradingState.HALTED.value)
    if state not in (TradingState.HALTED.value, TradingState.REDUCING.value):
        raise CommandInvalid("state is halted or reducing")
    return TradingState(state)


def operator_controls_router() -> Router:
    handlers = [show_controls, show_command, post_preview, post_halt, post_resume, post_close]
    return Router(path="/", route_handlers=handlers, before_request=admit)

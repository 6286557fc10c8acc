"""GET /operator/controls/preview and POST /operator/controls: what a command would touch, and the command itself once it is confirmed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial

import orjson
from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.operator_controls import URGENT
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.repeating import do_once
from marketbot.controls.commanding import Coverage, command_close, command_halt, command_resume, preview
from marketbot.controls.errors import ControlRefused
from marketbot.controls.halt import REASON_MAX_CHARS
from marketbot.domain.money import ZERO
from marketbot.domain.scope import Scope as Right
from marketbot.store.pool import Connection
from marketbot.web.admission import form_of
from marketbot.web.commanding import Deed, Wish, read_wish
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.pages.controls import show_controls

REFUSED = {
    ApiReason.COMMAND_IN_PROGRESS: "fault.in_progress",
    ApiReason.KEY_REUSED: "fault.sent_already",
    ApiReason.KEY_LIMIT_REACHED: "fault.too_many",
}


@get("/operator/controls/preview", opt=demands(Right.CONTROLS_WRITE) | URGENT)
async def preview_command(request: ApiRequest) -> Response[bytes]:
    """What a command would touch now, and the form that gives it. Changes nothing; shed as late as the command whose way it is."""
    wish, wrong = read_wish(request.query_params)
    if wish is None:
        return await show_controls(request, Form(request.query_params, wrong), 422)
    covered = await _covered(request, wish)
    if covered is None:
        return await show_controls(request, Form(request.query_params, {"key": "fault.nothing_of_that_name"}), 422)
    return await _show(request, wish, covered, Form({"once": str(uuid.uuid4())}))


@post("/operator/controls", opt=demands(Right.CONTROLS_WRITE) | URGENT)
async def give_command(request: ApiRequest) -> Response[bytes]:
    """Give the command that the form confirms; a form that is sent twice is carried out once."""
    fields = form_of(request)
    wish, _ = read_wish(fields)
    if wish is None or not _is_key(fields.get("once", "")):
        return error_page(request, 400)
    wrong = _faults(request, wish, fields)
    if not wrong:
        answer = await do_once(request, fields["once"], partial(_carry_out, wish))
        document = orjson.loads(answer.content)
        if answer.status_code == 202:
            return go_to(request, f"/operator/controls/{document['command_id']}")
        otherwise = "fault.not_halted" if wish.deed is Deed.RESUME else "fault.nothing_of_that_name"
        wrong = {"": REFUSED.get(document["reason"], otherwise)}
    covered = await _covered(request, wish)
    if covered is None:
        return error_page(request, 404)
    return await _show(request, wish, covered, Form(fields, wrong), 422)


async def _carry_out(wish: Wish, request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    reason = form_of(request).get("reason", "").strip()
    try:
        async with database.connection() as connection, connection.transaction():
            command_id = await _command(connection, request, wish, reason)
    except ControlRefused as error:
        return api_problem(ApiReason.CONTROL_REFUSED, spoken_by(request), str(error))
    return json_answer({"command_id": command_id}, 202)


async def _command(connection: Connection, request: ApiRequest, wish: Wish, reason: str) -> int:
    actor = actor_of(request)
    if wish.deed is Deed.CLOSE:
        made = await command_close(connection, actor, wish.scope, wish.key, wish.symbol or None, reason)
        assert made is not None, "an operator's close is nobody else's"
        return made.command_id
    if wish.deed is Deed.RESUME:
        return (await command_resume(connection, actor, wish.scope, wish.key, reason))[0]
    return (await command_halt(connection, actor, wish.scope, wish.key, wish.state, reason))[0]


async def _covered(request: ApiRequest, wish: Wish) -> Coverage | None:
    """Return what a command would touch; None where there is nothing of its name."""
    database: Database = request.app.state.database
    try:
        async with database.connection() as connection:
            return await preview(connection, wish.scope, wish.key, wish.symbol or None)
    except ControlRefused:
        # What is halted can be resumed, whatever has gone meanwhile.
        return Coverage(wish.scope, wish.key, 0, 0, 0, 0, ZERO) if wish.deed is Deed.RESUME else None


async def _show(request: ApiRequest, wish: Wish, covered: Coverage, form: Form, status: int = 200) -> Response[bytes]:
    return await show(
        request,
        "command.html",
        status=status,
        wish=wish,
        covered=covered,
        form=form,
        reason_max=REASON_MAX_CHARS,
        nothing=wish.deed is Deed.CLOSE and not covered.open_positions and not covered.queued_chunks,
    )


def _faults(request: ApiRequest, wish: Wish, fields: Mapping[str, str]) -> dict[str, str]:
    wrong: dict[str, str] = {}
    reason = fields.get("reason", "").strip()
    if len(reason) > REASON_MAX_CHARS or not (reason.isprintable() or not reason):
        wrong["reason"] = "fault.reason"
    word = seen_by(request).texts(f"command.word.{wish.deed.value}")
    if wish.needs_word and fields.get("word", "").strip().casefold() != word.casefold():
        wrong["word"] = "fault.word"
    return wrong


def _is_key(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False

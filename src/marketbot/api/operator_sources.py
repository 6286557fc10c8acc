"""/v1/operator/sources: where signals come from. A secret is shown once, when it is made; and /v1/operator/signals/test."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, Router, get, patch, post

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import IdKey
from marketbot.api.problems import ApiReason, api_problem, refusal_problem
from marketbot.api.repeating import once
from marketbot.api.source_commands import change_source, make_source, rotate_source, send_test_signal
from marketbot.api.source_wishes import SourceInvalid, read_source_changes, read_source_wish
from marketbot.domain.ids import SourceId
from marketbot.domain.scope import Scope
from marketbot.intake.document import MAX_BODY_BYTES
from marketbot.intake.refused import NotReady, Refused
from marketbot.store.source_secrets import is_source_name
from marketbot.store.sources import list_shown


@get("/v1/operator/sources", opt=demands(Scope.OPERATOR_READ))
async def show_sources(request: ApiRequest) -> Response[bytes]:
    return await everybodys_page(
        request,
        "sources",
        IdKey(),
        lambda connection, after, limit: list_shown(connection, SourceId(after.above), limit),
        lambda row: (row.source_id,),
    )


@post("/v1/operator/sources", opt=demands(Scope.SOURCES_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_source(request: ApiRequest) -> Response[bytes]:
    """Make a source: ``{"name": "room", "kind": "webhook", "signals_per_hour": 300}``; its secret is shown this once."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        made = await make_source(request, read_source_wish(document))
    except SourceInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    if made is None:
        return api_problem(ApiReason.ALREADY_EXISTS, spoken_by(request))
    return json_answer({**asdict(made.source), "secret": made.secret}, 201)


@patch("/v1/operator/sources/{source_id:int}", opt=demands(Scope.SOURCES_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_source(request: ApiRequest) -> Response[bytes]:
    """Change what a source may do: enabled, signals_per_hour, allowed_addresses (empty: any), chart_interval (null: none)."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        source = await change_source(request, read_source_changes(document))
    except SourceInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if source is None else json_answer(source)


@post("/v1/operator/sources/{source_id:int}/rotate", opt=demands(Scope.SOURCES_WRITE), status_code=200)
async def post_rotation(request: ApiRequest) -> Response[bytes]:
    """Give a source another secret, shown this once; the old one ends with the commit, in every process."""
    armed = await rotate_source(request)
    if armed is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({**asdict(armed.source), "secret": armed.secret})


@post("/v1/operator/signals/test", opt=demands(Scope.SIGNALS_WRITE), request_max_body_size=MAX_BODY_BYTES, status_code=202)
@once
async def post_test_signal(request: ApiRequest) -> Response[bytes]:
    """Send a signal in a source's name, through the same intake: ``{"source": "room", "body": "..."}``. It trades."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    source, text = document.get("source"), document.get("body")
    if not isinstance(source, str) or not isinstance(text, str) or len(document) != 2 or not is_source_name(source):
        return api_problem(
            ApiReason.FIELD_INVALID, spoken_by(request), "source is a source's name, body the text that it would post"
        )
    try:
        found = await send_test_signal(request, source, text)
    except NotReady:
        return api_problem(ApiReason.NOT_READY, spoken_by(request))
    if isinstance(found, Refused):
        return refusal_problem(found, spoken_by(request))
    return json_answer({"signal_id": found.signal_id, "repeated": found.repeated, "test": True}, 202)


def operator_sources_router() -> Router:
    handlers = [show_sources, post_source, patch_source, post_rotation, post_test_signal]
    return Router(path="/", route_handlers=handlers, before_request=admit)

"""/v1/operator/sources: where signals come from. A secret is shown once, when it is made; and /v1/operator/signals/test."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import asdict
from typing import Any

import asyncpg
from litestar import Response, Router, get, patch, post

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem, refusal_problem
from marketbot.api.repeating import once
from marketbot.domain.audit_entry import Action, AuditEntry, fact
from marketbot.domain.ids import SourceId
from marketbot.domain.scope import Scope
from marketbot.intake.document import MAX_BODY_BYTES
from marketbot.intake.refused import NotReady, Refused
from marketbot.intake.service import Delivery, Intake
from marketbot.intake.times import read_interval_s
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection
from marketbot.store.source_secrets import KINDS, WEBHOOK, create_source, is_source_name, make_secret, replace_secret
from marketbot.store.sources import (
    ShownSource,
    list_shown,
    read_shown,
    set_allowed_addresses,
    set_chart_interval,
    set_enabled,
    set_hourly_limit,
)

HOURLY_DEFAULT = 300
HOURLY_MAX = 1_000_000
MAX_NETWORKS = 64
_FIELDS = frozenset({"enabled", "signals_per_hour", "allowed_addresses", "chart_interval"})


class SourceInvalid(Exception):
    """A field of the body that a source cannot have; the text says which and why."""


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
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    name, kind = document.get("name"), document.get("kind", WEBHOOK)
    try:
        if document.keys() - {"name", "kind", "signals_per_hour"}:
            raise SourceInvalid("a source is made of name, kind and signals_per_hour")
        if not isinstance(name, str) or not is_source_name(name):
            raise SourceInvalid("name has lower-case letters, digits, - and _, at most 63")
        if kind not in KINDS:
            raise SourceInvalid(f"kind is one of {', '.join(KINDS)}")
        hourly = _hourly(document.get("signals_per_hour", HOURLY_DEFAULT))
        secret = make_secret(kind, name, lambda: request.app.state.vault)
        async with database.connection() as connection, connection.transaction():
            source_id = await create_source(connection, name, secret, signals_per_hour=hourly)
            facts = {"kind": kind, "signals_per_hour": hourly}
            await record(connection, AuditEntry(Action.SOURCE_MADE, actor_of(request), "source", str(source_id), facts))
            source = await read_shown(connection, source_id)
    except SourceInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    except asyncpg.UniqueViolationError:
        return api_problem(ApiReason.ALREADY_EXISTS, spoken_by(request))
    assert source is not None
    return json_answer({**asdict(source), "secret": secret.text}, 201)


@patch("/v1/operator/sources/{source_id:int}", opt=demands(Scope.SOURCES_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_source(request: ApiRequest) -> Response[bytes]:
    """Change what a source may do: enabled, signals_per_hour, allowed_addresses (empty: any), chart_interval (null: none)."""
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        changes = _read_changes(document)
    except SourceInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    async with database.connection() as connection, connection.transaction():
        source = await _named(request, connection)
        if source is not None:
            await _change(connection, source.name, changes)
            facts = {name: fact(value) for name, value in changes.items()}
            await record(connection, AuditEntry(Action.SOURCE_CHANGED, actor_of(request), "source", str(source.source_id), facts))
            source = await read_shown(connection, source.source_id)
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if source is None else json_answer(source)


@post("/v1/operator/sources/{source_id:int}/rotate", opt=demands(Scope.SOURCES_WRITE), status_code=200)
async def post_rotation(request: ApiRequest) -> Response[bytes]:
    """Give a source another secret, shown this once; the old one ends with the commit, in every process within seconds."""
    database: Database = request.app.state.database
    async with database.connection() as connection, connection.transaction():
        source = await _named(request, connection)
        if source is None:
            return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
        secret = make_secret(source.kind, source.name, lambda: request.app.state.vault)
        await replace_secret(connection, source.name, secret)
        await record(connection, AuditEntry(Action.SOURCE_ROTATED, actor_of(request), "source", str(source.source_id), {}))
    return json_answer({**asdict(source), "secret": secret.text})


@post("/v1/operator/signals/test", opt=demands(Scope.SIGNALS_WRITE), request_max_body_size=MAX_BODY_BYTES, status_code=202)
@once
async def post_test_signal(request: ApiRequest) -> Response[bytes]:
    """Send a signal in a source's name, through the same intake: ``{"source": "room", "body": "..."}``. It trades.

    What is recorded comes first, so that no signal is without its entry; a body that is then refused leaves an entry of a test that
    came to nothing.
    """
    database: Database = request.app.state.database
    intake: Intake = request.app.state.intake
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    source, text = document.get("source"), document.get("body")
    if not isinstance(source, str) or not isinstance(text, str) or len(document) != 2 or not is_source_name(source):
        return api_problem(
            ApiReason.FIELD_INVALID, spoken_by(request), "source is a source's name, body the text that it would post"
        )
    body, actor = text.encode(errors="replace"), actor_of(request)
    async with database.connection() as connection, connection.transaction():
        facts = {"body_sha256": hashlib.sha256(body.strip()).hexdigest()}
        await record(connection, AuditEntry(Action.TEST_SIGNAL_SENT, actor, "source", source, facts))
    try:
        found = await intake.receive_test(Delivery(source=source, body=body, address=actor.address or ""))
    except NotReady:
        return api_problem(ApiReason.NOT_READY, spoken_by(request))
    if isinstance(found, Refused):
        return refusal_problem(found, spoken_by(request))
    return json_answer({"signal_id": found.signal_id, "repeated": found.repeated, "test": True}, 202)


async def _named(request: ApiRequest, connection: Connection) -> ShownSource | None:
    source_id: int = request.path_params["source_id"]
    return await read_shown(connection, SourceId(source_id)) if 0 < source_id <= MAX_ID else None


async def _change(connection: Connection, name: str, changes: dict[str, Any]) -> None:
    if "enabled" in changes:
        await set_enabled(connection, name, changes["enabled"])
    if "signals_per_hour" in changes:
        await set_hourly_limit(connection, name, changes["signals_per_hour"])
    if "allowed_addresses" in changes:
        await set_allowed_addresses(connection, name, changes["allowed_addresses"])
    if "chart_interval" in changes:
        await set_chart_interval(connection, name, changes["chart_interval"])


def _read_changes(document: dict[str, Any]) -> dict[str, Any]:
    if not document or document.keys() - _FIELDS:
        raise SourceInvalid(f"a change names some of {', '.join(sorted(_FIELDS))}")
    changes = dict(document)
    if "enabled" in document and not isinstance(document["enabled"], bool):
        raise SourceInvalid("enabled is true or false")
    if "signals_per_hour" in document:
        _hourly(document["signals_per_hour"])
    if "allowed_addresses" in document:
        changes["allowed_addresses"] = _networks(document["allowed_addresses"])
    if "chart_interval" in document:
        changes["chart_interval"] = _interval_s(document["chart_interval"])
    return changes


def _hourly(value: object) -> int:
    if type(value) is not int or not 1 <= value <= HOURLY_MAX:
        raise SourceInvalid(f"signals_per_hour lies between 1 and {HOURLY_MAX}")
    return value


def _networks(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_NETWORKS or not all(isinstance(each, str) for each in value):
        raise SourceInvalid(f"allowed_addresses is a list of at most {MAX_NETWORKS} networks")
    try:
        return [str(ipaddress.ip_network(each)) for each in value]
    except ValueError:
        raise SourceInvalid("allowed_addresses holds networks or addresses: 203.0.113.0/24") from None


def _interval_s(value: object) -> int | None:
    if value is None:
        return None
    seconds = read_interval_s(value) if isinstance(value, str) else None
    if not seconds:
        raise SourceInvalid("chart_interval is a chart's interval (30, 15m, 4h, 1D) or null")
    return seconds


def operator_sources_router() -> Router:
    handlers = [show_sources, post_source, patch_source, post_rotation, post_test_signal]
    return Router(path="/", route_handlers=handlers, before_request=admit)

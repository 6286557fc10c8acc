"""GET and POST /operator/sources/ID: what a source may do, how alerts reach it, its next secret, and why alerts were refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.source_commands import change_source, named_source, rotate_source
from marketbot.api.source_wishes import MAX_NETWORKS, SourceInvalid, read_source_changes
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.store.source_reach import Reach, read_reach
from marketbot.store.sources import ShownSource
from marketbot.web.admission import form_of
from marketbot.web.alert_messages import messages_for, only_here, webhook_url
from marketbot.web.errors import error_page
from marketbot.web.formats import Formats
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.pages.sources import FAULTS, interval_text, show_secret, whole_number
from marketbot.web.refusals import ToldRefusal, told_refusals

_BETWEEN = re.compile(r"[\s,;]+")

log = logger(__name__)


@get("/operator/sources/{source_id:int}", opt=demands(Scope.OPERATOR_READ))
async def source(request: ApiRequest) -> Response[bytes]:
    return await _show(request)


@post("/operator/sources/{source_id:int}", opt=demands(Scope.SOURCES_WRITE))
async def alter_source(request: ApiRequest) -> Response[bytes]:
    """Change all settings of the form, or none where one is wrong."""
    typed = form_of(request)
    changes, errors = read_changes(typed, seen_by(request).formats)
    if errors:
        return await _show(request, Form(typed, errors))
    changed = await change_source(request, changes)
    if changed is None:
        return error_page(request, 404)
    log.info("source_changed", source_id=changed.source_id, by_person=caller_of(request).person_id)
    return go_to(request, f"/operator/sources/{changed.source_id}", "source_saved")


@post("/operator/sources/{source_id:int}/rotate", opt=demands(Scope.SOURCES_WRITE))
async def give_secret(request: ApiRequest) -> Response[bytes]:
    """Replace a source's secret, and show the new one this once."""
    armed = await rotate_source(request)
    if armed is None:
        return error_page(request, 404)
    log.info("source_rotated", source_id=armed.source.source_id, by_person=caller_of(request).person_id)
    return await show_secret(request, armed, "rotated")


def read_changes(typed: Mapping[str, str], formats: Formats) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a form's changes by the API's rule, and what is wrong beside each field; a box that is not ticked sends nothing."""
    networks = [each for each in _BETWEEN.split(typed.get("allowed_addresses", "").strip()) if each][: MAX_NETWORKS + 1]
    document = {
        "enabled": typed.get("enabled") == "true",
        "signals_per_hour": whole_number(typed.get("signals_per_hour", ""), formats),
        "allowed_addresses": networks,
        "chart_interval": typed.get("chart_interval", "").strip() or None,
    }
    changes: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in document.items():
        try:
            changes |= read_source_changes({name: value})
        except SourceInvalid as invalid:
            errors[name] = FAULTS[invalid.field]
    return changes, errors


async def _show(request: ApiRequest, form: Form | None = None) -> Response[bytes]:
    database: Database = request.app.state.database
    viewer, base = seen_by(request), str(request.app.state.people_url)
    async with database.connection() as connection:
        row = await named_source(request, connection)
        if row is None:
            return error_page(request, 404)
        reach: list[Reach] = await read_reach(connection, row.name)
        refusals: list[ToldRefusal] = await told_refusals(connection, row.source_id, viewer.language)
    url = webhook_url(base, row.name, row.kind)
    scopes = caller_of(request).scopes
    return await show(
        request,
        "source.html",
        status=422 if form is not None else 200,
        source=row,
        interval=interval_text(row.chart_interval_s),
        reach=reach,
        refusals=refusals,
        form=form or Form(_values(row, viewer.formats)),
        url=url,
        messages=messages_for(row.kind, url),
        unreachable=only_here(base),
        may_change=Scope.SOURCES_WRITE in scopes,
        may_send=Scope.SIGNALS_WRITE in scopes,
    )


def _values(row: ShownSource, formats: Formats) -> dict[str, str]:
    return {
        "enabled": "true" if row.enabled else "",
        "signals_per_hour": formats.typed(row.signals_per_hour),
        "allowed_addresses": "\n".join(row.allowed_addresses),
        "chart_interval": interval_text(row.chart_interval_s),
    }

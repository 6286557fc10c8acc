"""GET /operator/readiness: the last verdict of ``marketbot readiness``, its scores and what falls short."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_DIGITS
from marketbot.domain.scope import Scope
from marketbot.store.pool import Connection
from marketbot.store.readiness_reports import list_reports, read_report
from marketbot.web.errors import error_page
from marketbot.web.measured import floored, shown
from marketbot.web.page import seen_by, show

SHORTFALLS_SHOWN = 8
"""Those that cost most; the rest is behind a word."""


@get("/operator/readiness", opt=demands(Scope.OPERATOR_READ))
async def readiness(request: ApiRequest) -> Response[bytes]:
    """The latest report, or the one that ``report`` names."""
    database: Database = request.app.state.database
    viewer = seen_by(request)
    wanted = request.query_params.get("report", "")
    if wanted and not (wanted.isascii() and wanted.isdigit() and len(wanted) < MAX_DIGITS):
        return error_page(request, 404)

    async def read(connection: Connection) -> dict[str, Any]:
        return {
            "reports": await list_reports(connection),
            "found": await read_report(connection, int(wanted) if wanted else None, viewer.language),
        }

    facts = await database.reads.read(read)
    found = facts.pop("found")
    if found is None and wanted:
        return error_page(request, 404)
    kept, report = found or (None, None)
    return await show(
        request,
        "readiness.html",
        kept=kept,
        report=report,
        shortfalls_shown=SHORTFALLS_SHOWN,
        shown=lambda value, unit: shown(value, unit, viewer.formats),
        score=lambda share: floored(share, viewer.formats),
        **facts,
    )

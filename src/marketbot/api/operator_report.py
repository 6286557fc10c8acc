"""GET /v1/operator/control-report: the market-access controls over a period, as JSON or Markdown."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands
from marketbot.api.answers import HEADERS, json_answer
from marketbot.api.database import Database
from marketbot.api.operator_audit import read_time
from marketbot.api.paging import ParameterInvalid
from marketbot.controls.report_text import report_markdown
from marketbot.domain.scope import Scope
from marketbot.store.control_report import read_control_report

PERIOD_DEFAULT = timedelta(days=30)
PERIOD_MAX = timedelta(days=400)
FORMATS = ("json", "markdown")


@get("/v1/operator/control-report", opt=demands(Scope.AUDIT_READ))
async def show_report(request: ApiRequest) -> Response[bytes]:
    """The last thirty days, or ``since`` to ``until``; ``format=markdown`` for people."""
    parameters = request.query_params
    return await report_answer(
        request, read_time(parameters, "since"), read_time(parameters, "until"), parameters.get("format", "json")
    )


async def report_answer(request: ApiRequest, since: datetime | None, until: datetime | None, wanted: str) -> Response[bytes]:
    """Answer the report of a period in one of ``FORMATS``.

    Raises:
        ParameterInvalid: the period or the format is none.
    """
    database: Database = request.app.state.database
    until = until or request.app.state.clock.now()
    since = since or until - PERIOD_DEFAULT
    if wanted not in FORMATS:
        raise ParameterInvalid("format is json or markdown")
    if not timedelta(0) < until - since <= PERIOD_MAX:
        raise ParameterInvalid(f"since lies before until, by at most {PERIOD_MAX.days} days")
    async with database.connection() as connection:
        report = await read_control_report(connection, since, until)
        simulated = await request.app.state.door.simulated(connection)
    if wanted == "json":
        return json_answer({"simulated": simulated, "report": report})
    head = "**SIMULATION**\n\n" if simulated else ""
    text = head + report_markdown(asdict(report))
    return Response(text.encode(), media_type="text/markdown; charset=utf-8", headers=HEADERS)


def operator_report_router() -> Router:
    return Router(path="/", route_handlers=[show_report], before_request=admit)

"""GET /v1/operator/readiness and below it: what ``marketbot readiness`` found, as it kept it; as an object, or as one page to take away."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import HEADERS, json_answer
from marketbot.api.database import Database
from marketbot.api.languages import language
from marketbot.api.paging import MAX_ID, ParameterInvalid
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.user_door import UserDoor
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.pool import Connection
from marketbot.store.readiness_reports import KeptReport, list_reports, read_page, read_report

# The page brings its own styles and no script; where somebody opens it from here it may do nothing else.
PAGE_POLICY = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@get("/v1/operator/readiness", opt=demands(Scope.OPERATOR_READ))
async def show_reports(request: ApiRequest) -> Response[bytes]:
    """The kept reports, the latest first."""
    database: Database = request.app.state.database
    door: UserDoor = request.app.state.door

    async def read(connection: Connection) -> tuple[list[KeptReport], bool]:
        return await list_reports(connection), await door.simulated(connection)

    reports, simulated = await database.reads.read(read)
    return json_answer({"simulated": simulated, "reports": reports})


@get("/v1/operator/readiness/{report_id:int}", opt=demands(Scope.OPERATOR_READ))
async def show_report(request: ApiRequest) -> Response[bytes]:
    """One of them in the caller's language or in ``lang``; ``format=html`` is the whole page, to be kept as a file."""
    database: Database = request.app.state.database
    report_id: int = request.path_params["report_id"]
    form = request.query_params.get("format", "json")
    if form not in ("json", "html"):
        raise ParameterInvalid("format is json or html")
    spoken = _asked_language(request)
    if not 0 < report_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken)

    async def read(connection: Connection) -> tuple[KeptReport, dict[str, Any]] | str | None:
        if form == "html":
            return await read_page(connection, report_id, spoken)
        return await read_report(connection, report_id, spoken)

    found = await database.reads.read(read)
    if found is None:
        return api_problem(ApiReason.NOT_FOUND, spoken)
    attached = {"Content-Disposition": f'attachment; filename="readiness-{report_id}.{form}"'}
    if isinstance(found, str):
        return Response(found.encode(), media_type="text/html", headers=HEADERS | PAGE_POLICY | attached)
    kept, document = found
    answer = json_answer({"report_id": kept.report_id, "kept_at": kept.kept_at, "report": document})
    answer.headers.update(attached)
    return answer


def _asked_language(request: ApiRequest) -> Language:
    wanted = request.query_params.get("lang")
    return spoken_by(request) if wanted is None else language(wanted)


def operator_readiness_router() -> Router:
    return Router(path="/", route_handlers=[show_reports, show_report], before_request=admit)

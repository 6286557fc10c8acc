"""GET /operator/jobs: what waits and runs by kind, and the dead letters, which an operator retries or drops."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.operator_jobs import change_dead
from marketbot.domain.audit_entry import Action
from marketbot.domain.scope import Scope
from marketbot.store.job_queues import read_queues
from marketbot.store.jobs import DeadKey, JobRow, dead_jobs, drop_dead, retry_dead
from marketbot.web.errors import error_page
from marketbot.web.page import go_to, part, show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, typed, wants_csv

NAME = "dead_jobs"
ANY = Option("", "filter.any")
COLUMNS: Sequence[Column[JobRow]] = (
    Column("job", lambda row: row.kind, lead=True),
    Column("job_id", lambda row: row.job_id, "number", end=True),
    Column("job_key", lambda row: row.key, shown=False),
    Column("attempts", lambda row: row.attempts, "number", end=True),
    Column("dead_at", lambda row: row.dead_at, "moment"),
    Column("created_at", lambda row: row.created_at, shown=False),
    Column("failed", lambda row: row.failed, "code", full=True),
)


@get("/operator/jobs", opt=demands(Scope.OPERATOR_READ))
async def jobs(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part=queues`` the queues."""
    database: Database = request.app.state.database
    wanted = request.query_params.get("part", "")
    if wanted not in ("", "queues"):
        return error_page(request, 404)
    async with database.connection() as connection:
        queues = await read_queues(connection)
    if wanted:
        return part(request, "jobs/queues.html", queues=queues)
    kinds = [each.kind for each in queues if each.dead]
    kind = typed(request.query_params, "job")
    # A kind whose last letter was just dropped is no fault of who looks at it.
    kind = chosen(request.query_params, "job", [*kinds, kind or ""])

    async def read(behind: DeadKey, limit: int) -> Sequence[JobRow]:
        async with database.connection() as connection:
            return await dead_jobs(connection, behind, limit, kind)

    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, DeadKey(), read, key_of)
    options = (ANY, *(Option(each, each) for each in sorted({*kinds, *filter(None, [kind])})))
    table = await read_table(request, NAME, COLUMNS, DeadKey(), read, key_of, [Filter("job", options, kind or "")])
    return await show(request, "jobs.html", queues=queues, table=table)


@post("/operator/jobs/{job_id:int}/retry", opt=demands(Scope.JOBS_WRITE))
async def retry_job(request: ApiRequest) -> Response[bytes]:
    """Let a dead letter begin anew, now; one that is gone or has an open twin is left as it is."""
    done = await change_dead(request, request.path_params["job_id"], retry_dead, Action.JOB_RETRIED)
    return go_to(request, "/operator/jobs", "job_retried") if done else error_page(request, 404, "job_gone")


@post("/operator/jobs/{job_id:int}/drop", opt=demands(Scope.JOBS_WRITE))
async def drop_job(request: ApiRequest) -> Response[bytes]:
    """Forget a dead letter for ever."""
    done = await change_dead(request, request.path_params["job_id"], drop_dead, Action.JOB_DROPPED)
    return go_to(request, "/operator/jobs", "job_dropped") if done else error_page(request, 404, "job_gone")


def key_of(row: JobRow) -> DeadKey:
    assert row.dead_at is not None, "only dead letters are read"
    return DeadKey(row.dead_at, row.job_id)

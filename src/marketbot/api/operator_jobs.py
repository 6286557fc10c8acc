"""Dead letters over HTTP: read, retried or dropped by the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.repeating import once
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.scope import Scope
from marketbot.store import jobs
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection

ChangeDead = Callable[[Connection, int], Awaitable[bool]]


@get("/v1/operator/jobs/dead", opt=demands(Scope.OPERATOR_READ))
async def read_dead(request: ApiRequest) -> Response[bytes]:
    """Jobs that were given up, the latest first."""
    return await everybodys_page(request, "jobs", jobs.DeadKey(), jobs.dead_jobs, lambda job: (job.dead_at, job.job_id))


@post("/v1/operator/jobs/{job_id:int}/retry", opt=demands(Scope.JOBS_WRITE))
@once
async def retry_dead(request: ApiRequest) -> Response[bytes]:
    """Let a dead letter begin anew, now."""
    return await _change(request, jobs.retry_dead, Action.JOB_RETRIED)


@post("/v1/operator/jobs/{job_id:int}/drop", opt=demands(Scope.JOBS_WRITE))
@once
async def drop_dead(request: ApiRequest) -> Response[bytes]:
    """Forget a dead letter for ever."""
    return await _change(request, jobs.drop_dead, Action.JOB_DROPPED)


async def _change(request: ApiRequest, change: ChangeDead, action: Action) -> Response[bytes]:
    job_id: int = request.path_params["job_id"]
    if not await change_dead(request, job_id, change, action):
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({"job_id": job_id})


async def change_dead(request: ApiRequest, job_id: int, change: ChangeDead, action: Action) -> bool:
    """Retry or drop a dead letter, with its entry in the audit trail; False when there is none to be changed."""
    database: Database = request.app.state.database
    if not 0 < job_id <= MAX_ID:
        return False
    async with database.connection() as connection, connection.transaction():
        changed = await change(connection, job_id)
        if changed:
            await record(connection, AuditEntry(action, actor_of(request), "job", str(job_id), {}))
    return changed

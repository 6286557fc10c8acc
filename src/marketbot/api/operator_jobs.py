"""Dead letters over HTTP: read, retried or dropped by the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from litestar import Request, Response, get, post
from litestar.datastructures import State

from marketbot.api.admission import demands
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.problems import ApiReason, api_problem, language
from marketbot.api.repeating import once
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.scope import Scope
from marketbot.store import jobs
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection

PAGE = 100
MAX_ID = 2**63 - 1

OperatorRequest = Request[Any, Any, State]


@get("/v1/operator/jobs/dead", opt=demands(Scope.OPERATOR_READ))
async def read_dead(request: OperatorRequest) -> Response[bytes]:
    """The latest ``PAGE`` jobs that were given up."""
    database: Database = request.app.state.database
    async with database.connection() as connection:
        found = await jobs.dead_jobs(connection, PAGE)
    return _json({"jobs": found})


@post("/v1/operator/jobs/{job_id:int}/retry", opt=demands(Scope.JOBS_WRITE))
@once
async def retry_dead(request: OperatorRequest) -> Response[bytes]:
    """Let a dead letter begin anew, now."""
    return await _change(request, jobs.retry_dead, Action.JOB_RETRIED)


@post("/v1/operator/jobs/{job_id:int}/drop", opt=demands(Scope.JOBS_WRITE))
@once
async def drop_dead(request: OperatorRequest) -> Response[bytes]:
    """Forget a dead letter for ever."""
    return await _change(request, jobs.drop_dead, Action.JOB_DROPPED)


async def _change(
    request: OperatorRequest, change: Callable[[Connection, int], Awaitable[bool]], action: Action
) -> Response[bytes]:
    job_id: int = request.path_params["job_id"]
    database: Database = request.app.state.database
    changed = False
    if 0 < job_id <= MAX_ID:
        async with database.connection() as connection, connection.transaction():
            changed = await change(connection, job_id)
            if changed:
                await record(connection, AuditEntry(action, actor_of(request), "job", str(job_id), {}))
    if not changed:
        return api_problem(ApiReason.NOT_FOUND, language(request.headers.get("accept-language", "")))
    return _json({"job_id": job_id})


def _json(document: object) -> Response[bytes]:
    # A job's period is no JSON type; its text is what an operator reads.
    return Response(orjson.dumps(document, default=str), status_code=200, media_type="application/json")

"""/v1/operator/policy: the operator's defaults and bounds. The rules of ``marketbot policy set`` hold."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get, patch

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_POLICY_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.problems import ApiReason, api_problem
from marketbot.controls.errors import ControlRefused
from marketbot.controls.policy import edit_policy, policy_entry
from marketbot.domain.scope import Scope
from marketbot.store.audit_trail import record
from marketbot.store.policy import LIMITS, PolicyInvalid, PostgresPolicyBook, encode_policy, policy_changed_at, read_policy

NAME_CHARS_TOLD = 64


@get("/v1/operator/policy", opt=demands(Scope.OPERATOR_READ))
async def show_policy(request: ApiRequest) -> Response[bytes]:
    """The policy in force, and between which numbers each setting may lie."""
    database: Database = request.app.state.database
    async with database.connection() as connection:
        policy = await read_policy(connection)
        changed_at = await policy_changed_at(connection)
    return json_answer({"policy": encode_policy(policy), "changed_at": changed_at, "limits": _limits()})


@patch("/v1/operator/policy", opt=demands(Scope.POLICY_WRITE), request_max_body_size=MAX_POLICY_BYTES)
async def patch_policy(request: ApiRequest) -> Response[bytes]:
    """Change the settings that the body names, all of them or none: ``{"leverage": {"high": "8"}, "max_order_notional": "50000"}``."""
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        async with database.connection() as connection, connection.transaction():
            done = await edit_policy(PostgresPolicyBook(connection), document)
            if done.changed:
                await record(connection, policy_entry(actor_of(request), done))
    except PolicyInvalid as invalid:
        errors = [{"field": invalid.field[:NAME_CHARS_TOLD], "reason": str(invalid).partition(": ")[2]}]
        return api_problem(ApiReason.SETTING_INVALID, spoken_by(request), errors=errors)
    except ControlRefused as refused:
        return api_problem(ApiReason.SETTING_INVALID, spoken_by(request), str(refused))
    return json_answer({"policy": encode_policy(done.policy), "changed": sorted(done.changed)})


def _limits() -> dict[str, Any]:
    return {name: {"low": low, "high": high} for name, (low, high) in LIMITS.items()}


def operator_policy_router() -> Router:
    return Router(path="/", route_handlers=[show_policy, patch_policy], before_request=admit)

"""What the operator may read: metrics, and what became of a signal. Behind an operator's token, over all users."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, get
from litestar.datastructures import State

from marketbot.api.admission import admit, demands
from marketbot.api.answers import json_answer
from marketbot.api.database import Database
from marketbot.api.languages import language
from marketbot.api.operator_jobs import drop_dead, read_dead, retry_dead
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.shedding import LOAD_CLASS
from marketbot.domain.ids import AccountId, SignalId
from marketbot.domain.load import LoadClass
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.observability import metrics
from marketbot.store.pool import Connection
from marketbot.store.signals import MAX_PAGE, SignalAccount, signal_accounts, signal_summary

PAGE_DEFAULT = 100
MAX_ID = 2**63 - 1
MAX_DIGITS = 19

OperatorRequest = Request[Any, Any, State]


@get("/metrics", opt=demands(Scope.OPERATOR_READ) | {LOAD_CLASS: LoadClass.UNCOUNTED})
async def read_metrics() -> Response[bytes]:
    return Response(metrics.render(), media_type=metrics.MEDIA_TYPE)


@get("/v1/signals/{signal_id:int}", opt=demands(Scope.OPERATOR_READ))
async def read_signal(request: OperatorRequest) -> Response[bytes]:
    """State, and counts by outcome and reason."""
    database: Database = request.app.state.database
    signal_id: int = request.path_params["signal_id"]
    if not 0 < signal_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, _spoken(request))
    async with database.connection() as connection:
        found = await signal_summary(connection, SignalId(signal_id))
        simulated = await connection.fetchval("SELECT profile = 'simulation' FROM installation")
    if found is None:
        return api_problem(ApiReason.NOT_FOUND, _spoken(request))
    return json_answer({"simulated": bool(simulated), "signal": found})


@get("/v1/signals/{signal_id:int}/accounts", opt=demands(Scope.OPERATOR_READ))
async def read_signal_accounts(request: OperatorRequest) -> Response[bytes]:
    """One page by ascending account id; ``next_after`` is null on the last."""
    spoken = _spoken(request)
    signal_id: int = request.path_params["signal_id"]
    after = _number(request.query_params.get("after", "0"))
    limit = _number(request.query_params.get("limit", str(PAGE_DEFAULT)))
    if not 1 <= limit <= MAX_PAGE:
        return api_problem(ApiReason.PARAMETER_INVALID, spoken, f"limit lies between 1 and {MAX_PAGE}")
    if not 0 <= after <= MAX_ID:
        return api_problem(ApiReason.PARAMETER_INVALID, spoken, "after is an account's number")
    if not 0 < signal_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken)
    database: Database = request.app.state.database

    async def read(connection: Connection) -> tuple[list[SignalAccount], bool]:
        page = await signal_accounts(connection, SignalId(signal_id), AccountId(after), limit)
        return page, await connection.fetchval("SELECT profile = 'simulation' FROM installation")

    page, simulated = await database.reads.read(read)
    next_after = page[-1].account_id if len(page) == limit else None
    accounts = [_account(account, spoken) for account in page]
    return json_answer({"simulated": bool(simulated), "accounts": accounts, "next_after": next_after})


def _account(account: SignalAccount, spoken: Language) -> dict[str, Any]:
    return {"account": account, "text": became_text(account.became, account.reason, spoken)}


def _number(text: str) -> int:
    """Return -1, which no parameter may be, for what is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else -1


def _spoken(request: OperatorRequest) -> Language:
    return language(request.headers.get("accept-language", ""))


def operator_router() -> Router:
    handlers = [read_metrics, read_signal, read_signal_accounts, read_dead, retry_dead, drop_dead]
    return Router(path="/", route_handlers=handlers, before_request=admit)

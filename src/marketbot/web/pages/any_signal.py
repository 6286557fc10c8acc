"""GET /operator/signals/ID: one signal's way through the accounts. How far it is, and every account's outcome with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.domain.ids import AccountId, SignalId
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.signals import SignalAccount, SignalSummary, signal_accounts, signal_summary
from marketbot.web.bars import OUTCOMES, bars_of
from marketbot.web.errors import error_page
from marketbot.web.page import part, seen_by, show
from marketbot.web.table import Column, Filter, Option, Table, chosen, csv_answer, read_table, wants_csv

NAME = "fan_out"
ANY = Option("", "filter.any")
PARTS = ("progress", "accounts")
KEPT = ("became", "after")
"""Of the address: what the rows that are read anew are narrowed by."""


def columns(language: Language) -> list[Column[SignalAccount]]:
    return [
        Column("account", lambda row: row.label, "placed_account", lead=True),
        Column("account_id", lambda row: row.account_id, shown=False),
        Column("user_id", lambda row: row.user_id, shown=False),
        Column("venue", lambda row: row.venue, shown=False),
        Column("environment", lambda row: row.environment, shown=False),
        Column("became", lambda row: row.became, "became"),
        Column("why", lambda row: became_text(row.became, row.reason, language) or row.reason, "why", full=True),
        Column("reason_code", lambda row: row.reason, shown=False),
        Column("detail", lambda row: row.detail, shown=False),
        Column("qty", lambda row: row.qty, "number", end=True),
        Column("stop_price", lambda row: row.stop_price, shown=False),
        Column("target_price", lambda row: row.target_price, shown=False),
        Column("acked_ms", lambda row: row.acked_ms, "ms", end=True),
        Column("protected_ms", lambda row: row.protected_ms, "ms", end=True),
    ]


@get("/operator/signals/{signal_id:int}", opt=demands(Scope.OPERATOR_READ))
async def any_signal(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part`` one of its parts."""
    database: Database = request.app.state.database
    number: int = request.path_params["signal_id"]
    wanted = request.query_params.get("part", "")
    if (wanted and wanted not in PARTS) or not 0 < number <= MAX_ID:
        return error_page(request, 404)
    signal_id, shown = SignalId(number), columns(seen_by(request).language)
    became = chosen(request.query_params, "became", OUTCOMES)

    async def read(behind: IdKey, limit: int) -> Sequence[SignalAccount]:
        async with database.connection() as connection:
            return await signal_accounts(connection, signal_id, AccountId(behind.above), limit, became=became)

    async with database.connection() as connection:
        summary = await signal_summary(connection, signal_id)
    if summary is None:
        return error_page(request, 404)
    if wants_csv(request):
        return await csv_answer(request, NAME, shown, IdKey(), read, key_of)
    if wanted == "progress":
        return part(request, "any_signal/progress.html", **_progress(request, summary))
    options = (ANY, *(Option(each, f"became.{each}") for each in OUTCOMES))
    table: Table[SignalAccount] = await read_table(
        request, NAME, shown, IdKey(), read, key_of, [Filter("became", options, became or "")]
    )
    kept = {name: request.query_params[name] for name in KEPT if request.query_params.get(name)}
    facts: dict[str, Any] = {
        "signal": summary,
        "table": table,
        "again": f"{request.url.path}?{urlencode({**kept, 'part': 'accounts'})}",
    }
    if wanted:
        return part(request, "any_signal/accounts.html", **facts)
    return await show(request, "any_signal.html", **facts | _progress(request, summary))


def key_of(row: SignalAccount) -> IdKey:
    return IdKey(row.account_id)


def _progress(request: ApiRequest, summary: SignalSummary) -> dict[str, Any]:
    language = seen_by(request).language
    counted = {name: getattr(summary, name) for name in ("denied", "rejected", "lapsed")}
    reasons = [
        (name, reason, became_text(name, reason, language) or reason, accounts)
        for name, by_reason in counted.items()
        for reason, accounts in sorted(by_reason.items(), key=lambda each: -each[1])
    ]
    totals = {name: sum(by_reason.values()) for name, by_reason in counted.items()}
    totals |= {"ordered": summary.ordered, "pending": summary.pending}
    return {"signal": summary, "bars": bars_of([(name, totals[name]) for name in OUTCOMES]), "reasons": reasons}

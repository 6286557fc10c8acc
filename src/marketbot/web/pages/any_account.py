"""GET /operator/accounts/ID: one account's health. Its key, what it holds, what stops it, and what became of its latest signals."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from marketbot.api.accounts import told_account
from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_ID
from marketbot.domain.ids import AccountId
from marketbot.domain.reason_texts import became_text
from marketbot.domain.scope import Scope
from marketbot.store.account_health import AccountHealth, read_health
from marketbot.web.errors import error_page
from marketbot.web.page import part, seen_by, show
from marketbot.web.positions import span_of
from marketbot.web.viewer import Viewer

PARTS = ("standing", "positions", "outcomes")


@get("/operator/accounts/{account_id:int}", opt=demands(Scope.OPERATOR_READ))
async def any_account(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part`` one of its parts."""
    database: Database = request.app.state.database
    account_id: int = request.path_params["account_id"]
    wanted = request.query_params.get("part", "")
    if (wanted and wanted not in PARTS) or not 0 < account_id <= MAX_ID:
        return error_page(request, 404)
    async with database.connection() as connection:
        health = await read_health(connection, AccountId(account_id))
    if health is None:
        return error_page(request, 404)
    facts = _facts(health, seen_by(request))
    if wanted:
        return part(request, f"any_account/{wanted}.html", **facts)
    return await show(request, "any_account.html", **facts)


def _facts(health: AccountHealth, viewer: Viewer) -> dict[str, Any]:
    told = told_account(health.account, viewer.language)
    return {
        "health": health,
        "account": health.account,
        "status_text": told["status_text"],
        "key_text": told["key_text"],
        "positions": [(row, span_of(row)) for row in health.positions],
        "outcomes": [(row, became_text(row.became, row.reason, viewer.language)) for row in health.outcomes],
    }

"""GET /signals: what became of every signal at the viewer's accounts, and why; a page at a time, or as a file."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.user_door import UserDoor
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.user_trades import IntentKey, SignalRow, list_signals
from marketbot.web.page import seen_by, show
from marketbot.web.table import Column, csv_answer, read_table, wants_csv

NAME = "signals"


def columns(language: Language) -> list[Column[SignalRow]]:
    return [
        Column("planned_at", lambda row: row.planned_at, "moment"),
        Column("symbol", lambda row: row.symbol, lead=True),
        Column("action", lambda row: row.action, "action"),
        Column("account", lambda row: row.label, "account"),
        Column("environment", lambda row: row.environment, shown=False),
        Column("became", lambda row: row.became, "became"),
        Column("why", lambda row: became_text(row.became, row.reason, language), full=True),
        Column("qty", lambda row: row.qty, "number", end=True),
        Column("stop_price", lambda row: row.stop_price, shown=False),
        Column("target_price", lambda row: row.target_price, shown=False),
        Column("acked_ms", lambda row: row.acked_ms, "ms", end=True),
        Column("source", lambda row: row.source, shown=False),
    ]


@get("/signals", opt=demands(Scope.ORDERS_READ))
async def signals(request: ApiRequest) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    user_id, shown = user_of(request), columns(seen_by(request).language)

    async def read(after: IntentKey, limit: int) -> Sequence[SignalRow]:
        rows, _ = await door.read(user_id, lambda connection: list_signals(connection, user_id, after, limit))
        return rows

    if wants_csv(request):
        return await csv_answer(request, NAME, shown, IntentKey(), read, key_of)
    return await show(request, "signals.html", table=await read_table(request, NAME, shown, IntentKey(), read, key_of))


def key_of(row: SignalRow) -> IntentKey:
    return IntentKey(row.planned_at, row.signal_id, row.account_id)

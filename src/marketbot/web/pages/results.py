"""GET /results: what every closed position gained or lost; a page at a time, or as a file."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.user_door import UserDoor
from marketbot.domain.scope import Scope
from marketbot.domain.side import PositionSide
from marketbot.store.user_trades import ResultKey, ResultRow, list_results
from marketbot.web.page import show
from marketbot.web.table import Column, csv_answer, read_table, wants_csv

NAME = "results"
COLUMNS: Sequence[Column[ResultRow]] = (
    Column("closed_at", lambda row: row.closed_at, "moment"),
    Column("symbol", lambda row: row.symbol, lead=True),
    Column("side", lambda row: row.side, "side"),
    Column("result", lambda row: row.result, "gain", end=True),
    Column("account", lambda row: row.label),
    Column("venue", lambda row: row.venue, "venue"),
    Column("environment", lambda row: row.environment, "environment"),
)


@get("/results", opt=demands(Scope.ORDERS_READ))
async def results(request: ApiRequest) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    user_id = user_of(request)

    async def read(after: ResultKey, limit: int) -> Sequence[ResultRow]:
        rows, _ = await door.read(user_id, lambda connection: list_results(connection, user_id, after, limit))
        return rows

    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, ResultKey(), read, key_of)
    return await show(request, "results.html", table=await read_table(request, NAME, COLUMNS, ResultKey(), read, key_of))


def key_of(row: ResultRow) -> ResultKey:
    return ResultKey(row.closed_at, row.account_id, row.symbol, PositionSide(row.side))

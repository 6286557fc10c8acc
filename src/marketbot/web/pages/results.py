"""GET /results: profit and loss by day, and what every closed position gained or lost; a page at a time, or as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.user_door import UserDoor
from marketbot.domain.scope import Scope
from marketbot.domain.side import PositionSide
from marketbot.store.pool import Connection
from marketbot.store.result_days import Equity, ResultDay, read_equity
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

    async def read_days(connection: Connection) -> list[tuple[Equity, Figures]]:
        return [(each, figures_of(each)) for each in await read_equity(connection, user_id) if each.days]

    equity, _ = await door.read(user_id, read_days)
    table = await read_table(request, NAME, COLUMNS, ResultKey(), read, key_of)
    return await show(request, "results.html", table=table, equity=equity)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a chart of results says in words."""

    total: Decimal
    best: ResultDay
    worst: ResultDay
    up: int


def figures_of(equity: Equity) -> Figures:
    """Return the figures of an environment in which something closed."""
    days = equity.days
    return Figures(
        total=days[-1].total,
        best=max(days, key=lambda day: day.result),
        worst=min(days, key=lambda day: day.result),
        up=sum(day.result > 0 for day in days),
    )


def key_of(row: ResultRow) -> ResultKey:
    return ResultKey(row.closed_at, row.account_id, row.symbol, PositionSide(row.side))

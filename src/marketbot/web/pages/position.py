"""GET /positions/{account_id}/{symbol}/{side}: one position with its stop and target drawn on the price."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.paging import ParameterInvalid
from marketbot.api.price_chart import position_key, read_span
from marketbot.api.user_door import UserDoor
from marketbot.domain.scope import Scope
from marketbot.ports import Clock
from marketbot.store.pool import Connection
from marketbot.store.price_bars import Span, read_chart
from marketbot.store.user_trades import PositionRow, read_position
from marketbot.web.errors import error_page
from marketbot.web.page import part, show
from marketbot.web.positions import outlook_of, span_of

PARTS = ("standing",)


def path_of(row: PositionRow) -> str:
    """Return the address of a position's page."""
    return f"/positions/{row.account_id}/{quote(row.symbol, safe='')}/{row.side}"


@get("/positions/{account_id:int}/{symbol:str}/{side:str}", opt=demands(Scope.ORDERS_READ))
async def position(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part`` its figures."""
    door: UserDoor = request.app.state.door
    clock: Clock = request.app.state.clock
    user_id, key = user_of(request), position_key(request)
    wanted = request.query_params.get("part", "")
    try:
        span = read_span(request)
    except ParameterInvalid:
        return error_page(request, 404)
    if key is None or (wanted and wanted not in PARTS):
        return error_page(request, 404)

    async def read(connection: Connection) -> dict[str, Any] | None:
        row = await read_position(connection, user_id, key)
        if row is None:
            return None
        prices = await read_chart(connection, row.venue, row.environment, row.symbol, span, clock.now())
        return {"row": row, "span": span_of(row), "outlook": outlook_of(row, prices)}

    facts, simulated = await door.read(user_id, read)
    if facts is None:
        return error_page(request, 404)
    facts |= {"reach": span, "reaches": tuple(Span), "page_path": path_of(facts["row"])}
    if wanted:
        return part(request, f"position/{wanted}.html", **facts)
    return await show(request, "position.html", simulated=simulated, **facts)

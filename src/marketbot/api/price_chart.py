"""GET /v1/positions/{account_id}/{symbol}/{side}/prices: how the price of a user's own position went, with what it is protected by."""

from __future__ import annotations

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.paging import MAX_ID, ParameterInvalid
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import AccountId
from marketbot.domain.scope import Scope
from marketbot.domain.side import PositionSide
from marketbot.ports import Clock
from marketbot.store.pool import Connection
from marketbot.store.price_bars import PricePoint, Span, read_chart
from marketbot.store.user_trades import PositionKey, PositionRow, read_position

MAX_SYMBOL_CHARS = 64


def position_key(request: ApiRequest) -> PositionKey | None:
    """Return the position that a path names; None when it can name none."""
    account_id, symbol, side = (request.path_params[name] for name in ("account_id", "symbol", "side"))
    known = side in tuple(PositionSide) and 0 < account_id <= MAX_ID and len(symbol) <= MAX_SYMBOL_CHARS and symbol.isprintable()
    return PositionKey(AccountId(account_id), symbol, PositionSide(side)) if known else None


def read_span(request: ApiRequest) -> Span:
    text = request.query_params.get("span", Span.HOURS.value)
    if text not in tuple(Span):
        raise ParameterInvalid(f"span is one of {', '.join(Span)}")
    return Span(text)


@get("/v1/positions/{account_id:int}/{symbol:str}/{side:str}/prices", opt=demands(Scope.ORDERS_READ))
async def show_prices(request: ApiRequest) -> Response[bytes]:
    """The position as it stands and its price over ``span``, oldest first."""
    door: UserDoor = request.app.state.door
    clock: Clock = request.app.state.clock
    user_id, key, span = user_of(request), position_key(request), read_span(request)
    if key is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))

    async def read(connection: Connection) -> tuple[PositionRow, list[PricePoint]] | None:
        position = await read_position(connection, user_id, key)
        if position is None:
            return None
        return position, await read_chart(connection, position.venue, position.environment, position.symbol, span, clock.now())

    found, simulated = await door.read(user_id, read)
    if found is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    position, prices = found
    step_s = int(span.step.total_seconds())
    return json_answer({"simulated": simulated, "position": position, "span": span, "step_s": step_s, "prices": prices})


def price_chart_router() -> Router:
    return Router(path="/", route_handlers=[show_prices], before_request=admit)

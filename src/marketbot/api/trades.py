"""GET /v1/signals, /v1/orders, /v1/positions, /v1/results: what was done for a user, and why not where it was not."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by, user_of
from marketbot.api.answers import page_answer
from marketbot.api.paging import ParameterInvalid, read_cursor, read_flag, read_limit
from marketbot.api.user_door import UserDoor
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.domain.side import PositionSide
from marketbot.store.user_trades import (
    IntentKey,
    PositionKey,
    ResultKey,
    SignalRow,
    list_orders,
    list_positions,
    list_results,
    list_signals,
)

_SIGNAL_FIELDS = tuple(field.name for field in fields(SignalRow))


@get("/v1/signals", opt=demands(Scope.ORDERS_READ))
async def show_signals(request: ApiRequest) -> Response[bytes]:
    """What became of signals at the user's accounts, with the reason in words; newest first."""
    door: UserDoor = request.app.state.door
    limit = read_limit(request.query_params)
    after = IntentKey(*read_cursor(request.query_params, "signals", IntentKey()))
    user_id = user_of(request)
    rows, simulated = await door.read(user_id, lambda connection: list_signals(connection, user_id, after, limit))
    key = IntentKey(rows[-1].planned_at, rows[-1].signal_id, rows[-1].account_id) if len(rows) == limit else None
    spoken = spoken_by(request)
    return page_answer("signals", [_with_text(row, spoken) for row in rows], key, simulated=simulated)


@get("/v1/orders", opt=demands(Scope.ORDERS_READ))
async def show_orders(request: ApiRequest) -> Response[bytes]:
    """Orders by signal and account, every leg and attempt; newest first."""
    door: UserDoor = request.app.state.door
    limit = read_limit(request.query_params)
    after = IntentKey(*read_cursor(request.query_params, "orders", IntentKey()))
    user_id = user_of(request)
    rows, simulated = await door.read(user_id, lambda connection: list_orders(connection, user_id, after, limit))
    key = IntentKey(rows[-1].planned_at, rows[-1].signal_id, rows[-1].account_id) if len(rows) == limit else None
    return page_answer("orders", rows, key, simulated=simulated)


@get("/v1/positions", opt=demands(Scope.ORDERS_READ))
async def show_positions(request: ApiRequest) -> Response[bytes]:
    """Open positions by account and symbol; ``closed=true`` adds those that ended."""
    door: UserDoor = request.app.state.door
    limit = read_limit(request.query_params)
    closed = read_flag(request.query_params, "closed")
    account_id, symbol, side = read_cursor(request.query_params, "positions", PositionKey())
    after = PositionKey(account_id, symbol, _side(side))
    user_id = user_of(request)
    rows, simulated = await door.read(
        user_id, lambda connection: list_positions(connection, user_id, after, limit, closed=closed)
    )
    key = PositionKey(rows[-1].account_id, rows[-1].symbol, rows[-1].side) if len(rows) == limit else None
    return page_answer("positions", rows, key, simulated=simulated)


@get("/v1/results", opt=demands(Scope.ORDERS_READ))
async def show_results(request: ApiRequest) -> Response[bytes]:
    """What closed positions gained or lost, before fees; newest first."""
    door: UserDoor = request.app.state.door
    limit = read_limit(request.query_params)
    closed_at, account_id, symbol, side = read_cursor(request.query_params, "results", ResultKey())
    after = ResultKey(closed_at, account_id, symbol, _side(side))
    user_id = user_of(request)
    rows, simulated = await door.read(user_id, lambda connection: list_results(connection, user_id, after, limit))
    last = rows[-1] if len(rows) == limit else None
    key = None if last is None else ResultKey(last.closed_at, last.account_id, last.symbol, last.side)
    return page_answer("results", rows, key, simulated=simulated)


def _side(text: str) -> str:
    if text not in (PositionSide.LONG, PositionSide.SHORT):
        raise ParameterInvalid("after is no cursor of this list")
    return text


def _with_text(row: SignalRow, spoken: Language) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(row, name) for name in _SIGNAL_FIELDS}
    values["text"] = became_text(row.became, row.reason, spoken)
    return values


def trades_router() -> Router:
    return Router(path="/", route_handlers=[show_signals, show_orders, show_positions, show_results], before_request=admit)

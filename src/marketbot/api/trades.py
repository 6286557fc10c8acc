"""GET /v1/signals, /v1/orders, /v1/positions, /v1/results, /v1/results/days: what was done for a user, and why not where it was not."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.lists import own_page
from marketbot.api.paging import read_flag
from marketbot.api.user_door import UserDoor
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.result_days import read_equity
from marketbot.store.user_trades import (
    IntentKey,
    OrdersRow,
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
    spoken = spoken_by(request)
    return await own_page(request, "signals", IntentKey(), list_signals, _intent_key, lambda row: _with_text(row, spoken))


@get("/v1/orders", opt=demands(Scope.ORDERS_READ))
async def show_orders(request: ApiRequest) -> Response[bytes]:
    """Orders by signal and account, every leg and attempt; newest first."""
    return await own_page(request, "orders", IntentKey(), list_orders, _intent_key)


@get("/v1/positions", opt=demands(Scope.ORDERS_READ))
async def show_positions(request: ApiRequest) -> Response[bytes]:
    """Open positions by account and symbol; ``closed=true`` adds those that ended."""
    closed = read_flag(request.query_params, "closed")
    return await own_page(
        request,
        "positions",
        PositionKey(),
        lambda connection, user_id, after, limit: list_positions(connection, user_id, after, limit, closed=closed),
        lambda row: (row.account_id, row.symbol, row.side),
    )


@get("/v1/results", opt=demands(Scope.ORDERS_READ))
async def show_results(request: ApiRequest) -> Response[bytes]:
    """What closed positions gained or lost, before fees; newest first."""
    return await own_page(
        request,
        "results",
        ResultKey(),
        list_results,
        lambda row: (row.closed_at, row.account_id, row.symbol, row.side),
    )


@get("/v1/results/days", opt=demands(Scope.ORDERS_READ))
async def show_result_days(request: ApiRequest) -> Response[bytes]:
    """What each day brought and what it came to, by environment; oldest first."""
    door: UserDoor = request.app.state.door
    user_id = user_of(request)
    found, simulated = await door.read(user_id, lambda connection: read_equity(connection, user_id))
    return json_answer({"simulated": simulated, "equity": found})


def _intent_key(row: SignalRow | OrdersRow) -> IntentKey:
    return IntentKey(row.planned_at, row.signal_id, row.account_id)


def _with_text(row: SignalRow, spoken: Language) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(row, name) for name in _SIGNAL_FIELDS}
    values["text"] = became_text(row.became, row.reason, spoken)
    return values


def trades_router() -> Router:
    handlers = [show_signals, show_orders, show_positions, show_results, show_result_days]
    return Router(path="/", route_handlers=handlers, before_request=admit)

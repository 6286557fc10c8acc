"""CCXT's unified structures -> our words. Their numbers are strings, see ``exchange.py``; amounts count contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import Symbol, VenueOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.money import ZERO
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import PositionSide

Json = Mapping[str, Any]

BAD_SHAPE = (ValueError, KeyError, TypeError, ArithmeticError, AttributeError, IndexError)

UNKNOWN_MAX_LEVERAGE = Decimal(125)
"""For exchanges that tell the bound only to an account; theirs refuses what is too much."""

_STATE = {
    "open": OrderState.ACCEPTED,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


def decimal(value: object) -> Decimal:
    """Read a number of a unified structure; a float has lost digits on the way: refused."""
    if type(value) is str or type(value) is int:
        number = Decimal(value)
        if number.is_finite():
            return number
    raise ValueError("a unified number must come as a string")


def optional(value: object) -> Decimal | None:
    """Read a number that is absent, empty or zero when it is not set."""
    return None if value is None or value == "" else decimal(value) or None


def order(body: Json, contract_size: Decimal) -> OrderReport:
    """Read a unified order. Without a status it is an acknowledgement; closed without being full it was cut short."""
    filled = decimal(body.get("filled") or 0) * contract_size
    status = body.get("status")
    state = OrderState.ACCEPTED if status is None else _STATE[status]
    if state is OrderState.ACCEPTED and filled:
        state = OrderState.PARTIALLY_FILLED
    if state is OrderState.FILLED and not filled:
        state = OrderState.ACCEPTED  # "closed" alone is no proof of a fill
    if state is OrderState.FILLED and body.get("amount") is not None and filled < decimal(body["amount"]) * contract_size:
        state = OrderState.CANCELED
    return OrderReport(
        state=state,
        venue_order_id=VenueOrderId(str(body["id"])) if body.get("id") else None,
        filled_qty=filled,
        average_price=decimal(body.get("average") or 0) if filled else ZERO,
        trigger_price=_trigger(body),
    )


def _trigger(row: Json) -> Decimal | None:
    return optional(row.get("triggerPrice")) or optional(row.get("stopLossPrice")) or optional(row.get("takeProfitPrice"))


def is_usdt_perpetual(market: Json) -> bool:
    return bool(market.get("swap")) and bool(market.get("linear")) and market.get("quote") == market.get("settle") == "USDT"


def instruments(markets: Iterable[Json]) -> tuple[Instrument, ...]:
    """Read the USDT perpetuals. What cannot be read is left out, what does not trade is marked."""
    found = []
    for market in markets:
        if is_usdt_perpetual(market):
            try:
                found.append(_instrument(market))
            except BAD_SHAPE:
                continue
    return tuple(found)


def _instrument(market: Json) -> Instrument:
    limits, size = market["limits"], contract_size(market)
    step = _positive(market["precision"]["amount"]) * size
    market_max = (limits.get("market") or {}).get("max") or limits["amount"].get("max")
    max_leverage = (limits.get("leverage") or {}).get("max")
    return Instrument(
        symbol=Symbol(f"{market['base']}{market['quote']}"),
        venue_symbol=market["id"],
        tick_size=_positive(market["precision"]["price"]),
        lot_size=step,
        min_qty=max(decimal(limits["amount"].get("min") or 0) * size, step),
        max_market_qty=_positive(market_max) * size,
        min_notional=decimal((limits.get("cost") or {}).get("min") or 0),
        max_leverage=UNKNOWN_MAX_LEVERAGE if max_leverage is None else decimal(max_leverage),
        tradable=market.get("active") is True,
    )


def contract_size(market: Json) -> Decimal:
    return decimal(market.get("contractSize") or 1)


def _positive(value: object) -> Decimal:
    number = decimal(value)
    if number <= 0:
        raise ValueError("a step or bound must be positive")
    return number


def prices(rows: Iterable[Json], markets: Mapping[str, Json], key: str) -> dict[Symbol, Decimal]:
    """Read the last prices of the USDT perpetuals from unified tickers (``last``) or last prices (``price``)."""
    found = {}
    for row in rows:
        market = markets.get(row["symbol"])
        if market is not None and is_usdt_perpetual(market) and optional(row.get(key)) is not None:
            found[Symbol(f"{market['base']}{market['quote']}")] = decimal(row[key])
    return found


def positions(rows: Iterable[Json], markets: Mapping[str, Json], *, on_position: bool) -> tuple[VenuePosition, ...]:
    """Read unified positions, of which only open ones count; protective prices only where they belong to the position."""
    found = []
    for row in rows:
        contracts = decimal(row.get("contracts") or 0)
        if contracts:
            market = markets[row["symbol"]]
            found.append(
                VenuePosition(
                    venue_symbol=market["id"],
                    side=PositionSide(row["side"]),
                    qty=abs(contracts) * contract_size(market),
                    entry_price=decimal(row["entryPrice"]),
                    mark_price=optional(row.get("markPrice")),
                    stop_price=optional(row.get("stopLossPrice")) if on_position else None,
                    target_price=optional(row.get("takeProfitPrice")) if on_position else None,
                )
            )
    return tuple(found)


def balance(body: Json) -> tuple[Decimal, Decimal]:
    """Read a unified balance: (wallet, free) in USDT."""
    row = body.get("USDT") or {}
    return decimal(row.get("total") or 0), decimal(row.get("free") or 0)


def resting_order(row: Json, markets: Mapping[str, Json]) -> RestingOrder:
    """Read a unified open order. What kind of trigger it is stands in different fields at different exchanges."""
    info = row.get("info") or {}
    trigger = _trigger(row)
    kind = _kind(str(info.get("orderType") or "") + " " + str(info.get("stopOrderType") or ""), row)
    return RestingOrder(
        client_order_id=str(row.get("clientOrderId") or ""),
        venue_order_id=str(row["id"]),
        venue_symbol=markets[row["symbol"]]["id"],
        conditional=trigger is not None,
        kind=kind,
        side=row["side"],
        trigger_price=trigger,
        closes_position=_flag(info.get("closePosition")) or _flag(info.get("closeOnTrigger")) or _flag(row.get("reduceOnly")),
    )


def _kind(words: str, row: Json) -> str:
    folded = words.upper().replace("_", "")
    if "TAKEPROFIT" in folded or row.get("takeProfitPrice"):
        return "take_profit"
    if "STOPLOSS" in folded or "STOPMARKET" in folded or row.get("stopLossPrice"):
        return "stop_loss"
    return "other"


def _flag(value: object) -> bool:
    return value is True or value == "true"

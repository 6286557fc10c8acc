"""Our orders -> Bybit's JSON bodies and query strings. Pure."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import orjson

from marketbot.domain.ids import ClientOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.money import plain
from marketbot.domain.side import Leg, PositionSide, Side
from marketbot.domain.venue import PositionMode
from marketbot.ports import EntryOrder, ExitOrder, ProtectiveOrder

CATEGORY = "linear"
PAGE = 200
INSTRUMENTS_PAGE = 1_000

TRIGGER_BY = "LastPrice"
"""Stops watch the last price, as at our other venues; see venues/binance/encode.py."""

_SIDE = {Side.BUY: "Buy", Side.SELL: "Sell"}
_HEDGE_INDEX = {PositionSide.LONG: 1, PositionSide.SHORT: 2}
_LEG_FIELD = {Leg.STOP_LOSS: "stopLoss", Leg.TAKE_PROFIT: "takeProfit"}
_LEG_TRIGGER = {Leg.STOP_LOSS: "slTriggerBy", Leg.TAKE_PROFIT: "tpTriggerBy"}
_SIBLING = {Leg.STOP_LOSS: Leg.TAKE_PROFIT, Leg.TAKE_PROFIT: Leg.STOP_LOSS}


def position_index(side: PositionSide, mode: PositionMode) -> int:
    """Return 0 one-way, 1 for the long and 2 for the short side in hedge mode (Place Order page, positionIdx)."""
    return _HEDGE_INDEX[side] if mode is PositionMode.HEDGE else 0


def entry(order: EntryOrder, mode: PositionMode) -> bytes:
    """Encode a market order that opens, with stop and target for the whole position attached (Place Order page)."""
    return orjson.dumps(
        {
            "category": CATEGORY,
            "symbol": order.instrument.venue_symbol,
            "side": _SIDE[order.side.entry],
            "positionIdx": position_index(order.side, mode),
            "orderType": "Market",
            "qty": plain(order.qty),
            "orderLinkId": order.client_order_id,
            "stopLoss": plain(order.stop_price),
            "takeProfit": plain(order.target_price),
            "tpslMode": "Full",
            "slTriggerBy": TRIGGER_BY,
            "tpTriggerBy": TRIGGER_BY,
        }
    )


def exit_(order: ExitOrder, mode: PositionMode) -> bytes:
    """Encode a market order that only reduces."""
    return orjson.dumps(
        {
            "category": CATEGORY,
            "symbol": order.instrument.venue_symbol,
            "side": _SIDE[order.side.exit],
            "positionIdx": position_index(order.side, mode),
            "orderType": "Market",
            "qty": plain(order.qty),
            "orderLinkId": order.client_order_id,
            "reduceOnly": True,
        }
    )


def protection(order: ProtectiveOrder, mode: PositionMode) -> bytes:
    """Encode the position's stop or target (Set Trading Stop page).

    Setting one side alone un-pairs the two, and each would then outlive the other until the venue notices the flat position;
    so the sibling's price goes along when it is known.
    """
    body: dict[str, object] = {
        "category": CATEGORY,
        "symbol": order.instrument.venue_symbol,
        "tpslMode": "Full",
        "positionIdx": position_index(order.side, mode),
        _LEG_FIELD[order.leg]: plain(order.trigger_price),
        _LEG_TRIGGER[order.leg]: TRIGGER_BY,
    }
    if order.sibling_price is not None:
        body[_LEG_FIELD[_SIBLING[order.leg]]] = plain(order.sibling_price)
        body[_LEG_TRIGGER[_SIBLING[order.leg]]] = TRIGGER_BY
    return orjson.dumps(body)


def no_protection(instrument: Instrument, leg: Leg, index: int) -> bytes:
    """Encode the removal of the position's stop or target: "0" cancels."""
    return orjson.dumps(
        {
            "category": CATEGORY,
            "symbol": instrument.venue_symbol,
            "tpslMode": "Full",
            "positionIdx": index,
            _LEG_FIELD[leg]: "0",
        }
    )


def cancel(instrument: Instrument, client_order_id: ClientOrderId) -> bytes:
    return orjson.dumps({"category": CATEGORY, "symbol": instrument.venue_symbol, "orderLinkId": client_order_id})


def leverage(instrument: Instrument, value: Decimal) -> bytes:
    text = plain(value)
    return orjson.dumps({"category": CATEGORY, "symbol": instrument.venue_symbol, "buyLeverage": text, "sellLeverage": text})


def isolated() -> bytes:
    """Encode the account's change to isolated margin, which a unified account has for all symbols at once."""
    return orjson.dumps({"setMarginMode": "ISOLATED_MARGIN"})


def by_symbol(instrument: Instrument) -> str:
    return f"category={CATEGORY}&symbol={quote(instrument.venue_symbol)}"


def by_client_order_id(instrument: Instrument, client_order_id: ClientOrderId) -> str:
    return f"{by_symbol(instrument)}&orderLinkId={client_order_id}"


def all_positions() -> str:
    return f"category={CATEGORY}&settleCoin=USDT&limit={PAGE}"


def open_orders(instrument: Instrument) -> str:
    return f"{by_symbol(instrument)}&openOnly=0&limit=50"


def closed_orders(instrument: Instrument) -> str:
    """Name the latest closed orders (docs/v5/order/open-order, openOnly: up to 500 are kept)."""
    return f"{by_symbol(instrument)}&openOnly=1&limit=50"


def next_page(query: str, cursor: str) -> str:
    """Return the query of the page after; the cursor may hold anything."""
    return f"{query}&cursor={quote(cursor, safe='')}"

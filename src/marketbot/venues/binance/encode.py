"""Our orders -> Binance's query strings. Pure; every string ends in ``&``, for the signature's own fields follow."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

from marketbot.domain.ids import ClientOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.money import plain
from marketbot.domain.side import Leg, PositionSide, Side
from marketbot.domain.venue import PositionMode
from marketbot.ports import EntryOrder, ExitOrder, ProtectiveOrder

_SIDE = {Side.BUY: "BUY", Side.SELL: "SELL"}
_POSITION_SIDE = {PositionSide.LONG: "LONG", PositionSide.SHORT: "SHORT"}
_TRIGGER_TYPE = {Leg.STOP_LOSS: "STOP_MARKET", Leg.TAKE_PROFIT: "TAKE_PROFIT_MARKET"}

WORKING_TYPE = "CONTRACT_PRICE"
"""Stops watch the last price: the strategy's levels come from charts of it, and so does our price reference. The mark price
would ignore a lone spike, but in a fast fall it lags what an exit really pays."""


def symbol_of(instrument: Instrument) -> str:
    """Return the symbol as it goes into a URL; some of Binance's are not ASCII."""
    symbol = instrument.venue_symbol
    return symbol if symbol.isascii() else quote(symbol)


def entry(order: EntryOrder, mode: PositionMode) -> str:
    """Encode a market order that opens. RESULT makes the reply tell the fill (New Order page)."""
    hedge = f"positionSide={_POSITION_SIDE[order.side]}&" if mode is PositionMode.HEDGE else ""
    return (
        f"symbol={symbol_of(order.instrument)}&side={_SIDE[order.side.entry]}&{hedge}type=MARKET&quantity={plain(order.qty)}"
        f"&newClientOrderId={order.client_order_id}&newOrderRespType=RESULT&"
    )


def exit_(order: ExitOrder, mode: PositionMode) -> str:
    """Encode a market order that only reduces: by flag one-way, by position side in hedge mode, where the flag is forbidden."""
    closing = f"positionSide={_POSITION_SIDE[order.side]}" if mode is PositionMode.HEDGE else "reduceOnly=true"
    return (
        f"symbol={symbol_of(order.instrument)}&side={_SIDE[order.side.exit]}&{closing}&type=MARKET&quantity={plain(order.qty)}"
        f"&newClientOrderId={order.client_order_id}&newOrderRespType=RESULT&"
    )


def protection(order: ProtectiveOrder, mode: PositionMode) -> str:
    """Encode a conditional order that closes the whole position (New Algo Order page)."""
    hedge = f"positionSide={_POSITION_SIDE[order.side]}&" if mode is PositionMode.HEDGE else ""
    return (
        f"algoType=CONDITIONAL&symbol={symbol_of(order.instrument)}&side={_SIDE[order.side.exit]}&{hedge}"
        f"type={_TRIGGER_TYPE[order.leg]}&triggerPrice={plain(order.trigger_price)}&workingType={WORKING_TYPE}"
        f"&closePosition=true&clientAlgoId={order.client_order_id}&"
    )


def by_client_order_id(instrument: Instrument, client_order_id: ClientOrderId) -> str:
    """Encode the look-up or cancel of a plain order."""
    return f"symbol={symbol_of(instrument)}&origClientOrderId={client_order_id}&"


def by_order_id(instrument: Instrument, order_id: str) -> str:
    """Encode the look-up of the order that a triggered conditional order became."""
    return f"symbol={symbol_of(instrument)}&orderId={order_id}&"


def by_client_algo_id(client_order_id: ClientOrderId) -> str:
    """Encode the look-up or cancel of a conditional order."""
    return f"clientAlgoId={client_order_id}&"


def by_symbol(instrument: Instrument | None) -> str:
    """Encode a read of one symbol, or of all."""
    return "" if instrument is None else f"symbol={symbol_of(instrument)}&"


def leverage(instrument: Instrument, value: Decimal) -> str:
    """Encode the change of the initial leverage (a whole number)."""
    return f"symbol={symbol_of(instrument)}&leverage={plain(value)}&"


def isolated(instrument: Instrument) -> str:
    """Encode the change to isolated margin."""
    return f"symbol={symbol_of(instrument)}&marginType=ISOLATED&"

"""Move prices, skew clocks, cut venues off."""

from decimal import Decimal
from typing import Any

from simexchange.control.call import ControlCall, ControlError, decimal_of, integer_of
from simexchange.engine import matching


def set_prices(call: ControlCall) -> dict[str, Any]:
    """POST /prices: move prices in all venues and environments not ruled out; tell how many orders that set off."""
    wanted = call.body.get("prices")
    if not isinstance(wanted, dict) or not wanted:
        raise ControlError("prices must be an object of symbol and price")
    prices: dict[str, Decimal] = {}
    for symbol, value in wanted.items():
        prices[symbol] = decimal_of(value, symbol)
        if prices[symbol] <= 0:
            raise ControlError(f"{symbol} must be above zero")
    markets = [call.world.markets[place] for place in call.places()]
    for symbol in prices:
        if not any(symbol in market.instruments for market in markets):
            raise ControlError(f"unknown symbol: {symbol}")
    triggered = 0
    for market in markets:
        known = [symbol for symbol in prices if symbol in market.instruments]
        for symbol in known:
            market.prices[symbol] = prices[symbol]
        for symbol in known:
            triggered += matching.settle_price(market, symbol)
    return {"triggered": triggered}


def show_prices(call: ControlCall) -> dict[str, Any]:
    """GET /prices?venue=&environment=."""
    shown: dict[str, dict[str, dict[str, str]]] = {}
    for venue, environment in call.places():
        prices = call.world.markets[(venue, environment)].prices
        shown.setdefault(venue, {})[environment] = {name: format(price, "f") for name, price in prices.items()}
    return {"prices": shown}


def set_clock(call: ControlCall) -> dict[str, Any]:
    """POST /clock: how far the venue's clock runs ahead of ours, in milliseconds."""
    skew_ms = integer_of(call.body.get("skew_ms"), "skew_ms")
    for place in call.places():
        call.world.markets[place].skew_ms = skew_ms
    return {"skew_ms": skew_ms}


def set_outage(call: ControlCall) -> dict[str, Any]:
    """POST /outage: reset all connections now and for `seconds`; null until further notice, 0 ends it."""
    seconds = call.body.get("seconds")
    if isinstance(seconds, bool) or not (seconds is None or isinstance(seconds, int | float)):
        raise ControlError("seconds must be a number or null")
    for place in call.places():
        listener = call.world.listeners[place]
        if seconds == 0:
            listener.restore()
        else:
            listener.cut(seconds)
    return {"places": [f"{venue} {environment}" for venue, environment in call.places()]}

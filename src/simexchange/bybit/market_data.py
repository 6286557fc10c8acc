"""Show time, instruments and prices."""

from typing import Any

import orjson

from simexchange.bybit import params as read
from simexchange.bybit.call import Call
from simexchange.bybit.encode import plain
from simexchange.engine.instrument import Instrument

PAGE_DEFAULT = 500
PAGE_MAX = 1000


def time(call: Call) -> dict[str, Any]:
    """GET /v5/market/time."""
    now_ms = call.market.time_ms()
    return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}


def instruments(call: Call) -> object:
    """GET /v5/market/instruments-info: linear only; the cursor is how many came before."""
    params = call.params
    category = read.category(params)
    status = read.text(params, "status")
    if category != "linear" or status not in ("", "Trading"):
        return {"category": category, "list": [], "nextPageCursor": ""}
    symbol = read.text(params, "symbol")
    if symbol:
        return {"category": category, "list": [_instrument(call.market.instrument(symbol))], "nextPageCursor": ""}
    limit = min(max(read.integer(params, "limit", PAGE_DEFAULT), 1), PAGE_MAX)
    start = read.integer(params, "cursor", 0)
    name = f"instruments {start} {limit}"
    rendered = call.market.rendered
    if name not in rendered:
        chosen = list(call.market.instruments.values())
        rows = [_instrument(one) for one in chosen[start : start + limit]]
        cursor = str(start + limit) if start + limit < len(chosen) else ""
        made = orjson.dumps({"category": category, "list": rows, "nextPageCursor": cursor})
        if (start, limit) not in ((0, PAGE_DEFAULT), (0, PAGE_MAX)):
            return made
        rendered[name] = made
    return rendered[name]


def _instrument(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": instrument.base,
        "quoteCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(instrument.price_scale),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{instrument.max_leverage}.00",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(instrument.tick),
            "maxPrice": plain(instrument.tick * 19_999_998),
            "tickSize": format(instrument.tick, "f"),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(instrument.max_qty),
            "minOrderQty": plain(instrument.min_qty),
            "qtyStep": plain(instrument.qty_step),
            "postOnlyMaxOrderQty": plain(instrument.max_qty),
            "maxMktOrderQty": plain(instrument.max_market_qty),
            "minNotionalValue": plain(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": "USDT",
        "copyTrading": "both",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {
            "priceLimitRatioX": plain(instrument.band / 2),
            "priceLimitRatioY": plain(instrument.band),
        },
        "displayName": "",
    }


def tickers(call: Call) -> dict[str, Any]:
    """GET /v5/market/tickers: all stand at the one price, without volume."""
    params = call.params
    category = read.category(params)
    if category != "linear":
        return {"category": category, "list": []}
    symbol = read.text(params, "symbol")
    names = [call.market.instrument(symbol).symbol] if symbol else call.market.instruments
    prices = call.market.prices
    next_funding = str((call.market.time_ms() // 28_800_000 + 1) * 28_800_000)
    rows = []
    for name in names:
        price = plain(prices[name])
        row = dict.fromkeys(
            ("lastPrice", "indexPrice", "markPrice", "prevPrice24h", "highPrice24h", "lowPrice24h", "prevPrice1h"),
            price,
        )
        row |= {"symbol": name, "bid1Price": price, "ask1Price": price, "bid1Size": "1000", "ask1Size": "1000"}
        row |= {"price24hPcnt": "0", "openInterest": "0", "openInterestValue": "0", "turnover24h": "0"}
        row |= {"volume24h": "0", "fundingRate": "0.0001", "nextFundingTime": next_funding, "basis": ""}
        row |= {"predictedDeliveryPrice": "", "basisRate": "", "deliveryFeeRate": "", "deliveryTime": "0"}
        rows.append(row)
    return {"category": category, "list": rows}


def order_book(call: Call) -> dict[str, Any]:
    """GET /v5/market/orderbook: one level a side, at the one price."""
    instrument = call.market.instrument(read.required(call.params, "symbol"))
    level = [[plain(call.market.prices[instrument.symbol]), plain(instrument.max_market_qty)]]
    now = call.market.time_ms()
    return {"s": instrument.symbol, "b": level, "a": level, "ts": now, "u": now, "seq": now, "cts": now}


def klines(call: Call) -> dict[str, Any]:
    """GET /v5/market/kline and its kin: one candle, flat at the price."""
    instrument = call.market.instrument(read.required(call.params, "symbol"))
    text = plain(call.market.prices[instrument.symbol])
    opened = call.market.time_ms() // 60_000 * 60_000
    row = [str(opened), text, text, text, text, "0", "0"]
    return {"category": "linear", "symbol": instrument.symbol, "list": [row]}


def recent_trades(call: Call) -> dict[str, Any]:
    """GET /v5/market/recent-trade: there is no public tape."""
    return {"category": read.category(call.params), "list": []}


def funding_history(call: Call) -> dict[str, Any]:
    """GET /v5/market/funding/history: the last one."""
    instrument = call.market.instrument(read.required(call.params, "symbol"))
    at = call.market.time_ms() // 28_800_000 * 28_800_000
    row = {"symbol": instrument.symbol, "fundingRate": "0.0001", "fundingRateTimestamp": str(at)}
    return {"category": "linear", "list": [row]}


def risk_limit(call: Call) -> dict[str, Any]:
    """GET /v5/market/risk-limit: one tier a symbol."""
    symbol = read.text(call.params, "symbol")
    chosen = [call.market.instrument(symbol)] if symbol else list(call.market.instruments.values())
    rows = [
        {
            "id": 1,
            "symbol": one.symbol,
            "riskLimitValue": "2000000",
            "maintenanceMargin": "0.005",
            "initialMargin": "0.01",
            "isLowestRisk": 1,
            "maxLeverage": f"{one.max_leverage}.00",
            "mmDeduction": "",
        }
        for one in chosen
    ]
    return {"category": "linear", "list": rows, "nextPageCursor": ""}

"""Show time, instruments and prices."""

from decimal import Decimal
from typing import Any

import orjson

from simexchange.binance.call import Call
from simexchange.binance.encode import money, plain
from simexchange.engine.instrument import Instrument

ORDER_TYPES = [
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
]


def ping(_call: Call) -> dict[str, Any]:
    """GET /fapi/v1/ping."""
    return {}


def time(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/time."""
    return {"serverTime": call.market.time_ms()}


def exchange_info(call: Call) -> bytes:
    """GET /fapi/v1/exchangeInfo; all but the time is written once."""
    known = call.market.rendered.get("symbols")
    if known is None:
        symbols = [_symbol(instrument) for instrument in call.market.instruments.values()]
        known = call.market.rendered["symbols"] = orjson.dumps(symbols)
    head = orjson.dumps(
        {
            "timezone": "UTC",
            "serverTime": call.market.time_ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        }
    )
    return head[:-1] + b',"symbols":' + known + b"}"


def _symbol(instrument: Instrument) -> dict[str, Any]:
    step, tick = plain(instrument.qty_step), plain(instrument.tick)
    up, down = plain(1 + instrument.band), plain(1 - instrument.band)
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": instrument.price_scale,
        "quantityPrecision": instrument.qty_scale,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": plain(instrument.band),
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": plain(instrument.tick * 10_000_000),
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": step,
                "maxQty": plain(instrument.max_qty),
                "stepSize": step,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": step,
                "maxQty": plain(instrument.max_market_qty),
                "stepSize": step,
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": up,
                "multiplierDown": down,
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def premium_index(call: Call) -> object:
    """GET /fapi/v1/premiumIndex: mark prices."""
    now = call.market.time_ms()
    next_funding = (now // 28_800_000 + 1) * 28_800_000

    def row(symbol: str, price: Decimal) -> dict[str, Any]:
        text = money(price)
        return {
            "symbol": symbol,
            "markPrice": text,
            "indexPrice": text,
            "estimatedSettlePrice": text,
            "lastFundingRate": "0.00010000",
            "interestRate": "0.00010000",
            "nextFundingTime": next_funding,
            "time": now,
        }

    return _one_or_all(call, row)


def ticker_price(call: Call) -> object:
    """GET /fapi/v1 and v2/ticker/price."""
    now = call.market.time_ms()
    return _one_or_all(call, lambda symbol, price: {"symbol": symbol, "price": plain(price), "time": now})


def book_ticker(call: Call) -> object:
    """GET /fapi/v1/ticker/bookTicker: bid and ask stand at the one price."""
    now = call.market.time_ms()

    def row(symbol: str, price: Decimal) -> dict[str, Any]:
        text = plain(price)
        qty = plain(call.market.instruments[symbol].max_market_qty)
        return {"symbol": symbol, "bidPrice": text, "bidQty": qty, "askPrice": text, "askQty": qty, "time": now}

    return _one_or_all(call, row)


def ticker_24h(call: Call) -> object:
    """GET /fapi/v1/ticker/24hr: no change, no volume."""
    now = call.market.time_ms()

    def row(symbol: str, price: Decimal) -> dict[str, Any]:
        text = plain(price)
        zero = {"priceChange": "0", "priceChangePercent": "0", "volume": "0", "quoteVolume": "0", "lastQty": "0"}
        same = {"weightedAvgPrice", "lastPrice", "openPrice", "highPrice", "lowPrice"}
        times = {"openTime": now - 86_400_000, "closeTime": now, "firstId": 0, "lastId": 0, "count": 0}
        return {"symbol": symbol, **zero, **dict.fromkeys(sorted(same), text), **times}

    return _one_or_all(call, row)


def depth(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/depth: one level a side, at the one price."""
    instrument = call.market.instrument(call.params.get("symbol", ""))
    now = call.market.time_ms()
    level = [[plain(call.market.prices[instrument.symbol]), plain(instrument.max_market_qty)]]
    return {"lastUpdateId": now, "E": now, "T": now, "bids": level, "asks": level}


def klines(call: Call) -> list[list[Any]]:
    """GET /fapi/v1/klines and its kin: one candle, flat at the price."""
    instrument = call.market.instrument(call.params.get("symbol", "") or call.params.get("pair", ""))
    text = plain(call.market.prices[instrument.symbol])
    opened = call.market.time_ms() // 60_000 * 60_000
    return [[opened, text, text, text, text, "0", opened + 59_999, "0", 0, "0", "0", "0"]]


def funding_rate(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/fundingRate: the last one."""
    instrument = call.market.instrument(call.params.get("symbol") or "BTCUSDT")
    at = call.market.time_ms() // 28_800_000 * 28_800_000
    mark = money(call.market.prices[instrument.symbol])
    return [{"symbol": instrument.symbol, "fundingTime": at, "fundingRate": "0.00010000", "markPrice": mark}]


def trades(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/trades: there is no public tape."""
    call.market.instrument(call.params.get("symbol", ""))
    return []


def open_interest(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/openInterest: the sum of the long positions here."""
    instrument = call.market.instrument(call.params.get("symbol", ""))
    total = sum(
        (p.qty for a in call.market.accounts.values() for p in a.positions.values() if p.symbol == instrument.symbol),
        Decimal(0),
    )
    return {"symbol": instrument.symbol, "openInterest": plain(abs(total)), "time": call.market.time_ms()}


def spot_coins(_call: Call) -> list[dict[str, Any]]:
    """GET /sapi/v1/capital/config/getall: USDT only."""
    return [
        {
            "coin": "USDT",
            "depositAllEnable": True,
            "withdrawAllEnable": True,
            "name": "TetherUS",
            "free": "0",
            "locked": "0",
            "freeze": "0",
            "trading": True,
            "isLegalMoney": False,
            "networkList": [],
        }
    ]


def margin_pairs(_call: Call) -> list[dict[str, Any]]:
    """GET /sapi/v1/margin/allPairs: none."""
    return []


def _one_or_all(call: Call, row: Any) -> object:
    symbol = call.params.get("symbol")
    if symbol:
        call.market.instrument(symbol)
        return row(symbol, call.market.prices[symbol])
    return [row(name, price) for name, price in call.market.prices.items()]

"""CCXT's and pybit's own classes, pointed at the simulator, place and protect orders."""

import asyncio
from typing import Any

import ccxt
import ccxt.async_support as ccxt_async
import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from simexchange import Simulator

from .clients import Control


def _point(exchange: Any, base: str) -> Any:
    """Replace scheme and host of every URL, as anyone with a local exchange would."""
    for name, url in exchange.urls["api"].items():
        if isinstance(url, str):
            path = url.split("/", 3)[3] if url.count("/") > 2 else ""
            exchange.urls["api"][name] = f"{base}/{path}".rstrip("/")
    return exchange


async def test_ccxt_binance_places_an_order_and_its_stop(simulator: Simulator, control: Control) -> None:
    account = await control.account("binance")
    keys = {"apiKey": account["api_key"], "secret": account["api_secret"]}
    exchange = _point(ccxt_async.binanceusdm(keys), simulator.urls["binance"]["mainnet"])
    try:
        markets = await exchange.load_markets()
        assert markets["BTC/USDT:USDT"]["limits"]["cost"]["min"] == 100
        entry = await exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
        assert (entry["status"], entry["filled"], entry["average"]) == ("closed", 0.01, 110000)
        stop = await exchange.create_order(
            "BTC/USDT:USDT", "market", "sell", 0.01, None, {"stopLossPrice": 108000, "reduceOnly": True}
        )
        assert stop["id"]
        (position,) = await exchange.fetch_positions(["BTC/USDT:USDT"])
        assert position["contracts"] == 0.01
        assert (await exchange.fetch_balance())["USDT"]["total"] < 1000
        resting = await exchange.create_order("BTC/USDT:USDT", "limit", "buy", 0.01, 108500)
        assert [order["id"] for order in await exchange.fetch_open_orders("BTC/USDT:USDT")] == [resting["id"]]
        await exchange.cancel_order(resting["id"], "BTC/USDT:USDT")
        with pytest.raises(ccxt.ExchangeError, match="-2019"):
            await exchange.create_order("BTC/USDT:USDT", "market", "buy", 10)
    finally:
        await exchange.close()
    (held,) = (await control.send("GET", "/positions"))["positions"]
    assert held["protected"] is True


async def test_ccxt_bybit_places_an_order_with_stop_and_target(simulator: Simulator, control: Control) -> None:
    account = await control.account("bybit")
    keys = {"apiKey": account["api_key"], "secret": account["api_secret"]}
    exchange = ccxt_async.bybit(keys)
    _point(exchange, simulator.urls["bybit"]["mainnet"])
    try:
        await exchange.load_markets()
        params = {"stopLoss": {"triggerPrice": 108000}, "takeProfit": {"triggerPrice": 115000}}
        made = await exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.01, None, params)
        (position,) = await exchange.fetch_positions(["BTC/USDT:USDT"])
        assert (position["contracts"], position["stopLossPrice"], position["takeProfitPrice"]) == (0.01, 108000, 115000)
        order = await exchange.fetch_closed_order(made["id"], "BTC/USDT:USDT")
        assert (order["status"], order["filled"]) == ("closed", 0.01)
        assert (await exchange.fetch_balance())["USDT"]["total"] < 1000
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.create_order("BTC/USDT:USDT", "market", "buy", 10)
    finally:
        await exchange.close()
    (held,) = (await control.send("GET", "/positions"))["positions"]
    assert held["protected"] is True


async def test_pybit_creates_shows_and_protects(simulator: Simulator, control: Control) -> None:
    account = await control.account("bybit")

    def trade() -> None:
        client = HTTP(api_key=account["api_key"], api_secret=account["api_secret"])
        client.endpoint = simulator.urls["bybit"]["mainnet"]
        order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market"}
        with client.client:
            client.place_order(**order, qty="0.01", orderLinkId="p1")
            (found,) = client.get_open_orders(category="linear", orderLinkId="p1")["result"]["list"]
            assert found["orderStatus"] == "Filled"
            client.set_trading_stop(category="linear", symbol="BTCUSDT", stopLoss="108000", positionIdx=0)
            (held,) = client.get_positions(category="linear", symbol="BTCUSDT")["result"]["list"]
            assert (held["size"], held["stopLoss"]) == ("0.01", "108000")
            with pytest.raises(InvalidRequestError, match="34040"):
                client.set_trading_stop(category="linear", symbol="BTCUSDT", stopLoss="108000", positionIdx=0)
            with pytest.raises(InvalidRequestError, match="110072"):
                client.place_order(**order, qty="0.01", orderLinkId="p1")
            batch = client.place_batch_order(category="linear", request=[{**order, "qty": "0.01"}, {**order, "qty": "9"}])
            assert [fate["code"] for fate in batch["retExtInfo"]["list"]] == [0, 110007]

    await asyncio.to_thread(trade)

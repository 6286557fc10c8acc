"""Modes, leverage, margin and queries at both faces (docs: the venues' account and position pages, 2026)."""

from typing import Any

from .clients import Control
from .conftest import MakeBinance, MakeBybit


async def test_binance_hedge_mode_keeps_two_positions(binance: MakeBinance) -> None:
    client = await binance(hedge=True, balance="100000")
    assert (await client.market("BUY", "0.01")).body["code"] == -4061
    assert (await client.market("BUY", "0.01", positionSide="LONG")).status == 200
    assert (await client.market("SELL", "0.02", positionSide="SHORT")).status == 200
    rows = (await client.send("GET", "/fapi/v3/positionRisk")).body
    assert {row["positionSide"]: row["positionAmt"] for row in rows} == {"LONG": "0.01", "SHORT": "-0.02"}
    assert (await client.market("SELL", "0.05", positionSide="LONG")).body["code"] == -2022
    reduce = await client.market("SELL", "0.01", positionSide="LONG", reduceOnly="true")
    assert reduce.body["code"] == -1106
    assert (await client.stop("108000", positionSide="LONG")).status == 200
    assert (await client.stop("113000", side="BUY", positionSide="SHORT")).status == 200
    assert (await client.stop("113000", side="BUY", positionSide="LONG")).body["code"] == -4061
    assert (await client.market("SELL", "0.01", positionSide="LONG")).status == 200
    resting = (await client.send("GET", "/fapi/v1/openAlgoOrders")).body
    assert [row["positionSide"] for row in resting] == ["SHORT"]


async def test_binance_position_mode_changes_only_when_nothing_is_open(binance: MakeBinance) -> None:
    client = await binance()

    async def switch(dual: str) -> Any:
        return (await client.send("POST", "/fapi/v1/positionSide/dual", dualSidePosition=dual)).body["code"]

    assert await switch("false") == -4059
    limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "108000"}
    order = await client.order(**limit, quantity="0.01")
    assert await switch("true") == -4067
    await client.send("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=order.body["orderId"])
    await client.market("BUY", "0.01")
    assert await switch("true") == -4068
    await client.market("SELL", "0.01", reduceOnly="true")
    assert await switch("true") == 200
    assert (await client.send("GET", "/fapi/v1/positionSide/dual")).body == {"dualSidePosition": True}


async def test_binance_leverage_and_margin_type(binance: MakeBinance) -> None:
    client = await binance()
    lever = await client.send("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    assert lever.body["leverage"] == 50
    assert (await client.send("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=500)).body["code"] == -4028
    margin = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    assert (await client.send("POST", "/fapi/v1/marginType", **margin)).body["code"] == 200
    assert (await client.send("POST", "/fapi/v1/marginType", **margin)).body["code"] == -4046
    (config,) = (await client.send("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")).body
    assert (config["leverage"], config["marginType"]) == (50, "ISOLATED")


async def test_binance_limit_order_rests_fills_amends_and_cancels(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "109000"}
    made = (await client.order(**limit, timeInForce="GTC")).body
    moved = await client.send(
        "PUT", "/fapi/v1/order", symbol="BTCUSDT", orderId=made["orderId"], side="BUY", quantity="0.02", price="108000"
    )
    assert (moved.body["price"], moved.body["origQty"]) == ("108000", "0.02")
    assert await control.price("BTCUSDT", "108500") == 0
    assert await control.price("BTCUSDT", "108000") == 1
    (trade,) = (await client.send("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")).body
    assert (trade["price"], trade["qty"], trade["maker"]) == ("108000", "0.02", True)
    assert (await client.order(**limit, timeInForce="GTX")).body["status"] == "EXPIRED"
    assert (await client.order(**{**limit, "price": "150000"}, timeInForce="GTC")).body["code"] == -4016


async def test_binance_batch_orders_stand_alone(binance: MakeBinance) -> None:
    client = await binance()
    batch = (
        '[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"0.01"},'
        '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"9"}]'
    )
    answer = await client.send("POST", "/fapi/v1/batchOrders", batchOrders=batch)
    assert answer.status == 200
    assert answer.body[0]["symbol"] == "BTCUSDT"
    assert answer.body[1]["code"] == -2019
    assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "5"
    assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "1"


async def test_binance_sized_reduce_only_stop_outlives_the_position(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    sized = {"quantity": "0.01", "reduceOnly": "true", "clientAlgoId": "s1"}
    assert (await client.algo("STOP_MARKET", "SELL", "108000", **sized)).status == 200
    await client.market("SELL", "0.01", reduceOnly="true")
    (row,) = (await client.send("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT")).body
    assert row["algoStatus"] == "NEW"
    await control.price("BTCUSDT", "107000")
    assert (await client.send("GET", "/fapi/v1/algoOrder", clientAlgoId="s1")).body["algoStatus"] == "REJECTED"
    assert await client.position() == "0"


async def test_binance_profit_and_fee_reach_the_balance(binance: MakeBinance, control: Control) -> None:
    client = await binance(balance="1000")
    await client.market("BUY", "0.01")
    await control.price("BTCUSDT", "111000")
    (row,) = (await client.send("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")).body
    assert (row["unRealizedProfit"], row["leverage"], row["marginType"]) == ("10.00000000", "20", "cross")
    await client.market("SELL", "0.01", reduceOnly="true")
    (row,) = (await client.send("GET", "/fapi/v3/balance")).body
    # 1000 + 10 profit - 0.05 % of 1100 and of 1110
    assert row["balance"] == "1008.89500000"
    assert (await client.send("GET", "/fapi/v3/account")).body["availableBalance"] == row["balance"]


async def test_bybit_hedge_mode(bybit: MakeBybit) -> None:
    client = await bybit(balance="100000")
    assert (await client.post("/v5/position/switch-mode", coin="USDT", mode=3))["retCode"] == 0
    assert (await client.create())["retMsg"] == "position idx not match position mode"
    assert (await client.create(positionIdx=1, stopLoss="108000"))["retCode"] == 0
    assert (await client.create("Sell", positionIdx=2, stopLoss="112000"))["retCode"] == 0
    rows = (await client.get("/v5/position/list", symbol="BTCUSDT"))["result"]["list"]
    assert [(r["positionIdx"], r["side"], r["stopLoss"]) for r in rows] == [(1, "Buy", "108000"), (2, "Sell", "112000")]
    assert (await client.create("Sell", positionIdx=1, reduceOnly=True))["retCode"] == 0
    rows = (await client.get("/v5/position/list", symbol="BTCUSDT"))["result"]["list"]
    assert [(r["size"], r["stopLoss"]) for r in rows] == [("0", ""), ("0.01", "112000")]


async def test_bybit_conditional_order_triggers_under_its_own_id(bybit: MakeBybit, control: Control) -> None:
    client = await bybit(balance="100000")
    made = await client.create(triggerPrice="112000", triggerDirection=1, orderLinkId="c1")
    (row,) = await client.realtime(orderLinkId="c1")
    assert (row["orderStatus"], row["stopOrderType"]) == ("Untriggered", "Stop")
    await control.price("BTCUSDT", "112500")
    (row,) = await client.realtime(orderId=made["result"]["orderId"])
    assert (row["orderStatus"], row["avgPrice"], row["orderLinkId"]) == ("Filled", "112500", "c1")
    assert (await client.create(orderLinkId="c1"))["retCode"] == 110072


async def test_bybit_amend_cancel_and_what_is_gone(bybit: MakeBybit) -> None:
    client = await bybit()
    await client.create(orderType="Limit", price="108000", orderLinkId="l1")
    key = {"symbol": "BTCUSDT", "orderLinkId": "l1"}
    assert (await client.post("/v5/order/amend", **key, price="107000"))["retCode"] == 0
    (row,) = await client.realtime(**key)
    assert (row["price"], row["orderStatus"]) == ("107000", "New")
    assert (await client.post("/v5/order/cancel", **key))["retCode"] == 0
    assert (await client.post("/v5/order/cancel", **key))["retCode"] == 110001
    (row,) = await client.realtime(**key)
    assert (row["orderStatus"], row["cancelType"]) == ("Cancelled", "CancelByUser")
    assert await client.realtime(symbol="BTCUSDT") == []


async def test_bybit_fills_and_closed_profit(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    await client.create(orderLinkId="e1")
    await control.price("BTCUSDT", "111000")
    await client.create("Sell", reduceOnly=True, qty="0", closeOnTrigger=True)
    (fill,) = (await client.get("/v5/execution/list", orderLinkId="e1"))["result"]["list"]
    assert (fill["execPrice"], fill["execQty"], fill["execFee"]) == ("110000", "0.01", "0.605")
    (closed,) = (await client.get("/v5/position/closed-pnl", symbol="BTCUSDT"))["result"]["list"]
    assert (closed["avgEntryPrice"], closed["avgExitPrice"], closed["closedSize"]) == ("110000", "111000", "0.01")
    wallet = (await client.get("/v5/account/wallet-balance", accountType="UNIFIED"))["result"]["list"][0]
    assert wallet["totalWalletBalance"] == "1008.7845"  # 1000 + 10 - 0.605 - 0.6105


async def test_bybit_instruments_come_in_pages(bybit: MakeBybit) -> None:
    client = await bybit()
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await client.get("/v5/market/instruments-info", cursor=cursor))["result"]
        seen += [row["symbol"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 520


async def test_binance_instruments_carry_their_filters(binance: MakeBinance) -> None:
    client = await binance()
    info = (await client.send("GET", "/fapi/v1/exchangeInfo", signed=False)).body
    assert len(info["symbols"]) == 500
    btc = next(row for row in info["symbols"] if row["symbol"] == "BTCUSDT")
    filters = {one["filterType"]: one for one in btc["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.10"
    assert filters["LOT_SIZE"]["stepSize"] == "0.001"
    assert filters["MIN_NOTIONAL"]["notional"] == "100"
    assert {"MARKET_LOT_SIZE", "PERCENT_PRICE", "MAX_NUM_ORDERS"} <= set(filters)

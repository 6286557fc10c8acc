"""Orders at the Bybit face (docs: v5 Place Order, Get Open & Closed Orders, Set Trading Stop, error codes; 2026)."""

from typing import Any

import pytest

from .clients import Bybit, Control
from .conftest import MakeBybit


async def test_create_acknowledges_and_the_children_show_the_protection(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    made = await client.create(stopLoss="108000", takeProfit="115000", tpslMode="Full", orderLinkId="e1")
    assert made["retCode"] == 0
    assert set(made["result"]) == {"orderId", "orderLinkId"}
    (entry,) = await client.realtime(symbol="BTCUSDT", orderLinkId="e1")
    assert (entry["orderStatus"], entry["cumExecQty"], entry["avgPrice"]) == ("Filled", "0.01", "110000")
    held = await client.position()
    assert (held["side"], held["size"], held["stopLoss"], held["takeProfit"]) == ("Buy", "0.01", "108000", "115000")
    children = await client.realtime(symbol="BTCUSDT")
    shown = {(c["stopOrderType"], c["orderStatus"], c["parentOrderLinkId"], c["orderLinkId"]) for c in children}
    assert shown == {("StopLoss", "Untriggered", "e1", ""), ("TakeProfit", "Untriggered", "e1", "")}
    assert await control.price("BTCUSDT", "115100") == 1
    assert (await client.position())["size"] == "0"
    closed = {c["stopOrderType"]: c for c in (await client.get("/v5/order/history"))["result"]["list"]}
    assert closed["TakeProfit"]["orderStatus"] == "Filled"
    assert closed["StopLoss"]["cancelType"] == "CancelByOCOSlCanceledByTpTriggered"
    (episode,) = await control.episodes()
    assert episode["unprotected_s"] < 0.01
    assert episode["closed_by"] == "target"


async def test_closing_by_hand_clears_the_children(bybit: MakeBybit) -> None:
    client = await bybit()
    await client.create(stopLoss="108000")
    await client.create("Sell", reduceOnly=True)
    (child,) = [c for c in (await client.get("/v5/order/history"))["result"]["list"] if c["stopOrderType"]]
    assert (child["orderStatus"], child["cancelType"]) == ("Cancelled", "CancelByTpSlTsClear")


async def test_link_id_is_never_reusable(bybit: MakeBybit) -> None:
    client = await bybit()
    await client.create(orderLinkId="same")
    assert (await client.create(orderLinkId="same"))["retCode"] == 110072
    assert (await client.position())["size"] == "0.01"


@pytest.mark.parametrize(
    ("code", "text", "params"),
    [
        (110007, "ab not enough", {"qty": "1"}),
        (110094, "minimum order value", {"symbol": "XRPUSDT", "qty": "1"}),
        (10001, "Qty invalid", {"qty": "0.0105"}),
        (10001, "symbol invalid", {"symbol": "NOPEUSDT"}),
        (10001, "position idx not match position mode", {"positionIdx": 1}),
        (10001, "StopLoss:1111000000 set for Buy position should lower", {"stopLoss": "111100"}),
        (10001, "TakeProfit:1000000000 set for Buy position should higher", {"takeProfit": "100000"}),
        (110017, "current position is zero", {"reduceOnly": True, "side": "Sell"}),
        (10001, "order link id is longer than 45", {"orderLinkId": "x" * 46}),
        (10001, "TriggerDirection invalid", {"triggerPrice": "120000"}),
        (110092, "expect Rising", {"triggerPrice": "100000", "triggerDirection": 1}),
        (110093, "expect Falling", {"triggerPrice": "120000", "triggerDirection": 2}),
    ],
)
async def test_refusals(bybit: MakeBybit, code: int, text: str, params: dict[str, Any]) -> None:
    client = await bybit(balance="100")
    made = await client.create(**params)
    assert (made["retCode"], text in made["retMsg"]) == (code, True), made


async def test_trading_stop_sets_and_says_when_nothing_changes(bybit: MakeBybit) -> None:
    client = await bybit()
    stop = {"symbol": "BTCUSDT", "stopLoss": "108000", "tpslMode": "Full", "positionIdx": 0}
    early = await client.post("/v5/position/trading-stop", **stop)
    assert (early["retCode"], early["retMsg"]) == (10001, "can not set tp/sl/ts for zero position")
    await client.create()
    assert (await client.post("/v5/position/trading-stop", **stop))["retCode"] == 0
    assert (await client.post("/v5/position/trading-stop", **stop))["retCode"] == 34040
    assert (await client.position())["stopLoss"] == "108000"
    await client.post("/v5/position/trading-stop", **{**stop, "stopLoss": "0"})
    assert (await client.position())["stopLoss"] == ""


async def test_key_time_and_signature_are_checked(bybit: MakeBybit) -> None:
    client = await bybit()
    codes = []
    for key, secret, skew in (
        (client.key, "wrong", 0),
        ("nobody", client.secret, 0),
        (client.key, client.secret, -6000),
        (client.key, client.secret, 2000),
    ):
        one = Bybit(client.url, key, secret, client.session, skew_ms=skew)
        codes.append((await one.get("/v5/account/wallet-balance", accountType="UNIFIED"))["retCode"])
    assert codes == [10004, 10003, 10002, 10002]


async def test_settings_say_when_nothing_changes(bybit: MakeBybit) -> None:
    client = await bybit()
    lever = {"symbol": "BTCUSDT", "buyLeverage": "10", "sellLeverage": "10"}
    assert (await client.post("/v5/position/set-leverage", **lever))["retCode"] == 0
    assert (await client.post("/v5/position/set-leverage", **lever))["retCode"] == 110043
    assert (await client.post("/v5/position/switch-mode", coin="USDT", mode=0))["retCode"] == 110025
    await client.create()
    assert (await client.post("/v5/position/switch-mode", coin="USDT", mode=3))["retCode"] == 110024

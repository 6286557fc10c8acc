"""Orders at the Binance face (docs: USDⓈ-M futures, New Order, New Algo Order, error codes; 2026)."""

import pytest

from .clients import Binance, Control
from .conftest import MakeBinance


async def test_market_order_answers_with_its_fill_when_asked_for_the_result(binance: MakeBinance) -> None:
    client = await binance()
    answer = await client.market("BUY", "0.010", newClientOrderId="entry-1")
    assert answer.status == 200
    assert answer.body["status"] == "FILLED"
    assert answer.body["executedQty"] == "0.010"
    assert answer.body["avgPrice"] == "110000"
    assert answer.body["cumQuote"] == "1100.000"
    assert answer.body["clientOrderId"] == "entry-1"
    assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    assert await client.position() == "0.010"


async def test_acknowledgement_tells_of_no_fill(binance: MakeBinance) -> None:
    client = await binance()
    answer = await client.market("BUY", "0.010", newOrderRespType=None)
    assert (answer.body["status"], answer.body["executedQty"]) == ("NEW", "0")
    found = await client.send("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=answer.body["orderId"])
    assert found.body["status"] == "FILLED"


async def test_signature_in_form_body_is_as_good(binance: MakeBinance) -> None:
    client = await binance()
    answer = await client.order(in_body=True, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    assert answer.status == 200


async def test_filled_client_id_may_be_used_again_and_executes_twice(binance: MakeBinance) -> None:
    client = await binance(balance="100000")
    for _ in range(2):
        assert (await client.market("BUY", "0.01", newClientOrderId="same")).status == 200
    assert await client.position() == "0.02"


async def test_open_client_id_is_refused(binance: MakeBinance) -> None:
    client = await binance()
    resting = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "108000"}
    assert (await client.order(**resting, timeInForce="GTC", newClientOrderId="same")).body["status"] == "NEW"
    answer = await client.order(**resting, timeInForce="GTC", newClientOrderId="same")
    assert (answer.status, answer.body["code"]) == (400, -4116)


async def test_stop_and_target_rest_and_the_sibling_expires(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01", newClientOrderId="e1")
    stop = await client.stop("108000", clientAlgoId="s1")
    target = await client.target("115000", clientAlgoId="t1")
    assert (stop.body["algoStatus"], target.body["algoStatus"]) == ("NEW", "NEW")
    assert stop.body["timeInForce"] == "GTE_GTC"
    assert await control.price("BTCUSDT", "107990") == 1
    assert await client.position() == "0"
    fired = (await client.send("GET", "/fapi/v1/algoOrder", clientAlgoId="s1")).body
    assert fired["algoStatus"] == "FINISHED"
    child = (await client.send("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=fired["actualOrderId"])).body
    assert (child["status"], child["clientOrderId"], child["origType"]) == ("FILLED", "s1", "STOP_MARKET")
    assert (await client.send("GET", "/fapi/v1/algoOrder", clientAlgoId="t1")).body["algoStatus"] == "EXPIRED"
    assert (await client.send("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT")).body == []


@pytest.mark.parametrize(
    ("code", "params"),
    [
        (-1121, {"symbol": "NOPEUSDT"}),
        (-1117, {"side": "UP"}),
        (-1116, {"type": "ICEBERG"}),
        (-4120, {"type": "STOP_MARKET"}),
        (-1102, {"quantity": None}),
        (-1111, {"quantity": "0.0105"}),
        (-4003, {"quantity": "0"}),
        (-4005, {"quantity": "1000000"}),
        (-4164, {"quantity": "1", "symbol": "XRPUSDT"}),
        (-2019, {"quantity": "1"}),
        (-2022, {"reduceOnly": "true", "side": "SELL"}),
        (-4061, {"positionSide": "LONG"}),
        (-4015, {"newClientOrderId": "x" * 37}),
        (-1100, {"newClientOrderId": "a b"}),
        (-1100, {"quantity": "NaN"}),
    ],
)
async def test_refusals(binance: MakeBinance, code: int, params: dict[str, str | None]) -> None:
    client = await binance(balance="100")
    base = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    answer = await client.order(**{**base, **params})
    assert (answer.status, answer.body["code"]) == (400, code), answer.body
    assert await client.position() == "0"


async def test_algo_refusals(binance: MakeBinance) -> None:
    client = await binance(balance="100000")
    assert (await client.stop("108000")).body["code"] == -4509
    await client.market("BUY", "0.01")
    assert (await client.stop("111000")).body["code"] == -2021
    assert (await client.target("109000")).body["code"] == -2021
    assert (await client.stop("108000", clientAlgoId="s")).status == 200
    assert (await client.stop("107000")).body["code"] == -4130
    assert (await client.target("115000", quantity="0.01")).body["code"] == -4137
    sized = await client.algo("STOP_MARKET", "SELL", "107000", quantity="0.01", reduceOnly="true", clientAlgoId="s")
    assert sized.body["code"] == -4116
    assert (await client.send("POST", "/fapi/v1/algoOrder", symbol="BTCUSDT")).body["code"] == -1102
    assert (await client.send("GET", "/fapi/v1/algoOrder", clientAlgoId="none")).body["code"] == -2013
    assert (await client.send("DELETE", "/fapi/v1/algoOrder", clientAlgoId="none")).body["code"] == -2011
    gone = (await client.send("DELETE", "/fapi/v1/algoOrder", clientAlgoId="s")).body
    assert (gone["code"], gone["msg"]) == ("200", "success")


async def test_key_time_and_signature_are_checked(binance: MakeBinance) -> None:
    client = await binance()
    wrong = Binance(client.url, client.key, "wrong", client.session)
    unknown = Binance(client.url, "nobody", client.secret, client.session)
    keyless = Binance(client.url, "", client.secret, client.session)
    late = Binance(client.url, client.key, client.secret, client.session, skew_ms=-6000)
    early = Binance(client.url, client.key, client.secret, client.session, skew_ms=2000)
    seen = [
        ((answer := await one.send("GET", "/fapi/v3/balance")).status, answer.body["code"])
        for one in (wrong, unknown, keyless, late, early)
    ]
    assert seen == [(400, -1022), (401, -2015), (401, -2014), (400, -1021), (400, -1021)]


async def test_reduce_only_closes_no_more_than_there_is(binance: MakeBinance) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    answer = await client.market("SELL", "0.05", reduceOnly="true")
    assert (answer.body["executedQty"], await client.position()) == ("0.01", "0")


async def test_ledger_and_protection_tell_the_story(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01", newClientOrderId="e1")
    await client.stop("108000", clientAlgoId="s1")
    await control.price("BTCUSDT", "107000")
    entries = await control.ledger()
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    told = [(entry["event"], entry["kind"], entry["client_order_id"]) for entry in entries]
    assert told == [
        ("accepted", "market", "e1"),
        ("filled", "market", "e1"),
        ("accepted", "stop", "s1"),
        ("triggered", "stop", "s1"),
        ("filled", "stop", "s1"),
    ]
    (episode,) = await control.episodes()
    assert episode["opened_by"] == "e1"
    assert (episode["closed_by"], episode["closed_by_client_order_id"]) == ("stop", "s1")
    assert 0 < episode["unprotected_s"] < 1
    assert episode["opened_at"] < episode["stop_resting_at"] < episode["closed_at"]

"""Every fault, at both faces: what the client sees, and what the ledger says was really done."""

import time
from typing import Any

import aiohttp
import pytest

from .clients import Answer, Binance, Bybit, Control
from .conftest import MakeBinance, MakeBybit


async def _accepted(control: Control) -> int:
    return sum(entry["event"] == "accepted" for entry in await control.ledger())


async def _no_limits(control: Control) -> None:
    """Let a test ask again and again."""
    names = ("binance_ip_weight_1m", "binance_orders_10s", "binance_orders_1m", "bybit_ip_per_5s")
    await control.send("POST", "/limits", dict.fromkeys((*names, "bybit_uid_reads_per_s", "bybit_uid_writes_per_s")))


async def _binance_order(client: Binance, **params: Any) -> Answer:
    return await client.market("BUY", "0.01", **params)


@pytest.mark.parametrize("kind", ["accept_then_hang", "accept_then_reset"])
async def test_accepted_but_never_told(binance: MakeBinance, bybit: MakeBybit, control: Control, kind: str) -> None:
    await control.fault(kind, count=2)
    for client in (await binance(), await bybit()):
        client.timeout_s = 0.5
        order = _binance_order(client) if isinstance(client, Binance) else client.create()
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            await order
    assert await _accepted(control) == 2


async def test_accepted_then_unknown_error(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    await control.fault("accept_then_500")
    one, two = await binance(), await bybit()
    answer = await _binance_order(one)
    assert answer.status == 503
    assert answer.body["msg"] == "Unknown error, please check your request or try again later."
    status = await two.send(
        "POST",
        "/v5/order/create",
        category="linear",
        symbol="BTCUSDT",
        side="Buy",
        orderType="Market",
        qty="0.01",
    )
    assert status.status == 500
    assert await _accepted(control) == 2


async def test_a_refused_order_keeps_its_reply(binance: MakeBinance, control: Control) -> None:
    await control.fault("accept_then_hang", count=1)
    client = await binance(balance="1")
    assert (await _binance_order(client)).body["code"] == -2019
    (rule,) = (await control.send("GET", "/faults"))["rules"]
    assert (rule["seen"], rule["hits"]) == (1, 0)


async def test_reset_before_accept_does_nothing(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await control.fault("reset_before_accept", path="/fapi/v1/order", method="POST")
    with pytest.raises(aiohttp.ClientError):
        await _binance_order(client)
    assert await _accepted(control) == 0


async def test_definite_failure_says_so(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    await control.fault("definite_503", method="POST")
    one, two = await binance(), await bybit()
    answer = await _binance_order(one)
    assert (answer.status, answer.body) == (503, "Service Unavailable.")
    assert (await two.create())["retCode"] == 429
    assert await _accepted(control) == 0


async def test_rate_limit_and_ban(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    one, two = await binance(), await bybit()
    await control.fault("rate_limit_429", count=2, retry_after_s=3)
    answer = await _binance_order(one)
    assert (answer.status, answer.body["code"], answer.headers["Retry-After"]) == (429, -1003, "3")
    assert (await two.create())["retCode"] == 10006
    await control.send("DELETE", "/faults")
    await control.fault("ban_418", count=2, retry_after_s=60)
    answer = await _binance_order(one)
    assert (answer.status, answer.body["code"]) == (418, -1003)
    assert "banned until" in answer.body["msg"]
    assert (await _binance_order(one)).status == 418  # the ban outlasts the rule
    assert (await two.send("GET", "/v5/market/time", signed=False)).status == 403


async def test_rejected_stop(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    await control.fault("reject_stop")
    one, two = await binance(), await bybit()
    await _binance_order(one)
    assert (await one.stop("108000")).body["code"] == -2021
    assert (await two.create(stopLoss="108000"))["retCode"] == 10001
    assert (await two.position())["size"] == "0"
    await two.create()
    stop = await two.post("/v5/position/trading-stop", symbol="BTCUSDT", stopLoss="108000", positionIdx=0)
    assert stop["retCode"] == 10001


async def test_partial_fill(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    await control.fault("partial_fill", fraction="0.4")
    one, two = await binance(), await bybit()
    answer = await _binance_order(one)
    assert (answer.body["status"], answer.body["executedQty"], answer.body["origQty"]) == ("EXPIRED", "0.004", "0.01")
    await two.create(orderLinkId="part", stopLoss="108000")
    (order,) = await two.realtime(orderLinkId="part")
    assert (order["orderStatus"], order["cumExecQty"]) == ("Cancelled", "0.004")
    assert order["rejectReason"] == "EC_NoImmediateQtyToFill"
    assert (await two.position())["stopLoss"] == "108000"


async def test_position_not_visible_for_a_while(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    await control.fault("position_not_visible", delay_ms=300)
    await _no_limits(control)
    one, two = await binance(), await bybit()
    await _binance_order(one)
    assert (await one.stop("108000")).body["code"] == -4509
    assert await one.position() == "0"
    await two.create()
    assert (await two.position())["size"] == "0"
    stop = {"symbol": "BTCUSDT", "stopLoss": "108000", "positionIdx": 0}
    assert (await two.post("/v5/position/trading-stop", **stop))["retMsg"] == "can not set tp/sl/ts for zero position"
    deadline = time.monotonic() + 5
    while (await one.stop("108000")).body.get("code") == -4509:
        assert time.monotonic() < deadline
    assert await one.position() == "0.01"


async def test_order_not_visible_for_a_while(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    await control.fault("order_not_visible", delay_ms=300)
    await _no_limits(control)
    one, two = await binance(), await bybit()
    await _binance_order(one, newClientOrderId="e")
    await one.stop("108000", clientAlgoId="s")
    await two.create(orderLinkId="e")
    query = {"symbol": "BTCUSDT", "origClientOrderId": "e"}
    assert (await one.send("GET", "/fapi/v1/order", **query)).body["code"] == -2013
    assert (await one.send("GET", "/fapi/v1/algoOrder", clientAlgoId="s")).body["code"] == -2013
    assert await two.realtime(orderLinkId="e") == []
    deadline = time.monotonic() + 5
    while (await one.send("GET", "/fapi/v1/order", **query)).status != 200:
        assert time.monotonic() < deadline
    while not await two.realtime(orderLinkId="e"):
        assert time.monotonic() < deadline


async def test_slow_answers_late(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await control.fault("slow", delay_ms=200)
    before = time.monotonic()
    assert (await _binance_order(client)).status == 200
    assert time.monotonic() - before >= 0.2


async def test_one_hung_account_leaves_the_others(binance: MakeBinance, control: Control) -> None:
    hung, other = await binance(label="hung"), await binance()
    (account,) = [a for a in (await control.send("GET", "/accounts"))["accounts"] if a["label"] == "hung"]
    await control.send("POST", f"/accounts/{account['account_id']}", {"hung": True})
    hung.timeout_s = 0.5
    with pytest.raises(TimeoutError):
        await _binance_order(hung)
    assert (await _binance_order(other)).status == 200
    assert await _accepted(control) == 1


async def test_rules_choose_by_account_count_and_luck(binance: MakeBinance, control: Control) -> None:
    one, two = await binance(balance="1000000"), await binance()
    accounts = (await control.send("GET", "/accounts"))["accounts"]
    await control.fault("definite_503", account_id=accounts[0]["account_id"], method="POST", after=1, count=1)
    assert [(await _binance_order(one)).status for _ in range(3)] == [200, 503, 200]
    assert (await _binance_order(two)).status == 200
    await control.send("DELETE", "/faults")
    runs = []
    for _ in range(2):
        await control.send("POST", "/seed", {"seed": 5})
        await control.fault("definite_503", probability=0.5, method="POST")
        runs.append([(await _binance_order(one)).status for _ in range(12)])
        await control.send("DELETE", "/faults")
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


async def test_outage_resets_everything_until_it_ends(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    await control.send("POST", "/outage", {"venue": "bybit", "environment": "mainnet", "seconds": None})
    with pytest.raises(aiohttp.ClientError):
        await client.create()
    await control.send("POST", "/outage", {"venue": "bybit", "seconds": 0})
    assert (await client.create())["retCode"] == 0


async def test_skewed_clock(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    one, two = await binance(), await bybit()
    await control.send("POST", "/clock", {"skew_ms": 60_000})
    assert (await _binance_order(one)).body["code"] == -1021
    assert (await two.create())["retCode"] == 10002
    ahead = (await one.send("GET", "/fapi/v1/time", signed=False)).body["serverTime"] - time.time() * 1000
    assert 55_000 < ahead < 65_000
    one.skew_ms = two.skew_ms = 60_000
    assert (await _binance_order(one)).status == 200
    assert (await two.create())["retCode"] == 0


async def test_price_jumping_over_an_attached_stop_closes_at_the_new_price(bybit: MakeBybit, control: Control) -> None:
    client: Bybit = await bybit(balance="100000")
    await client.create(orderType="Limit", price="109000", stopLoss="108000", timeInForce="GTC")
    assert await control.price("BTCUSDT", "107000") == 2
    assert (await client.position())["size"] == "0"


async def test_a_fault_that_another_forestalls_keeps_its_hit(binance: MakeBinance, control: Control) -> None:
    """Else a ban that may strike once would be used up by a request that was answered "too many"."""
    client = await binance()
    for kind in ("rate_limit_429", "ban_418"):
        await control.fault(kind, path="/fapi/v1/order", method="POST", count=1)
    assert [(await _binance_order(client)).status for _ in range(2)] == [429, 418]
    assert [rule["hits"] for rule in (await control.send("GET", "/faults"))["rules"]] == [1, 1]

"""The venues' limits (docs: Binance futures general info and rate limits; Bybit v5 rate-limit rules; 2026)."""

from .clients import Control
from .conftest import MakeBinance, MakeBybit


async def over_limit(control: Control, venue: str) -> int:
    stats = await control.send("GET", "/stats")
    return int(stats["venues"][venue]["mainnet"]["over_limit"])


async def test_binance_weight_then_ban(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    limits = {"binance_ip_weight_1m": 11, "binance_refusals_before_ban": 2, "binance_ban_s": 60}
    await control.send("POST", "/limits", limits)
    answers = [await client.send("GET", "/fapi/v3/balance") for _ in range(6)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429, 418, 418]
    assert answers[1].headers["X-MBX-USED-WEIGHT-1M"] == "10"
    assert answers[2].body["code"] == -1003
    assert int(answers[2].headers["Retry-After"]) <= 61
    assert await over_limit(control, "binance") == 4


async def test_binance_orders_have_no_weight(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await control.send("POST", "/limits", {"binance_ip_weight_1m": 0})
    assert (await client.market("BUY", "0.01")).status == 200


async def test_binance_order_limit_counts_algo_orders(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await control.send("POST", "/limits", {"binance_orders_1m": 2})
    assert (await client.market("BUY", "0.01")).status == 200
    assert (await client.stop("108000")).headers["X-MBX-ORDER-COUNT-1M"] == "2"
    answer = await client.market("BUY", "0.01")
    assert (answer.status, answer.body["code"]) == (429, -1015)
    assert await over_limit(control, "binance") == 1


async def test_limits_of_the_two_environments_are_apart(binance: MakeBinance, control: Control) -> None:
    one, two = await binance(), await binance("testnet")
    await control.send("POST", "/limits", {"binance_ip_weight_1m": 5})
    assert [(await one.send("GET", "/fapi/v3/balance")).status for _ in range(2)] == [200, 429]
    assert (await two.send("GET", "/fapi/v3/balance")).status == 200


async def test_bybit_address_is_shut_out(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    await control.send("POST", "/limits", {"bybit_ip_per_5s": 3, "bybit_ban_s": 60})
    answers = [await client.send("GET", "/v5/market/time", signed=False) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 403, 403]
    assert "access too frequent" in answers[3].body


async def test_bybit_endpoint_limit_and_its_headers(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    await control.send("POST", "/limits", {"bybit_uid_writes_per_s": 2})
    params = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.001"}
    answers = [await client.send("POST", "/v5/order/create", **params) for _ in range(3)]
    assert [answer.body["retCode"] for answer in answers] == [0, 0, 10006]
    assert answers[0].headers["X-Bapi-Limit"] == "2"
    assert answers[0].headers["X-Bapi-Limit-Status"] == "1"
    assert int(answers[0].headers["X-Bapi-Limit-Reset-Timestamp"]) > 0
    assert {"Timenow", "Traceid"} <= set(answers[0].headers)


async def test_bybit_batch_counts_each_order(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    await control.send("POST", "/limits", {"bybit_uid_writes_per_s": 2})
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.001"}
    answer = await client.post("/v5/order/create-batch", request=[order] * 3)
    assert answer["retCode"] == 10006


async def test_ip_whitelist(binance: MakeBinance, bybit: MakeBybit) -> None:
    one, two = await binance(ip_whitelist=["10.0.0.1"]), await bybit(ip_whitelist=["10.0.0.1"])
    assert (await one.market("BUY", "0.01")).body["code"] == -2015
    assert (await two.create())["retCode"] == 10010


async def test_key_without_trading_permission(binance: MakeBinance, bybit: MakeBybit) -> None:
    one, two = await binance(can_trade=False), await bybit(can_trade=False)
    assert (await one.market("BUY", "0.01")).body["code"] == -2015
    assert (await one.send("GET", "/fapi/v3/balance")).status == 200
    assert (await two.create())["retCode"] == 10005
    key = (await two.get("/v5/user/query-api"))["result"]
    assert key["readOnly"] == 1
    assert (await one.send("GET", "/sapi/v1/account/apiRestrictions")).body["enableFutures"] is False

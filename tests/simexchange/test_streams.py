"""User and market streams (docs: Binance USD-M user data streams; Bybit v5 private and public sockets; 2026)."""

import hashlib
import hmac
import time
from typing import Any

import aiohttp

from .clients import Binance, Bybit, Control
from .conftest import MakeBinance, MakeBybit

TIMEOUT_S = 5


async def _until(socket: aiohttp.ClientWebSocketResponse, wanted: str) -> dict[str, Any]:
    """Read messages until one of the wanted event or topic."""
    while True:
        message = await socket.receive_json(timeout=TIMEOUT_S)
        event = message.get("data", message)
        if message.get("topic") == wanted or (isinstance(event, dict) and event.get("e") == wanted):
            return message


async def _listen_key(client: Binance) -> str:
    return (await client.send("POST", "/fapi/v1/listenKey", signed=False)).body["listenKey"]


async def test_binance_one_connection_carries_many_accounts(binance: MakeBinance, session: aiohttp.ClientSession) -> None:
    one, two = await binance(), await binance()
    keys = [await _listen_key(one), await _listen_key(two)]
    query = f"listenKey={keys[0]}&events=ORDER_TRADE_UPDATE&listenKey={keys[1]}"
    async with session.ws_connect(f"{one.url}/private/stream?{query}") as socket:
        await one.market("BUY", "0.01", newClientOrderId="e1")
        first = await _until(socket, "ORDER_TRADE_UPDATE")
        assert (first["stream"], first["data"]["o"]["x"], first["data"]["o"]["X"]) == (keys[0], "NEW", "NEW")
        filled = (await _until(socket, "ORDER_TRADE_UPDATE"))["data"]["o"]
        assert (filled["x"], filled["X"], filled["c"], filled["z"]) == ("TRADE", "FILLED", "e1", "0.01")
        assert (filled["L"], filled["n"], filled["rp"]) == ("110000", "0.55000000", "0.00000000")
        await two.market("BUY", "0.02")
        update = await _until(socket, "ACCOUNT_UPDATE")
        assert update["stream"] == keys[1]  # the first account asked for its orders only
        assert update["data"]["a"]["P"][0]["pa"] == "0.02"
        await two.stop("108000", clientAlgoId="s2")
        algo = (await _until(socket, "ALGO_UPDATE"))["data"]["o"]
        assert (algo["caid"], algo["X"], algo["tp"], algo["cp"]) == ("s2", "NEW", "108000", True)


async def test_binance_subscribe_and_trigger(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    await client.stop("108000", clientAlgoId="s1")
    await client.target("115000", clientAlgoId="t1")
    async with client.session.ws_connect(f"{client.url}/ws") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": [await _listen_key(client)], "id": 7})
        assert await socket.receive_json(timeout=TIMEOUT_S) == {"result": None, "id": 7}
        await control.price("BTCUSDT", "107000")
        seen = {}
        while len(seen) < 2:
            algo = (await _until(socket, "ALGO_UPDATE"))["o"]
            seen[algo["caid"]] = algo["X"]
        assert seen == {"s1": "FINISHED", "t1": "EXPIRED"}


async def test_binance_mark_price_follows_the_control_port(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    async with client.session.ws_connect(f"{client.url}/market/ws/btcusdt@markPrice") as socket:
        assert (await _until(socket, "markPriceUpdate"))["p"] == "110000.00000000"
        await control.price("BTCUSDT", "112000")
        while (await _until(socket, "markPriceUpdate"))["p"] != "112000.00000000":
            pass


async def test_binance_unknown_listen_key_hears_nothing(binance: MakeBinance) -> None:
    client = await binance()
    async with client.session.ws_connect(f"{client.url}/ws/nobody") as socket:
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert (await socket.receive_json(timeout=TIMEOUT_S))["result"] == []
    assert (await client.send("PUT", "/fapi/v1/listenKey", signed=False)).body["code"] == -1125


def _authentication(client: Bybit) -> dict[str, Any]:
    expires = str(int(time.time() * 1000) + 10_000)
    proof = hmac.new(client.secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    return {"op": "auth", "args": [client.key, int(expires), proof]}


async def test_bybit_private_socket(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    async with client.session.ws_connect(f"{client.url}/v5/private") as socket:
        subscribe = {"op": "subscribe", "args": ["order", "execution", "position", "wallet"]}
        await socket.send_json(subscribe)
        assert (await socket.receive_json(timeout=TIMEOUT_S))["success"] is False
        await socket.send_json(_authentication(client))
        assert (await socket.receive_json(timeout=TIMEOUT_S))["success"] is True
        await socket.send_json(subscribe)
        assert (await socket.receive_json(timeout=TIMEOUT_S))["success"] is True
        await client.create(stopLoss="108000", orderLinkId="e1")
        execution = (await _until(socket, "execution"))["data"][0]
        assert (execution["orderLinkId"], execution["execPrice"], execution["execFee"]) == ("e1", "110000", "0.605")
        child = (await _until(socket, "order"))["data"][0]
        assert (child["orderStatus"], child["parentOrderLinkId"]) == ("Untriggered", "e1")
        while (await _until(socket, "position"))["data"][0]["stopLoss"] != "108000":
            pass
        assert (await _until(socket, "wallet"))["data"][0]["totalWalletBalance"] == "999.395"
        await control.price("BTCUSDT", "107000")
        while (await _until(socket, "order"))["data"][0]["orderStatus"] != "Filled":
            pass
        assert (await _until(socket, "position"))["data"][0]["size"] == "0"


async def test_bybit_refuses_a_wrong_signature(bybit: MakeBybit) -> None:
    client = await bybit()
    client.secret = "wrong"
    async with client.session.ws_connect(f"{client.url}/v5/private") as socket:
        await socket.send_json(_authentication(client))
        assert (await socket.receive_json(timeout=TIMEOUT_S))["success"] is False


async def test_bybit_public_ticker_and_ping(bybit: MakeBybit, control: Control) -> None:
    client = await bybit()
    async with client.session.ws_connect(f"{client.url}/v5/public/linear") as socket:
        await socket.send_json({"op": "ping"})
        assert (await socket.receive_json(timeout=TIMEOUT_S))["ret_msg"] == "pong"
        await socket.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"]})
        assert (await _until(socket, "tickers.BTCUSDT"))["data"]["lastPrice"] == "110000"
        await control.price("BTCUSDT", "112000")
        moved = await _until(socket, "tickers.BTCUSDT")
        assert (moved["type"], moved["data"]["lastPrice"]) == ("delta", "112000")


async def test_bybit_order_by_socket(bybit: MakeBybit) -> None:
    client = await bybit()
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"}
    async with client.session.ws_connect(f"{client.url}/v5/trade") as socket:
        asked = {"reqId": "r1", "op": "order.create", "args": [{**order, "orderLinkId": "w1"}]}
        await socket.send_json(asked)
        assert (await socket.receive_json(timeout=TIMEOUT_S))["retCode"] == 10004
        await socket.send_json(_authentication(client))
        assert (await socket.receive_json(timeout=TIMEOUT_S))["retCode"] == 0
        await socket.send_json(asked)
        made = await socket.receive_json(timeout=TIMEOUT_S)
        assert (made["reqId"], made["retCode"], made["data"]["orderLinkId"]) == ("r1", 0, "w1")
        await socket.send_json(asked)
        assert (await socket.receive_json(timeout=TIMEOUT_S))["retCode"] == 110072


async def test_an_outage_cuts_streams_too(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    async with client.session.ws_connect(f"{client.url}/ws/btcusdt@markPrice") as socket:
        await _until(socket, "markPriceUpdate")
        await control.send("POST", "/outage", {"venue": "binance", "seconds": 60})
        while not socket.closed:
            await socket.receive(timeout=TIMEOUT_S)

"""Sign and send as a client of each venue does, without any of the simulator's or the bot's code."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Control:
    """The control port."""

    url: str
    token: str
    session: aiohttp.ClientSession

    async def send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            made = await answer.json()
            assert answer.status == 200, made
            assert made["simulation"] is True
            return made

    async def account(self, venue: str, environment: str = "mainnet", **fields: Any) -> dict[str, Any]:
        made = await self.send("POST", "/accounts", {"venue": venue, "environment": environment, **fields})
        return made["accounts"][0]

    async def price(self, symbol: str, price: str) -> int:
        return (await self.send("POST", "/prices", {"prices": {symbol: price}}))["triggered"]

    async def fault(self, kind: str, **fields: Any) -> None:
        await self.send("POST", "/faults", {"rules": [{"kind": kind, **fields}]})

    async def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        return (await self.send("GET", f"/ledger?after={after}"))["entries"]

    async def episodes(self) -> list[dict[str, Any]]:
        return (await self.send("GET", "/protection"))["episodes"]


@dataclass
class Binance:
    """A client of Binance USD-M, with one account's key."""

    url: str
    key: str
    secret: str = field(repr=False)
    session: aiohttp.ClientSession
    skew_ms: int = 0
    timeout_s: float = 5.0

    async def send(self, method: str, path: str, signed: bool = True, in_body: bool = False, **params: Any) -> Answer:
        text = urlencode({name: value for name, value in params.items() if value is not None})
        headers = {"X-MBX-APIKEY": self.key} if self.key else {}
        if signed:
            stamp = params.get("timestamp", int(time.time() * 1000) + self.skew_ms)
            text += ("&" if text else "") + ("" if "timestamp" in params else f"timestamp={stamp}")
            text = text.rstrip("&")
            text += "&signature=" + hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        url = self.url + path + ("" if in_body or not text else f"?{text}")
        data = text if in_body else None
        if in_body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        async with self.session.request(method, URL(url, encoded=True), data=data, headers=headers, timeout=timeout) as answer:
            raw = await answer.text()
            body = json.loads(raw) if raw[:1] in "{[" and raw else raw
            return Answer(answer.status, body, dict(answer.headers))

    async def order(self, **params: Any) -> Answer:
        return await self.send("POST", "/fapi/v1/order", **{"newOrderRespType": "RESULT", **params})

    async def market(self, side: str, qty: str, symbol: str = "BTCUSDT", **params: Any) -> Answer:
        return await self.order(symbol=symbol, side=side, type="MARKET", quantity=qty, **params)

    async def algo(self, kind: str, side: str, trigger: str, symbol: str = "BTCUSDT", **params: Any) -> Answer:
        return await self.send(
            "POST",
            "/fapi/v1/algoOrder",
            algoType="CONDITIONAL",
            symbol=symbol,
            side=side,
            type=kind,
            triggerPrice=trigger,
            **params,
        )

    async def stop(self, trigger: str, side: str = "SELL", **params: Any) -> Answer:
        return await self.algo("STOP_MARKET", side, trigger, closePosition="true", **params)

    async def target(self, trigger: str, side: str = "SELL", **params: Any) -> Answer:
        return await self.algo("TAKE_PROFIT_MARKET", side, trigger, closePosition="true", **params)

    async def position(self, symbol: str = "BTCUSDT") -> str:
        rows = (await self.send("GET", "/fapi/v3/positionRisk", symbol=symbol)).body
        return rows[0]["positionAmt"] if rows else "0"


@dataclass
class Bybit:
    """A client of Bybit v5, with one account's key."""

    url: str
    key: str
    secret: str = field(repr=False)
    session: aiohttp.ClientSession
    skew_ms: int = 0
    timeout_s: float = 5.0

    async def send(self, method: str, path: str, signed: bool = True, **params: Any) -> Answer:
        text = json.dumps(params) if method == "POST" else urlencode(params)
        headers = {"Content-Type": "application/json"}
        if signed:
            stamp = str(int(time.time() * 1000) + self.skew_ms)
            payload = stamp + self.key + "5000" + text
            headers |= {
                "X-BAPI-API-KEY": self.key,
                "X-BAPI-TIMESTAMP": stamp,
                "X-BAPI-RECV-WINDOW": "5000",
                "X-BAPI-SIGN": hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest(),
            }
        url = self.url + path + (f"?{text}" if method == "GET" and text else "")
        data = text if method == "POST" else None
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        async with self.session.request(method, URL(url, encoded=True), data=data, headers=headers, timeout=timeout) as answer:
            raw = await answer.text()
            return Answer(answer.status, json.loads(raw) if raw[:1] == "{" else raw, dict(answer.headers))

    async def post(self, path: str, **params: Any) -> dict[str, Any]:
        return (await self.send("POST", path, category="linear", **params)).body

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        return (await self.send("GET", path, category="linear", **params)).body

    async def create(self, side: str = "Buy", qty: str = "0.01", symbol: str = "BTCUSDT", **params: Any) -> Any:
        return await self.post("/v5/order/create", symbol=symbol, side=side, qty=qty, **{"orderType": "Market", **params})

    async def realtime(self, **params: Any) -> list[dict[str, Any]]:
        return (await self.get("/v5/order/realtime", **params))["result"]["list"]

    async def position(self, symbol: str = "BTCUSDT") -> dict[str, Any]:
        return (await self.get("/v5/position/list", symbol=symbol))["result"]["list"][0]

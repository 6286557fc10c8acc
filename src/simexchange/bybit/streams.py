"""Serve Bybit's sockets: /v5/private (one account's events) and /v5/public/linear (tickers)."""

import asyncio
import hmac
from collections.abc import Callable
from typing import Any

import orjson

from simexchange.bybit import encode, holdings, market_data
from simexchange.bybit.call import Call
from simexchange.engine.account import Account, Position
from simexchange.engine.market import Market
from simexchange.engine.order import Conditional, Fill, Order
from simexchange.engine.vocabulary import ConditionalStatus
from simexchange.wire.http import Request, Upgraded
from simexchange.wire.websocket import WebSocket

ARGUMENTS_MAX = 500
_PRIVATE_TOPICS = frozenset({"order", "execution", "position", "wallet"})
_Trade = Callable[[str, Account, dict[str, Any]], dict[str, Any]]


class BybitStreams:
    """All the socket connections of one environment; `trade` carries out an order that came by /v5/trade."""

    def __init__(self, market: Market, trade: _Trade) -> None:
        self.market = market
        self.trade = trade
        self._connections: set[Connection] = set()
        self._count = 0
        market.price_listeners.append(self._price_moved)

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Upgraded | None:
        """Open a socket."""
        if request.path not in ("/v5/private", "/v5/public/linear", "/v5/trade"):
            return None
        self._count += 1
        connection = Connection(self, request, f"sim{self._count}")
        socket = WebSocket.accept(request, transport, connection.take, lambda: self._lost(connection))
        if socket is None:
            return None
        connection.socket = socket
        self._connections.add(connection)
        return socket

    def _lost(self, connection: "Connection") -> None:
        connection.end()
        self._connections.discard(connection)

    def _price_moved(self, symbol: str) -> None:
        for connection in list(self._connections):
            connection.price_moved(symbol)


class Connection:
    """One client's socket: it is the event sink of the account that authenticated on it."""

    def __init__(self, streams: BybitStreams, request: Request, name: str) -> None:
        self.socket: WebSocket | None = None
        self._streams = streams
        self._path = request.path
        self._source = request.source
        self._name = name
        self._account: Account | None = None
        self._topics: set[str] = set()
        self._messages = 0

    def take(self, text: str) -> None:
        """Carry out an operation."""
        try:
            asked = orjson.loads(text)
            op, arguments = asked["op"], asked.get("args") or []
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self._write({"success": False, "ret_msg": "invalid request", "conn_id": self._name, "op": ""})
            return
        if op == "ping":
            self._pong(asked)
        elif op == "auth":
            self._authenticate(asked, arguments)
        elif op in ("subscribe", "unsubscribe") and self._path != "/v5/trade":
            self._subscribe(asked, op, [str(one) for one in arguments[:ARGUMENTS_MAX]])
        elif op in ("order.create", "order.amend", "order.cancel") and self._path == "/v5/trade":
            self._order(asked, op, arguments)
        else:
            self._answer(asked, op, success=False, text=f"unknown op: {op}")

    def end(self) -> None:
        """Let go of the account."""
        if self._account is not None and self in self._account.sinks:
            self._account.sinks.remove(self)
        self._topics.clear()

    def price_moved(self, symbol: str) -> None:
        """Send the ticker, if it is subscribed to."""
        if f"tickers.{symbol}" in self._topics:
            self._ticker(symbol, "delta")

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """Send the order, and the execution that changed it."""
        self._publish("order", [encode.order(order)])
        if fill is not None:
            self._publish("execution", [encode.execution(fill)])

    def conditional_changed(self, conditional: Conditional) -> None:
        """Send a conditional order; one that has triggered is told of as an order of the book."""
        if conditional.status is not ConditionalStatus.FINISHED:
            self._publish("order", [encode.conditional(conditional)])

    def position_changed(self, position: Position) -> None:
        """Send the position and the wallet."""
        account, market = self._account, self._streams.market
        if account is None:
            return
        self._publish("position", [{**encode.position(market, account, position), "category": "linear"}])
        if "wallet" in self._topics:
            call = Call(market, {"accountType": "UNIFIED"}, account)
            self._publish("wallet", holdings.wallet_balance(call)["list"])

    def _authenticate(self, asked: dict[str, Any], arguments: list[Any]) -> None:
        key, expires, signature = (str(one) for one in (*arguments, "", "", "")[:3])
        account = self._streams.market.by_key.get(key)
        known = account is not None and account.key_valid
        if account is not None and account.ip_whitelist and self._source not in account.ip_whitelist:
            known = False
        proof = hmac.digest(account.api_secret, f"GET/realtime{expires}".encode(), "sha256").hex() if account else ""
        late = not expires.isdecimal() or int(expires) < self._streams.market.time_ms()
        if account is None or not known or late or not hmac.compare_digest(proof.encode(), signature.encode()):
            self._answer(asked, "auth", success=False, text="Params Error", code=10004)
            return
        if self._account is None and self._path == "/v5/private":
            account.sinks.append(self)
        self._account = account
        self._answer(asked, "auth", success=True)

    def _subscribe(self, asked: dict[str, Any], op: str, topics: list[str]) -> None:
        private = self._path == "/v5/private"
        names = [topic.partition(".")[0] if private else topic for topic in topics]
        bad = [name for name in names if private and name not in _PRIVATE_TOPICS]
        bad += [name for name in names if not private and not self._is_ticker(name)]
        if private and self._account is None:
            self._answer(asked, op, success=False, text="Request not authorized")
            return
        if bad:
            self._answer(asked, op, success=False, text=f"error:handler not found,topic:{bad[0]}")
            return
        if op == "unsubscribe":
            self._topics.difference_update(names)
        else:
            self._topics.update(names)
        self._answer(asked, op, success=True)
        if op == "subscribe" and not private:
            for name in names:
                self._ticker(name.partition(".")[2], "snapshot")

    def _is_ticker(self, topic: str) -> bool:
        head, _, symbol = topic.partition(".")
        return head == "tickers" and symbol in self._streams.market.instruments

    def _ticker(self, symbol: str, kind: str) -> None:
        market = self._streams.market
        row = market_data.tickers(Call(market, {"category": "linear", "symbol": symbol}, None))["list"][0]
        now = market.time_ms()
        self._write({"topic": f"tickers.{symbol}", "type": kind, "data": row, "cs": now, "ts": now})

    def _order(self, asked: dict[str, Any], op: str, arguments: list[Any]) -> None:
        made: dict[str, Any] = {"retCode": 20003, "retMsg": "params error", "data": {}, "retExtInfo": {}, "header": {}}
        if self._account is None:
            made |= {"retCode": 10004, "retMsg": "Not authenticated"}
        elif arguments and isinstance(arguments[0], dict):
            made |= self._streams.trade(op, self._account, arguments[0])
        self._write({"reqId": asked.get("reqId", ""), **made, "op": op, "connId": self._name})

    def _pong(self, asked: dict[str, Any]) -> None:
        stamp = [str(self._streams.market.time_ms())]
        if self._path == "/v5/trade":
            self._write({"retCode": 0, "retMsg": "OK", "op": "pong", "data": stamp, "connId": self._name})
        elif self._path == "/v5/private":
            self._write({"req_id": asked.get("req_id", ""), "op": "pong", "args": stamp, "conn_id": self._name})
        else:
            self._answer(asked, "ping", success=True, text="pong")

    def _answer(self, asked: dict[str, Any], op: str, *, success: bool, text: str = "", code: int = 10001) -> None:
        if self._path == "/v5/trade":
            result = {"retCode": 0, "retMsg": "OK"} if success else {"retCode": code, "retMsg": text}
            self._write({"reqId": asked.get("reqId", ""), **result, "op": op, "connId": self._name})
            return
        request_id = asked.get("req_id", "")
        self._write({"success": success, "ret_msg": text, "conn_id": self._name, "req_id": request_id, "op": op})

    def _publish(self, topic: str, rows: list[dict[str, Any]]) -> None:
        if topic not in self._topics or self._account is None or self._account.hung:
            return
        self._messages += 1
        now = self._streams.market.time_ms()
        self._write({"id": f"{self._name}-{self._messages}", "topic": topic, "creationTime": now, "data": rows})

    def _write(self, message: dict[str, Any]) -> None:
        if self.socket is not None:
            self.socket.send(orjson.dumps(message))

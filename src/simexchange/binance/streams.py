"""Serve Binance's streams: user data by listenKey, many on one connection; mark prices and book tickers."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import orjson

from simexchange.binance import events
from simexchange.binance.listen_keys import ListenKeys
from simexchange.engine.account import Account, Position
from simexchange.engine.market import Market
from simexchange.engine.order import Conditional, Fill, Order
from simexchange.wire.http import Request, Upgraded
from simexchange.wire.websocket import WebSocket

STREAMS_MAX = 1024
MARK_PRICE_PERIOD_S = 1.0


class BinanceStreams:
    """All the stream connections of one environment."""

    def __init__(self, market: Market, listen_keys: ListenKeys) -> None:
        self.market = market
        self.listen_keys = listen_keys
        self._connections: set[StreamConnection] = set()
        market.price_listeners.append(self._price_moved)

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Upgraded | None:
        """Open a stream connection at /ws, /stream and the same under /public, /market and /private."""
        parts = [part for part in request.path.split("/") if part]
        if parts and parts[0] in ("public", "market", "private"):
            del parts[0]
        if not parts or parts[0] not in ("ws", "stream"):
            return None
        connection = StreamConnection(self, combined=parts[0] == "stream")
        socket = WebSocket.accept(request, transport, connection.take, lambda: self._lost(connection))
        if socket is None:
            return None
        connection.socket = socket
        self._connections.add(connection)
        connection.subscribe([*parts[1:], *_asked(request.query)])
        return socket

    def _lost(self, connection: "StreamConnection") -> None:
        connection.end()
        self._connections.discard(connection)

    def _price_moved(self, symbol: str) -> None:
        for connection in list(self._connections):
            connection.price_moved(symbol)


class StreamConnection:
    """One client's connection and what it subscribed to."""

    def __init__(self, streams: BinanceStreams, *, combined: bool) -> None:
        self.socket: WebSocket | None = None
        self._streams = streams
        self._combined = combined
        self._users: dict[str, UserSink] = {}
        self._public: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, text: str) -> None:
        """Carry out SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
        try:
            asked = orjson.loads(text)
            method, names = asked["method"], asked.get("params") or []
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self._write({"error": {"code": 2, "msg": "Invalid request"}})
            return
        result: list[str] | None = None
        if method == "SUBSCRIBE":
            self.subscribe([str(name) for name in names])
        elif method == "UNSUBSCRIBE":
            self._unsubscribe([str(name) for name in names])
        elif method == "LIST_SUBSCRIPTIONS":
            result = [*self._users, *sorted(self._public)]
        else:
            self._write({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": asked.get("id")})
            return
        self._write({"result": result, "id": asked.get("id")})

    def subscribe(self, names: list[str]) -> None:
        """Add streams: a listenKey (with `@EVENT` or without), or a public name such as btcusdt@markPrice."""
        market = self._streams.market
        for name in names[: STREAMS_MAX - len(self._users) - len(self._public)]:
            key, _, event = name.partition("@")
            account = self._streams.listen_keys.holder(key, market.clock.now())
            if account is not None:
                sink = self._users.get(key)
                if sink is None:
                    sink = self._users[key] = UserSink(self, market, account, key)
                    account.sinks.append(sink)
                if event:
                    sink.events.add(event)
            elif event:
                self._public.add(name)
                self._send_public(name)
        if self._timer is None and self._public:
            self._timer = asyncio.get_running_loop().call_later(MARK_PRICE_PERIOD_S, self._tick)

    def _unsubscribe(self, names: list[str]) -> None:
        for name in names:
            self._public.discard(name)
            sink = self._users.pop(name.partition("@")[0], None)
            if sink is not None:
                sink.account.sinks.remove(sink)

    def end(self) -> None:
        """Let go of everything."""
        for sink in self._users.values():
            sink.account.sinks.remove(sink)
        self._users.clear()
        self._public.clear()
        if self._timer is not None:
            self._timer.cancel()

    def price_moved(self, symbol: str) -> None:
        """Send what depends on the symbol's price."""
        lower = symbol.lower()
        for name in self._public:
            if name.partition("@")[0] == lower:
                self._send_public(name)

    def send(self, stream: str, event: object) -> None:
        """Send an event, wrapped with its stream's name on a combined connection."""
        self._write({"stream": stream, "data": event} if self._combined else event)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(MARK_PRICE_PERIOD_S, self._tick)
        for name in self._public:
            if "@markPrice" in name:
                self._send_public(name)

    def _send_public(self, name: str) -> None:
        market = self._streams.market
        head, _, kind = name.partition("@")
        if head == "!markPrice":
            self.send(name, [events.mark_price_update(market, symbol) for symbol in market.instruments])
        elif head == "!bookTicker":
            for symbol in market.instruments:
                self.send(name, events.book_ticker(market, symbol))
        elif head.upper() in market.instruments and kind.startswith("markPrice"):
            self.send(name, events.mark_price_update(market, head.upper()))
        elif head.upper() in market.instruments and kind == "bookTicker":
            self.send(name, events.book_ticker(market, head.upper()))

    def _write(self, message: Any) -> None:
        if self.socket is not None:
            self.socket.send(orjson.dumps(message))


class UserSink:
    """One account's events on one connection; an empty `events` means all of them."""

    def __init__(self, connection: StreamConnection, market: Market, account: Account, stream: str) -> None:
        self.account = account
        self.events: set[str] = set()
        self._connection = connection
        self._market = market
        self._stream = stream

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """Send ORDER_TRADE_UPDATE."""
        self._send(events.order_trade_update(self._market, order, fill))

    def conditional_changed(self, conditional: Conditional) -> None:
        """Send ALGO_UPDATE."""
        self._send(events.algo_update(self._market, conditional))

    def position_changed(self, position: Position) -> None:
        """Send ACCOUNT_UPDATE."""
        self._send(events.account_update(self._market, self.account, position))

    def _send(self, event: dict[str, Any]) -> None:
        if not self.account.hung and (not self.events or event["e"] in self.events):
            self._connection.send(self._stream, event)


def _asked(query: str) -> list[str]:
    """Return the streams that a query names; `events` belong to the listenKey before them."""
    names: list[str] = []
    key = ""
    for name, value in parse_qsl(query):
        if name == "streams":
            names += value.split("/")
        elif name == "listenKey":
            key = value
            names.append(key)
        elif name == "events" and key:
            names += [f"{key}@{event}" for event in value.split("/")]
    return names

"""A client of one market against a real simulator over TLS, and the handles to make its day bad."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from marketbot.domain.egress import Egress
from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.order import SETTLED
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import Environment, Market, PositionMode, Profile, Venue
from marketbot.ports import Credential, EgressNews, EntryOrder, ExitOrder, ProtectiveOrder, VenueClient
from marketbot.venues.line import Timeouts
from marketbot.venues.registry import open_clients
from simexchange.config import Config
from simexchange.simulator import Simulator

PATIENCE_S = 10.0
"""How long a test polls for what must come; never how long it waits when all is well."""

SOURCE = Egress.parse("127.0.0.2")

TIMEOUTS = Timeouts(order_s=1.0, protection_s=1.0, read_s=2.0, bulk_s=10.0)

_NATIVE = {"binance": "binance", "bybit": "bybit", "ccxt:binanceusdm": "binance", "ccxt:bybit": "bybit"}


class SystemClock:
    """Implements ``ports.Clock`` with the real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Rig:
    """One client, one account, one instrument. ``speaks`` is the venue whose protocol the client uses."""

    simulator: Simulator
    client: VenueClient
    speaks: str
    environment: Environment = Environment.MAINNET
    instrument: Instrument = field(init=False)
    price: Decimal = field(init=False)
    credential: Credential = field(init=False)
    _ids: Any = field(default_factory=lambda: count(1))

    @classmethod
    async def open(cls, venue: str, *egress: Egress, news: EgressNews | None = None) -> Rig:
        """Start a simulator and a client of ``venue`` (``binance``, ``ccxt:bybit`` ...) on it, that leaves by ``egress``."""
        speaks = _NATIVE[venue]
        simulator = await Simulator(Config(tls=True)).start()
        try:
            return await cls._connect(venue, speaks, simulator, egress or (SOURCE,), news)
        except BaseException:
            await simulator.stop()
            raise

    @classmethod
    async def _connect(
        cls, venue: str, speaks: str, simulator: Simulator, egress: tuple[Egress, ...], news: EgressNews | None
    ) -> Rig:
        rig = cls(simulator, await _client(simulator, venue, egress, news), speaks)
        instruments = await rig.client.instruments()
        prices = await rig.client.prices()
        assert isinstance(instruments, list | tuple), instruments
        assert isinstance(prices, dict), prices
        rig.instrument = next(each for each in instruments if each.symbol == "BTCUSDT")
        rig.price = prices[Symbol("BTCUSDT")]
        rig.credential = await rig.account()
        return rig

    async def another_process(self, *egress: Egress, news: EgressNews | None = None) -> VenueClient:
        """Return a second client of the same market, as another process would have it."""
        return await _client(self.simulator, self.client.market.venue, egress or (SOURCE,), news)

    async def close(self) -> None:
        await self.client.close()
        await self.simulator.stop()

    async def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the simulator's control port."""
        host, port = self.simulator.control_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        data = b"" if body is None else json.dumps(body).encode()
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.simulator.control_token}\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
            + data
        )
        answer = await reader.read()
        writer.close()
        head, _, content = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], answer
        return dict(json.loads(content))

    async def account(self, **fields: Any) -> Credential:
        """Connect another account."""
        wanted = {"venue": self.speaks, "environment": self.environment, "balance": "10000"} | fields
        made = (await self.control("POST", "/accounts", {"accounts": [wanted]}))["accounts"][0]
        return Credential(
            AccountId(made["account_id"]),
            made["api_key"],
            made["api_secret"].encode(),
            position_mode=PositionMode.HEDGE if fields.get("hedge") else PositionMode.ONE_WAY,
        )

    async def fault(self, kind: str, **fields: Any) -> None:
        """Put one fault in force; by default it strikes the next request that it can strike."""
        await self.control("POST", "/faults", {"rules": [{"kind": kind, "count": 1} | fields]})

    async def move_price(self, price: Decimal) -> None:
        await self.control("POST", "/prices", {"prices": {str(self.instrument.symbol): str(price)}})

    def new_id(self, leg: Leg) -> ClientOrderId:
        return ClientOrderId(f"mbtest{next(self._ids):016d}{leg[0]}0")

    def at(self, factor: str) -> Decimal:
        """Return a price relative to the start's, on the grid."""
        return (self.price * Decimal(factor)).quantize(self.instrument.tick_size)

    def entry(self, side: PositionSide = PositionSide.LONG, qty: str = "0.010", **changed: Any) -> EntryOrder:
        below, above = self.at("0.90"), self.at("1.10")
        stop, target = (below, above) if side is PositionSide.LONG else (above, below)
        fields = {"client_order_id": self.new_id(Leg.ENTRY), "stop_price": stop, "target_price": target} | changed
        return EntryOrder(instrument=self.instrument, side=side, qty=Decimal(qty), **fields)

    def exit(self, side: PositionSide = PositionSide.LONG, qty: str = "0.010") -> ExitOrder:
        return ExitOrder(self.instrument, self.new_id(Leg.EXIT), side, Decimal(qty))

    def protective(self, leg: Leg, price: Decimal, side: PositionSide = PositionSide.LONG) -> ProtectiveOrder:
        return ProtectiveOrder(self.instrument, self.new_id(leg), leg, side, price)

    async def enter(self, credential: Credential | None = None, order: EntryOrder | None = None) -> OrderReport:
        """Submit an entry and return its settled report, read back where the reply is only an acknowledgement."""
        credential, order = credential or self.credential, order or self.entry()
        report = await self.client.submit_entry(credential, order)
        return await self.settled(credential, report, order.client_order_id, Leg.ENTRY)

    async def leave(self, credential: Credential | None = None, order: ExitOrder | None = None) -> OrderReport:
        """Submit an exit and return its settled report."""
        credential, order = credential or self.credential, order or self.exit()
        report = await self.client.submit_exit(credential, order)
        return await self.settled(credential, report, order.client_order_id, Leg.EXIT)

    async def settled(self, credential: Credential, report: OrderReport, order_id: ClientOrderId, leg: Leg) -> OrderReport:
        if self.client.traits.entry_reply_is_final or report.fault is not None:
            return report
        return await self.found(credential, order_id, leg)

    async def found(self, credential: Credential, order_id: ClientOrderId, leg: Leg) -> OrderReport:
        """Look an order up until it is settled."""

        async def look() -> OrderReport | None:
            answer = await self.client.find_order(credential, self.instrument, order_id, leg)
            return answer if isinstance(answer, OrderReport) and answer.state in SETTLED else None

        return await eventually(look)


async def _client(simulator: Simulator, venue: str, egress: tuple[Egress, ...], news: EgressNews | None) -> VenueClient:
    market = Market(Venue(venue), Environment.MAINNET)
    clients = await open_clients(
        Profile.SIMULATION,
        [market],
        clock=SystemClock(),
        egress=egress,
        urls={market: simulator.urls[_NATIVE[venue]]["mainnet"]},
        ca_file=simulator.ca_file,
        timeouts=TIMEOUTS,
        news=news,
    )
    return clients[market]


async def eventually(look: Callable[[], Awaitable[OrderReport | None]]) -> OrderReport:
    """Poll until there is something, or fail."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := await look()) is None:
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.01)
    return found

"""Binance USD-M futures as one ``ports.VenueClient``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg
from marketbot.domain.venue import Market
from marketbot.ports import (
    AccountReading,
    Credential,
    EgressReading,
    EntryOrder,
    ExitOrder,
    KeyReading,
    ProtectiveOrder,
    VenueTraits,
)
from marketbot.venues.answer import Refusal, unreadable
from marketbot.venues.binance import decode, encode, key_rights, urls
from marketbot.venues.binance.decode import BAD_SHAPE
from marketbot.venues.binance.session import BinanceSession
from marketbot.venues.clock import VenueClock
from marketbot.venues.line import Line, Timeouts

T = TypeVar("T")

_GONE = frozenset({ErrorClass.NOT_FOUND})
_UNCHANGED = frozenset({ErrorClass.NO_CHANGE})


class BinanceClient:
    """All accounts of one Binance market. Stop and target are orders of their own, sent after the entry's fill."""

    traits = VenueTraits(attaches_protection=False, entry_reply_is_final=True, id_is_idempotent=False)

    def __init__(self, market: Market, line: Line, clock: VenueClock, timeouts: Timeouts | None = None) -> None:
        self.market = market
        self._line = line
        self._timeouts = timeouts or Timeouts()
        self._session = BinanceSession(line, clock, self._timeouts)

    async def open(self) -> None:
        """Make the pools and measure the venue's clock; an unreachable venue does not prevent the start."""
        self._line.open()
        await self.sync_clock()

    async def close(self) -> None:
        await self._line.close()

    # The market.

    async def instruments(self) -> Sequence[Instrument] | VenueFault:
        answer = await self._session.public(urls.EXCHANGE_INFO, urls.ONE, self._timeouts.bulk_s)
        return self._value(answer, decode.instruments)

    async def prices(self) -> dict[Symbol, Decimal] | VenueFault:
        """Return the last price of every USDT perpetual."""
        answer = await self._session.public(urls.PRICES, urls.PRICE_READ, self._timeouts.read_s)
        return self._value(answer, decode.prices)

    async def sync_clock(self) -> VenueFault | None:
        return await self._session.sync_clock()

    async def keep_warm(self) -> None:
        await self._session.keep_warm()

    # Orders.

    async def submit_entry(self, credential: Credential, order: EntryOrder) -> OrderReport:
        query = encode.entry(order, credential.position_mode)
        answer = await self._session.signed(
            credential, "POST", urls.ORDER, query, cost=urls.PLACE, timeout_s=self._timeouts.order_s
        )
        return self._report(answer, decode.order, order.client_order_id)

    async def submit_exit(self, credential: Credential, order: ExitOrder) -> OrderReport:
        query = encode.exit_(order, credential.position_mode)
        answer = await self._session.signed(
            credential, "POST", urls.ORDER, query, cost=urls.PLACE, timeout_s=self._timeouts.order_s, urgent=True
        )
        return self._report(answer, decode.order, order.client_order_id)

    async def submit_protection(self, credential: Credential, order: ProtectiveOrder) -> OrderReport:
        query = encode.protection(order, credential.position_mode)
        answer = await self._session.signed(
            credential, "POST", urls.ALGO_ORDER, query, cost=urls.PLACE, timeout_s=self._timeouts.protection_s, urgent=True
        )
        return self._report(answer, decode.algo_order, order.client_order_id)

    async def find_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> OrderReport | Absent | VenueFault:
        """Look an order up; a protective one in the conditional service first, then as the order it became."""
        if leg.is_protective:
            found = await self._find_algo(credential, instrument, client_order_id)
            if not isinstance(found, Absent):
                return found
        # What a conditional order became keeps its id, and the conditional service forgets before the order book does.
        return await self._find_plain(credential, encode.by_client_order_id(instrument, client_order_id), client_order_id)

    async def _find_algo(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId
    ) -> OrderReport | Absent | VenueFault:
        body = await self._session.signed(
            credential,
            "GET",
            urls.ALGO_ORDER,
            encode.by_client_algo_id(client_order_id),
            cost=urls.ONE,
            timeout_s=self._timeouts.look_s,
            urgent=True,
        )
        if isinstance(body, Refusal):
            return Absent() if body.fault.error_class is ErrorClass.NOT_FOUND else body.fault
        try:
            report = decode.algo_order(body, client_order_id)
            child = decode.child_order_id(body) if decode.has_triggered(body) else None
        except BAD_SHAPE:
            return unreadable(200).fault
        if child is None:
            return report
        found = await self._find_plain(credential, encode.by_order_id(instrument, child), None)
        if isinstance(found, Absent):
            return VenueFault(ErrorClass.RETRYABLE, "child_unreadable", "it has triggered, but its order cannot be read yet")
        return found

    async def _find_plain(
        self, credential: Credential, query: str, client_order_id: ClientOrderId | None
    ) -> OrderReport | Absent | VenueFault:
        # An entry that is looked for may have been executed and be without a stop: no look-up waits behind ordinary calls.
        answer = await self._session.signed(
            credential, "GET", urls.ORDER, query, cost=urls.ONE, timeout_s=self._timeouts.look_s, urgent=True, vital=True
        )
        if isinstance(answer, Refusal):
            return Absent() if answer.fault.error_class is ErrorClass.NOT_FOUND else answer.fault
        return self._value(answer, lambda body: decode.order(body, client_order_id))

    async def cancel_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> VenueFault | None:
        if leg.is_protective:
            path, query = urls.ALGO_ORDER, encode.by_client_algo_id(client_order_id)
        else:
            path, query = urls.ORDER, encode.by_client_order_id(instrument, client_order_id)
        return await self._change(credential, "DELETE", path, query, _GONE)

    # An account.

    async def read_positions(
        self, credential: Credential, instrument: Instrument | None, *, urgent: bool = False
    ) -> tuple[VenuePosition, ...] | VenueFault:
        answer = await self._session.signed(
            credential,
            "GET",
            urls.POSITIONS,
            encode.by_symbol(instrument),
            cost=urls.READ,
            timeout_s=self._timeouts.look_s if urgent else self._timeouts.read_s,
            urgent=urgent,
        )
        return self._value(answer, decode.positions)

    async def resting_orders(self, credential: Credential, instrument: Instrument) -> tuple[RestingOrder, ...] | VenueFault:
        plain = await self._rows(credential, urls.OPEN_ORDERS, instrument, decode.resting_order)
        if isinstance(plain, VenueFault):
            return plain
        conditional = await self._rows(credential, urls.OPEN_ALGO_ORDERS, instrument, decode.resting_algo_order)
        return conditional if isinstance(conditional, VenueFault) else plain + conditional

    async def read_account(self, credential: Credential) -> AccountReading | VenueFault:
        answer = await self._session.signed(credential, "GET", urls.BALANCE, cost=urls.READ, timeout_s=self._timeouts.read_s)
        balance = self._value(answer, decode.balance)
        if isinstance(balance, VenueFault):
            return balance
        positions = await self.read_positions(credential, None)
        if isinstance(positions, VenueFault):
            return positions
        return AccountReading(wallet_balance=balance[0], available_balance=balance[1], positions=positions)

    async def read_key(self, credential: Credential) -> KeyReading | VenueFault:
        """Read the key's rights; only mainnet tells them, so a testnet key is judged by the account alone."""
        config = await self._session.signed(
            credential, "GET", urls.ACCOUNT_CONFIG, cost=urls.READ, timeout_s=self._timeouts.read_s
        )
        if isinstance(config, Refusal):
            return config.fault
        rights: Any = None
        if self._line.hosts.keys is not None:
            rights = await self._session.signed(
                credential, "GET", urls.KEY_RIGHTS, cost=urls.FREE, timeout_s=self._timeouts.read_s, keys=True
            )
            if isinstance(rights, Refusal):
                return rights.fault
        return self._value(config, lambda body: key_rights.read(body, rights))

    async def set_leverage(self, credential: Credential, instrument: Instrument, leverage: Decimal) -> VenueFault | None:
        fault = await self._change(credential, "POST", urls.MARGIN_TYPE, encode.isolated(instrument), _UNCHANGED)
        if fault is not None:
            return fault
        return await self._change(credential, "POST", urls.LEVERAGE, encode.leverage(instrument, leverage), _UNCHANGED)

    # For the metrics page.

    def egress_readings(self) -> list[EgressReading]:
        return self._line.egress_readings()

    def set_shares(self, shares: Sequence[Fraction], spent: Mapping[int, int] | None = None) -> None:
        self._line.pace.set_shares(shares, spent)

    def overspent(self) -> list[int]:
        return self._line.pace.overspent()

    def forget(self, accounts: Collection[AccountId]) -> None:
        self._line.forget(accounts)

    def state(self) -> dict[str, Any]:
        """Return the running totals and the budgets; nothing in it belongs to an account."""
        return {
            "market": str(self.market),
            "faults": {str(error_class): count for error_class, count in self._session.faults.items()},
            "budgets": self._line.pace.state(),
            "wires": [wire.counters for wire in self._line.wires],
            "clock_skew_ms": self._session.clock.skew_ms,
        }

    def __repr__(self) -> str:
        return f"<BinanceClient {self.market} {self._line!r} {self._session.clock!r}>"

    async def _rows(
        self, credential: Credential, path: str, instrument: Instrument, read: Callable[[Any], RestingOrder]
    ) -> tuple[RestingOrder, ...] | VenueFault:
        answer = await self._session.signed(
            credential, "GET", path, encode.by_symbol(instrument), cost=urls.ONE, timeout_s=self._timeouts.read_s, vital=True
        )
        return self._value(answer, lambda rows: tuple(read(row) for row in rows))

    async def _change(
        self, credential: Credential, verb: str, path: str, query: str, done: frozenset[ErrorClass]
    ) -> VenueFault | None:
        answer = await self._session.signed(
            credential, verb, path, query, cost=urls.ONE, timeout_s=self._timeouts.read_s, urgent=verb == "DELETE"
        )
        if isinstance(answer, Refusal) and answer.fault.error_class not in done:
            return answer.fault
        return None

    def _report(
        self, answer: Any | Refusal, read: Callable[[Any, ClientOrderId], OrderReport], client_order_id: ClientOrderId
    ) -> OrderReport:
        if isinstance(answer, Refusal):
            return answer.report()
        try:
            return read(answer, client_order_id)
        except BAD_SHAPE:
            return unreadable(200).report()

    def _value(self, answer: Any | Refusal, read: Callable[[Any], T]) -> T | VenueFault:
        if isinstance(answer, Refusal):
            return answer.fault
        try:
            return read(answer)
        except BAD_SHAPE:
            return unreadable(200).fault

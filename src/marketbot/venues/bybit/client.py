"""Bybit v5 linear perpetuals as one ``ports.VenueClient``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import Market, PositionMode
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
from marketbot.venues.bybit import decode, encode, key_rights, urls
from marketbot.venues.bybit.decode import BAD_SHAPE
from marketbot.venues.bybit.session import BybitSession
from marketbot.venues.clock import VenueClock
from marketbot.venues.line import Line, Timeouts

T = TypeVar("T")

MODE_PROBE = "symbol=BTCUSDT&category=linear"
"""The position mode belongs to a symbol; the one that every account can trade stands for all."""

_GONE = frozenset({ErrorClass.NOT_FOUND, ErrorClass.NO_POSITION, ErrorClass.NO_CHANGE})
_UNCHANGED = frozenset({ErrorClass.NO_CHANGE})


class BybitClient:
    """All accounts of one Bybit market. Stop and target ride on the entry and belong to the position."""

    traits = VenueTraits(attaches_protection=True, entry_reply_is_final=False, id_is_idempotent=True)

    def __init__(self, market: Market, line: Line, clock: VenueClock, timeouts: Timeouts | None = None) -> None:
        self.market = market
        self._line = line
        self._timeouts = timeouts or Timeouts()
        self._session = BybitSession(line, clock, self._timeouts)

    async def open(self) -> None:
        """Make the pools and measure the venue's clock; an unreachable venue does not prevent the start."""
        self._line.open()
        await self.sync_clock()

    async def close(self) -> None:
        await self._line.close()

    # The market.

    async def instruments(self) -> Sequence[Instrument] | VenueFault:
        query = f"category={encode.CATEGORY}&limit={encode.INSTRUMENTS_PAGE}"
        rows = await self._session.public_pages(urls.INSTRUMENTS, query, self._timeouts.bulk_s)
        return self._value(rows, decode.instruments)

    async def prices(self) -> dict[Symbol, Decimal] | VenueFault:
        """Return the last price of every USDT perpetual."""
        result = await self._session.public(urls.TICKERS, f"category={encode.CATEGORY}", self._timeouts.read_s)
        return self._value(result, lambda found: decode.prices(found["list"]))

    async def sync_clock(self) -> VenueFault | None:
        return await self._session.sync_clock()

    async def keep_warm(self) -> None:
        await self._session.keep_warm()

    # Orders.

    async def submit_entry(self, credential: Credential, order: EntryOrder) -> OrderReport:
        body = encode.entry(order, credential.position_mode)
        answer = await self._session.post(credential, urls.CREATE, body, timeout_s=self._timeouts.order_s)
        return self._report(answer, order.client_order_id)

    async def submit_exit(self, credential: Credential, order: ExitOrder) -> OrderReport:
        body = encode.exit_(order, credential.position_mode)
        answer = await self._session.post(credential, urls.CREATE, body, timeout_s=self._timeouts.order_s, urgent=True)
        return self._report(answer, order.client_order_id)

    async def submit_protection(self, credential: Credential, order: ProtectiveOrder) -> OrderReport:
        """Set the position's stop or target. It is a set: asking for what already is counts as accepted."""
        body = encode.protection(order, credential.position_mode)
        answer = await self._session.post(credential, urls.TRADING_STOP, body, timeout_s=self._timeouts.protection_s, urgent=True)
        if isinstance(answer, Refusal) and answer.fault.error_class is not ErrorClass.NO_CHANGE:
            return answer.report()
        return OrderReport(state=OrderState.ACCEPTED, trigger_price=order.trigger_price)

    async def find_order(
        self,
        credential: Credential,
        instrument: Instrument,
        client_order_id: ClientOrderId,
        leg: Leg,
        side: PositionSide | None = None,
    ) -> OrderReport | Absent | VenueFault:
        """Look an order up among the open and recent ones, then in the history; a protective one on the position itself."""
        if leg.is_protective:
            positions = await self.read_positions(credential, instrument, urgent=True)
            if isinstance(positions, VenueFault):
                return positions
            shown = decode.protection(positions, leg, side)
            return await self._find_fired(credential, instrument, client_order_id, leg) if isinstance(shown, Absent) else shown
        query = encode.by_client_order_id(instrument, client_order_id)
        found: OrderReport | Absent | VenueFault = Absent()
        for path in (urls.REALTIME, urls.HISTORY):
            answer = await self._session.get(credential, path, query, urgent=True, vital=True)
            found = self._value(answer, lambda result: decode.order(result["list"], client_order_id))
            if not isinstance(found, Absent):
                return found
        return found

    async def _find_fired(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> OrderReport | Absent | VenueFault:
        """Look for the child order by which a stop or target closed its position, among the recently closed ones."""
        answer = await self._session.get(credential, urls.REALTIME, encode.closed_orders(instrument), urgent=True)
        return self._value(answer, lambda result: decode.fired(result["list"], client_order_id, leg))

    async def cancel_order(
        self,
        credential: Credential,
        instrument: Instrument,
        client_order_id: ClientOrderId,
        leg: Leg,
        side: PositionSide | None = None,
    ) -> VenueFault | None:
        """Cancel a resting order; a protective leg is taken off the position."""
        if not leg.is_protective:
            return await self._change(credential, urls.CANCEL, encode.cancel(instrument, client_order_id), _GONE)
        if credential.position_mode is PositionMode.HEDGE and side is None:
            positions = await self.read_positions(credential, instrument, urgent=True)
            if isinstance(positions, VenueFault):
                return positions
            if len(positions) > 1:
                return VenueFault(ErrorClass.MODE, "side_unknown", "both sides are open, and the id does not tell which is meant")
            if not positions:
                return None
            side = positions[0].side
        index = encode.position_index(side or PositionSide.LONG, credential.position_mode)
        return await self._change(credential, urls.TRADING_STOP, encode.no_protection(instrument, leg, index), _GONE)

    # An account.

    async def read_positions(
        self, credential: Credential, instrument: Instrument | None, *, urgent: bool = False
    ) -> tuple[VenuePosition, ...] | VenueFault:
        if instrument is None:
            rows = await self._session.get_pages(credential, urls.POSITIONS, encode.all_positions(), urgent=urgent)
            return self._value(rows, decode.positions)
        # Of one symbol there are two rows at most, so there is no second page.
        answer = await self._session.get(credential, urls.POSITIONS, encode.by_symbol(instrument), urgent=urgent)
        return self._value(answer, lambda result: decode.positions(result["list"]))

    async def resting_orders(self, credential: Credential, instrument: Instrument) -> tuple[RestingOrder, ...] | VenueFault:
        rows = await self._session.get_pages(credential, urls.REALTIME, encode.open_orders(instrument), vital=True)
        return self._value(rows, lambda found: tuple(decode.resting_order(row) for row in found))

    async def read_account(self, credential: Credential) -> AccountReading | VenueFault:
        wallet = await self._session.get(credential, urls.WALLET, "accountType=UNIFIED&coin=USDT")
        balance = self._value(wallet, decode.balance)
        if isinstance(balance, VenueFault):
            return balance
        positions = await self.read_positions(credential, None)
        if isinstance(positions, VenueFault):
            return positions
        return AccountReading(wallet_balance=balance[0], available_balance=balance[1], positions=positions)

    async def read_key(self, credential: Credential) -> KeyReading | VenueFault:
        """Read the key's rights and the account's position mode."""
        key = await self._session.get(credential, urls.KEY_INFO)
        if isinstance(key, Refusal):
            return key.fault
        probe = await self._session.get(credential, urls.POSITIONS, MODE_PROBE)
        hedged = self._value(probe, lambda result: decode.hedged(result["list"]))
        if isinstance(hedged, VenueFault):
            return hedged
        return self._value(key, lambda result: key_rights.read(result, PositionMode.HEDGE if hedged else PositionMode.ONE_WAY))

    async def set_leverage(self, credential: Credential, instrument: Instrument, leverage: Decimal) -> VenueFault | None:
        """Set isolated margin, which a unified account has for all symbols at once, then the symbol's leverage."""
        info = await self._session.get(credential, urls.ACCOUNT_INFO)
        isolated = self._value(info, lambda result: result["marginMode"] == "ISOLATED_MARGIN")
        if isinstance(isolated, VenueFault):
            return isolated
        if not isolated:
            fault = await self._change(credential, urls.MARGIN_MODE, encode.isolated(), _UNCHANGED)
            if fault is not None:
                return fault
        return await self._change(credential, urls.LEVERAGE, encode.leverage(instrument, leverage), _UNCHANGED)

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
        return f"<BybitClient {self.market} {self._line!r} {self._session.clock!r}>"

    async def _change(self, credential: Credential, path: str, body: bytes, done: frozenset[ErrorClass]) -> VenueFault | None:
        urgent = path in (urls.CANCEL, urls.TRADING_STOP)
        answer = await self._session.post(credential, path, body, timeout_s=self._timeouts.read_s, urgent=urgent)
        if isinstance(answer, Refusal) and answer.fault.error_class not in done:
            return answer.fault
        return None

    def _report(self, answer: Any | Refusal, client_order_id: ClientOrderId) -> OrderReport:
        if isinstance(answer, Refusal):
            return answer.report()
        try:
            return decode.acknowledgement(answer, client_order_id)
        except BAD_SHAPE:
            return unreadable(200).report()

    def _value(self, answer: Any | Refusal, read: Callable[[Any], T]) -> T | VenueFault:
        if isinstance(answer, Refusal):
            return answer.fault
        try:
            return read(answer)
        except BAD_SHAPE:
            return unreadable(200).fault

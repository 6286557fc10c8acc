"""A venue small enough to reason about: it executes, forgets, lies late and refuses as it is told, and counts what it executed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import ClientOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import BINANCE, Environment, Market
from marketbot.ports import Credential, EntryOrder, ExitOrder, ProtectiveOrder, VenueTraits


class Fault(StrEnum):
    NONE = "none"
    NOT_SENT = "not_sent"
    BUSY = "busy"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    POSITION_NOT_VISIBLE = "position_not_visible"


class VirtualClock:
    """Sleeping costs nothing but moves the time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.start = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class VenueDouble:
    """One account, one instrument. ``faults`` are drawn by every call that writes; ``blind_reads`` look-ups find nothing first."""

    clock: VirtualClock
    traits: VenueTraits
    faults: Iterator[Fault]
    blind_reads: int = 0
    stop_refusal: ErrorClass | None = None
    entry_refusal: ErrorClass | None = None
    market: Market = field(default_factory=lambda: Market(BINANCE, Environment.MAINNET))
    price: Decimal = Decimal(100)
    executed: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    """Of positions."""
    reads_before_exits: list[int] = field(default_factory=list)
    """How many reads had been when each exit was sent."""
    orders: dict[str, OrderReport] = field(default_factory=dict)
    position: VenuePosition | None = None
    stop: tuple[str, Decimal] | None = None
    target: tuple[str, Decimal] | None = None
    naked_since: float | None = None
    longest_naked_s: float = 0.0
    leverage_calls: int = 0
    dead_key: bool = False

    def _fault(self) -> Fault:
        self.clock.seconds += 0.01
        return next(self.faults, Fault.NONE)

    def _settle_clock(self) -> None:
        naked = self.position is not None and self.stop is None
        if naked and self.naked_since is None:
            self.naked_since = self.clock.seconds
        if self.naked_since is not None:
            self.longest_naked_s = max(self.longest_naked_s, self.clock.seconds - self.naked_since)
        if not naked:
            self.naked_since = None

    def _refused(self, error_class: ErrorClass) -> OrderReport:
        return OrderReport(OrderState.REJECTED, fault=VenueFault(error_class, "-1", "no"))

    def _answer(self, fault: Fault, report: OrderReport) -> OrderReport:
        if fault in (Fault.LOST_AFTER, Fault.LOST_BEFORE):
            self.clock.seconds += 2.5
            return OrderReport(OrderState.UNCONFIRMED, fault=VenueFault(ErrorClass.AMBIGUOUS))
        return report

    async def submit_entry(self, credential: Credential, order: EntryOrder) -> OrderReport:
        self._settle_clock()
        fault = self._fault()
        if self.dead_key:
            return self._refused(ErrorClass.KEY)
        if self.entry_refusal is not None:
            refusal, self.entry_refusal = self.entry_refusal, None
            return self._refused(refusal)
        if fault is Fault.NOT_SENT:
            return OrderReport(OrderState.PLANNED, fault=VenueFault(ErrorClass.NOT_SENT))
        if fault is Fault.BUSY:
            return self._refused(ErrorClass.RETRYABLE)
        report = OrderReport(OrderState.ACCEPTED)
        if fault is not Fault.LOST_BEFORE:
            self.executed[order.client_order_id] += 1
            filled = OrderReport(OrderState.FILLED, filled_qty=order.qty, average_price=self.price)
            self.orders[order.client_order_id] = filled
            attached = self.traits.attaches_protection
            self.position = VenuePosition("BTCUSDT", order.side, order.qty, self.price, self.price)
            if attached:
                self.stop, self.target = ("attached", order.stop_price), ("attached", order.target_price)
                self._show_protection()
            report = filled if self.traits.entry_reply_is_final else report
        self._settle_clock()
        return self._answer(fault, report)

    def _show_protection(self) -> None:
        if self.position is not None and self.traits.attaches_protection:
            held = self.position
            self.position = VenuePosition(
                held.venue_symbol,
                held.side,
                held.qty,
                held.entry_price,
                held.mark_price,
                self.stop[1] if self.stop else None,
                self.target[1] if self.target else None,
            )

    async def submit_protection(self, credential: Credential, order: ProtectiveOrder) -> OrderReport:
        self._settle_clock()
        fault = self._fault()
        if fault is Fault.NOT_SENT:
            return OrderReport(OrderState.PLANNED, fault=VenueFault(ErrorClass.NOT_SENT))
        if fault is Fault.BUSY:
            return self._refused(ErrorClass.RETRYABLE)
        if self.position is None or fault is Fault.POSITION_NOT_VISIBLE:
            return self._refused(ErrorClass.NO_POSITION)
        if self.stop_refusal is not None and order.leg is Leg.STOP_LOSS:
            return self._refused(self.stop_refusal)
        resting = self.stop if order.leg is Leg.STOP_LOSS else self.target
        if resting is not None and not self.traits.attaches_protection:
            return self._refused(ErrorClass.PROTECTION_EXISTS)
        if fault is not Fault.LOST_BEFORE:
            placed = (order.client_order_id, order.trigger_price)
            if order.leg is Leg.STOP_LOSS:
                self.stop = placed
            else:
                self.target = placed
            self.orders[order.client_order_id] = OrderReport(OrderState.ACCEPTED, trigger_price=order.trigger_price)
            self._show_protection()
        self._settle_clock()
        return self._answer(fault, OrderReport(OrderState.ACCEPTED))

    async def submit_exit(self, credential: Credential, order: ExitOrder) -> OrderReport:
        self.reads_before_exits.append(self.reads)
        self._settle_clock()
        fault = self._fault()
        if fault is Fault.NOT_SENT:
            return OrderReport(OrderState.PLANNED, fault=VenueFault(ErrorClass.NOT_SENT))
        if fault is Fault.BUSY:
            return self._refused(ErrorClass.RETRYABLE)
        if self.position is None:
            return self._refused(ErrorClass.NO_POSITION)
        taken = min(order.qty, self.position.qty)
        report = OrderReport(OrderState.FILLED, filled_qty=taken, average_price=self.price)
        if fault is not Fault.LOST_BEFORE:
            self.executed[order.client_order_id] += 1
            self.orders[order.client_order_id] = report
            if taken < self.position.qty:
                self.position = replace(self.position, qty=self.position.qty - taken)
            else:
                self.flatten()
        self._settle_clock()
        return self._answer(fault, report)

    def flatten(self) -> None:
        self.position = None
        for resting in (self.stop, self.target):
            if resting is not None and resting[0] in self.orders:
                self.orders[resting[0]] = OrderReport(OrderState.EXPIRED)
        self.stop = self.target = None

    async def find_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> OrderReport | Absent | VenueFault:
        self.clock.seconds += 0.01
        self._settle_clock()
        if self.blind_reads > 0:
            self.blind_reads -= 1
            return Absent()
        return self.orders.get(client_order_id, Absent())

    async def cancel_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> VenueFault | None:
        self.orders.pop(client_order_id, None)
        return None

    async def read_positions(
        self, credential: Credential, instrument: Instrument | None, *, urgent: bool = False
    ) -> tuple[VenuePosition, ...] | VenueFault:
        self.reads += 1
        self.clock.seconds += 0.01
        self._settle_clock()
        return () if self.position is None else (self.position,)

    async def resting_orders(self, credential: Credential, instrument: Instrument) -> tuple[RestingOrder, ...] | VenueFault:
        self.clock.seconds += 0.01
        found = []
        for kind, resting in (("stop_loss", self.stop), ("take_profit", self.target)):
            if resting is not None and self.position is not None:
                side = self.position.side.exit
                found.append(RestingOrder(resting[0], "1", "BTCUSDT", True, kind, side, resting[1], True))
        return tuple(found)

    async def set_leverage(self, credential: Credential, instrument: Instrument, leverage: Decimal) -> VenueFault | None:
        self.leverage_calls += 1
        return None


SIDES = (PositionSide.LONG, PositionSide.SHORT)

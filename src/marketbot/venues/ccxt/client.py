"""Any exchange of CCXT as one ``ports.VenueClient``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.money import plain
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import Market
from marketbot.ports import (
    AccountReading,
    Credential,
    EgressReading,
    EntryOrder,
    ExitOrder,
    KeyReading,
    ProtectiveOrder,
)
from marketbot.venues.answer import Refusal, unreadable
from marketbot.venues.ccxt import decode, keys
from marketbot.venues.ccxt.calls import Call, Calls
from marketbot.venues.ccxt.decode import BAD_SHAPE
from marketbot.venues.ccxt.dialect import Dialect, LookUp, ProtectionForm
from marketbot.venues.ccxt.exchange import Exchange
from marketbot.venues.guard import Guard
from marketbot.venues.line import Timeouts
from marketbot.venues.pace import Pace

_TRIGGER_KEY = {Leg.STOP_LOSS: "stopLossPrice", Leg.TAKE_PROFIT: "takeProfitPrice"}
_SIBLING = {Leg.STOP_LOSS: Leg.TAKE_PROFIT, Leg.TAKE_PROFIT: Leg.STOP_LOSS}
_UNCHANGED = frozenset({ErrorClass.NO_CHANGE})
_GONE = frozenset({ErrorClass.NOT_FOUND, ErrorClass.NO_POSITION, ErrorClass.NO_CHANGE})


class CcxtClient:
    """All accounts of one market of an exchange we do not speak natively."""

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        dialect: Dialect,
        pace: Pace,
        guard: Guard,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.market = market
        self.traits = dialect.traits
        self._exchange = exchange
        self._dialect = dialect
        self._timeouts = timeouts or Timeouts()
        self._calls = Calls(exchange, dialect.classify, pace, guard, self._timeouts)

    async def open(self) -> None:
        """Import CCXT and load the markets; an unreachable exchange does not prevent the start."""
        await self._exchange.open()
        await self._calls.market_wide(lambda _ex: self._exchange.load(), self._timeouts.bulk_s)

    async def close(self) -> None:
        await self._exchange.close()

    async def keep_warm(self) -> None:
        """Do nothing: CCXT's session keeps its own sockets, and a call here costs far more than a handshake."""

    # The market.

    async def instruments(self) -> Sequence[Instrument] | VenueFault:
        loaded = await self._calls.market_wide(lambda _ex: self._exchange.load(reload=True), self._timeouts.bulk_s)
        if isinstance(loaded, Refusal):
            return loaded.fault
        return decode.instruments(self._exchange.template.markets.values())

    async def prices(self) -> dict[Symbol, Decimal] | VenueFault:
        """Return the last price of every USDT perpetual, from the cheapest call the exchange has."""
        cheap = self._exchange.template.has.get("fetchLastPrices")
        rows = await self._calls.market_wide(
            lambda ex: ex.fetch_last_prices() if cheap else ex.fetch_tickers(), self._timeouts.bulk_s
        )
        if isinstance(rows, Refusal):
            return rows.fault
        try:
            return decode.prices(rows.values(), self._exchange.template.markets, "price" if cheap else "last")
        except BAD_SHAPE:
            return unreadable(200).fault

    async def sync_clock(self) -> VenueFault | None:
        synced = await self._calls.market_wide(lambda _ex: self._exchange.sync_clock(), self._timeouts.read_s)
        return synced.fault if isinstance(synced, Refusal) else None

    # Orders.

    async def submit_entry(self, credential: Credential, order: EntryOrder) -> OrderReport:
        params: dict[str, Any] = {"clientOrderId": order.client_order_id}
        params |= self._dialect.side_params(order.side, credential.position_mode)
        if self.traits.attaches_protection:
            params["stopLoss"] = {"triggerPrice": plain(order.stop_price)}
            params["takeProfit"] = {"triggerPrice": plain(order.target_price)}
        return await self._market_order(credential, order.instrument, order.side.entry, order.qty, params, urgent=False)

    async def submit_exit(self, credential: Credential, order: ExitOrder) -> OrderReport:
        params: dict[str, Any] = {"clientOrderId": order.client_order_id}
        params |= self._dialect.side_params(order.side, credential.position_mode)
        if "positionSide" not in params:  # there the side says it, and the flag is forbidden
            params["reduceOnly"] = True
        return await self._market_order(credential, order.instrument, order.side.exit, order.qty, params, urgent=True)

    async def _market_order(
        self, credential: Credential, instrument: Instrument, side: str, qty: Decimal, params: dict[str, Any], *, urgent: bool
    ) -> OrderReport:
        if qty % instrument.lot_size:
            # CCXT would cut it to the grid in silence, and trade another quantity than the one on record.
            return Refusal(VenueFault(ErrorClass.SIZE, "off_grid", "the quantity is not a multiple of the lot"), True).report()
        symbol, size = self._unified(instrument), self._contract_size(instrument)
        body = await self._calls.signed(
            credential,
            lambda ex: ex.create_order(symbol, "market", str(side), plain(qty / size), None, params),
            self._timeouts.order_s,
            urgent=urgent,
        )
        if isinstance(body, Refusal):
            return body.report()
        return self._order(body, size)

    async def submit_protection(self, credential: Credential, order: ProtectiveOrder) -> OrderReport:
        """Place a resting stop or target, in the form that the exchange is known or assumed to take."""
        form, amount = self._dialect.protection, "0"
        params: dict[str, Any] = {_TRIGGER_KEY[order.leg]: plain(order.trigger_price)}
        params |= self._dialect.side_params(order.side, credential.position_mode)
        if form is ProtectionForm.ON_POSITION:
            params["tradingStopEndpoint"] = True
            if order.sibling_price is not None:
                params[_TRIGGER_KEY[_SIBLING[order.leg]]] = plain(order.sibling_price)
        else:
            params["clientOrderId"] = order.client_order_id
        if form is ProtectionForm.CLOSING_TRIGGER:
            params["closePosition"] = True
        if form is ProtectionForm.SIZED_TRIGGER:
            params["reduceOnly"] = True
            held = await self._held(credential, order)
            if isinstance(held, OrderReport):
                return held
            amount = held
        symbol = self._unified(order.instrument)
        body = await self._calls.signed(
            credential,
            lambda ex: ex.create_order(symbol, "market", str(order.side.exit), amount, None, params),
            self._timeouts.protection_s,
            urgent=True,
        )
        if isinstance(body, Refusal):
            if form is not ProtectionForm.ON_POSITION or body.fault.error_class is not ErrorClass.NO_CHANGE:
                return body.report()
            body = {}
        return OrderReport(OrderState.ACCEPTED, venue_order_id=body.get("id") or None, trigger_price=order.trigger_price)

    async def _held(self, credential: Credential, order: ProtectiveOrder) -> str | OrderReport:
        """Return the position's size in contracts, or what to report when it cannot be protected by size."""
        positions = await self.read_positions(credential, order.instrument, urgent=True)
        if isinstance(positions, VenueFault):
            return OrderReport(OrderState.PLANNED, fault=positions)
        for position in positions:
            if position.side is order.side:
                return plain(position.qty / self._contract_size(order.instrument))
        fault = VenueFault(ErrorClass.NO_POSITION, "flat", "there is no position to protect")
        return OrderReport(OrderState.REJECTED, fault=fault)

    async def find_order(
        self,
        credential: Credential,
        instrument: Instrument,
        client_order_id: ClientOrderId,
        leg: Leg,
        side: PositionSide | None = None,
    ) -> OrderReport | Absent | VenueFault:
        """Look an order up by its client order id; protection that belongs to the position is read from it."""
        if leg.is_protective and self._dialect.protection is ProtectionForm.ON_POSITION:
            positions = await self.read_positions(credential, instrument, urgent=True)
            return positions if isinstance(positions, VenueFault) else _on_position(positions, leg, side)
        symbol, params = self._unified(instrument), self._dialect.find_params(client_order_id, leg)
        if self._dialect.look_up is LookUp.LISTS:
            return await self._find_in_lists(credential, instrument, client_order_id, params)
        body = await self._calls.signed(
            credential, lambda ex: ex.fetch_order(None, symbol, params), self._timeouts.read_s, urgent=True, vital=True
        )
        if isinstance(body, Refusal):
            if body.fault.error_class is not ErrorClass.NOT_FOUND:
                return body.fault
            return Absent()
        child = str((body.get("info") or {}).get("actualOrderId") or "")
        if leg.is_protective and child not in ("", "0"):
            # It has triggered: what became of it is told by the order it turned into.
            body = await self._calls.signed(
                credential, lambda ex: ex.fetch_order(child, symbol), self._timeouts.read_s, urgent=True
            )
            if isinstance(body, Refusal):
                return body.fault
        return self._look(body, instrument)

    async def _find_in_lists(
        self,
        credential: Credential,
        instrument: Instrument,
        client_order_id: ClientOrderId,
        params: dict[str, Any],
    ) -> OrderReport | Absent | VenueFault:
        symbol = self._unified(instrument)
        for method in ("fetch_open_orders", "fetch_canceled_and_closed_orders"):
            listing = _listing(method, symbol, params)
            rows = await self._calls.signed(credential, listing, self._timeouts.read_s, urgent=True, vital=True)
            if isinstance(rows, Refusal):
                return rows.fault
            for row in rows:
                if row.get("clientOrderId") == client_order_id:
                    return self._look(row, instrument)
        return Absent()

    async def cancel_order(
        self,
        credential: Credential,
        instrument: Instrument,
        client_order_id: ClientOrderId,
        leg: Leg,
        side: PositionSide | None = None,
    ) -> VenueFault | None:
        symbol = self._unified(instrument)
        if leg.is_protective and self._dialect.protection is ProtectionForm.ON_POSITION:
            return await self._take_off(credential, instrument, leg, side)
        params = self._dialect.find_params(client_order_id, leg)
        return await self._change(credential, lambda ex: ex.cancel_order(None, symbol, params), _GONE, urgent=True)

    async def _take_off(
        self, credential: Credential, instrument: Instrument, leg: Leg, side: PositionSide | None
    ) -> VenueFault | None:
        if side is None:
            positions = await self.read_positions(credential, instrument, urgent=True)
            if isinstance(positions, VenueFault):
                return positions
            if len(positions) != 1:
                unknown = VenueFault(ErrorClass.MODE, "side_unknown", "the id does not tell which side is meant")
                return unknown if positions else None
            side = positions[0].side
        symbol = self._unified(instrument)
        field = "stopLoss" if leg is Leg.STOP_LOSS else "takeProfit"
        request = {"category": "linear", "symbol": instrument.venue_symbol, "tpslMode": "Full", field: "0"}
        request |= self._dialect.side_params(side, credential.position_mode)
        assert symbol
        return await self._change(credential, lambda ex: ex.private_post_v5_position_trading_stop(request), _GONE, urgent=True)

    # An account.

    async def read_positions(
        self, credential: Credential, instrument: Instrument | None, *, urgent: bool = False
    ) -> tuple[VenuePosition, ...] | VenueFault:
        symbols = None if instrument is None else [self._unified(instrument)]
        rows = await self._calls.signed(credential, lambda ex: ex.fetch_positions(symbols), self._timeouts.read_s, urgent=urgent)
        if isinstance(rows, Refusal):
            return rows.fault
        on_position = self._dialect.protection is ProtectionForm.ON_POSITION
        try:
            return decode.positions(rows, self._exchange.template.markets, on_position=on_position)
        except BAD_SHAPE:
            return unreadable(200).fault

    async def resting_orders(self, credential: Credential, instrument: Instrument) -> tuple[RestingOrder, ...] | VenueFault:
        symbol = self._unified(instrument)
        found: dict[str, RestingOrder] = {}
        kinds: tuple[dict[str, Any], ...] = ({}, {"trigger": True})
        for params in kinds:
            listing = _listing("fetch_open_orders", symbol, params)
            rows = await self._calls.signed(credential, listing, self._timeouts.read_s, urgent=False, vital=True)
            if isinstance(rows, Refusal):
                return rows.fault
            try:
                for row in rows:
                    order = decode.resting_order(row, self._exchange.template.markets)
                    found[order.venue_order_id] = order
            except BAD_SHAPE:
                return unreadable(200).fault
        return tuple(found.values())

    async def read_account(self, credential: Credential) -> AccountReading | VenueFault:
        body = await self._calls.signed(credential, lambda ex: ex.fetch_balance(), self._timeouts.read_s, urgent=False)
        if isinstance(body, Refusal):
            return body.fault
        positions = await self.read_positions(credential, None)
        if isinstance(positions, VenueFault):
            return positions
        try:
            wallet, available = decode.balance(body)
        except BAD_SHAPE:
            return unreadable(200).fault
        return AccountReading(wallet_balance=wallet, available_balance=available, positions=positions)

    async def read_key(self, credential: Credential) -> KeyReading | VenueFault:
        """Read the key's rights where we know how; of any other exchange only that the key can read its account."""
        read = keys.reader_of(self._exchange.exchange_id)
        answer = await self._calls.signed(
            credential, lambda ex: read(ex, self.market.environment), self._timeouts.read_s, urgent=False
        )
        return answer.fault if isinstance(answer, Refusal) else answer

    async def set_leverage(self, credential: Credential, instrument: Instrument, leverage: Decimal) -> VenueFault | None:
        symbol = self._unified(instrument)
        if self._exchange.template.has.get("setMarginMode"):
            fault = await self._change(credential, lambda ex: ex.set_margin_mode("isolated", symbol), _UNCHANGED, urgent=False)
            if fault is not None:
                return fault
        fault = await self._change(credential, lambda ex: ex.set_leverage(int(leverage), symbol), _UNCHANGED, urgent=False)
        if fault is not None and fault.code == "BadRequest":  # CCXT's own check of the number, before anything was sent
            return VenueFault(ErrorClass.LEVERAGE, fault.code, fault.text)
        return fault

    # For the metrics page.

    def egress_readings(self) -> list[EgressReading]:
        rows = zip(self._calls.pace.readings(), self._calls.guard.states(), strict=True)
        return [replace(row, breaker=state, breaker_openings=openings) for row, (state, openings) in rows]

    def set_shares(self, shares: Sequence[Fraction], spent: Mapping[int, int] | None = None) -> None:
        self._calls.pace.set_shares(shares, spent)

    def overspent(self) -> list[int]:
        return self._calls.pace.overspent()

    def forget(self, accounts: Collection[AccountId]) -> None:
        self._calls.pace.forget(accounts)
        self._calls.guard.forget(accounts)
        self._exchange.forget(accounts)

    def state(self) -> dict[str, Any]:
        """Return the running totals and the budgets; nothing in it belongs to an account."""
        return {
            "market": str(self.market),
            "faults": {str(error_class): count for error_class, count in self._calls.faults.items()},
            "budgets": self._calls.pace.state(),
            "clones": self._exchange.clones,
        }

    def __repr__(self) -> str:
        return f"<CcxtClient {self.market} clones={self._exchange.clones} {self._calls.pace!r}>"

    async def _change(self, credential: Credential, call: Any, done: frozenset[ErrorClass], *, urgent: bool) -> VenueFault | None:
        answer = await self._calls.signed(credential, call, self._timeouts.read_s, urgent=urgent)
        if isinstance(answer, Refusal) and answer.fault.error_class not in done:
            return answer.fault
        return None

    def _unified(self, instrument: Instrument) -> str:
        """Return CCXT's name of an instrument."""
        return f"{str(instrument.symbol).removesuffix('USDT')}/USDT:USDT"

    def _contract_size(self, instrument: Instrument) -> Decimal:
        market = (self._exchange.template.markets or {}).get(self._unified(instrument))
        return Decimal(1) if market is None else decode.contract_size(market)

    def _order(self, body: Any, size: Decimal) -> OrderReport:
        try:
            return decode.order(body, size)
        except BAD_SHAPE:
            return unreadable(200).report()

    def _look(self, body: Any, instrument: Instrument) -> OrderReport | VenueFault:
        try:
            return decode.order(body, self._contract_size(instrument))
        except BAD_SHAPE:
            return unreadable(200).fault


def _listing(method: str, symbol: str, params: dict[str, Any]) -> Call:
    """Return the call of one of CCXT's list methods, with neither a start nor a limit."""
    return lambda exchange: getattr(exchange, method)(symbol, None, None, params)


def _on_position(positions: Sequence[VenuePosition], leg: Leg, side: PositionSide | None) -> OrderReport | Absent:
    prices = [
        position.stop_price if leg is Leg.STOP_LOSS else position.target_price
        for position in positions
        if side is None or position.side is side
    ]
    if not prices or None in prices:
        return Absent()
    return OrderReport(state=OrderState.ACCEPTED, trigger_price=prices[0])

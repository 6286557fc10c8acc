"""Trades: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOutcome:
    """What became of a signal at one account, and why, in the language asked for."""

    signal_id: int
    account_id: int
    """The account's number."""
    label: str | None
    venue: str | None
    environment: str | None
    """``mainnet`` is real money, ``testnet`` practice."""
    source: str | None
    action: str | None
    symbol: str | None
    strong: bool | None
    price: Decimal | None
    received_at: datetime | None
    planned_at: datetime
    became: str
    """``denied``, ``pending``, ``ordered``, ``rejected`` or ``lapsed``."""
    reason: str | None
    """Why, as a word for programs."""
    detail: str | None
    side: str | None
    qty: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    acked_ms: int | None
    """Milliseconds from the signal to the venue's word about the entry."""
    protected_ms: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsPage:
    """Signals page."""

    simulated: bool
    """true where everything is practice."""
    signals: tuple[SignalOutcome, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One leg's order, as it stands."""

    leg: str
    attempt: int
    symbol: str
    side: str
    qty: Decimal | None
    trigger_price: Decimal | None
    state: str
    filled_qty: Decimal | None
    average_price: Decimal | None
    """Of what was filled."""
    reason: str | None
    """Why, as a word for programs."""
    code: str | None = field(repr=False)
    detail: str | None
    client_order_id: str
    """Our own name of the order, the same at every try."""
    venue_order_id: str | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersRow:
    """The orders of one signal at one account of the user's."""

    signal_id: int
    account_id: int
    """The account's number."""
    label: str | None
    venue: str | None
    environment: str | None
    """``mainnet`` is real money, ``testnet`` practice."""
    planned_at: datetime
    orders: tuple[OrderRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersPage:
    """Orders page."""

    simulated: bool
    """true where everything is practice."""
    orders: tuple[OrdersRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """Position row."""

    account_id: int
    """The account's number."""
    label: str
    venue: str
    environment: str
    """``mainnet`` is real money, ``testnet`` practice."""
    symbol: str
    side: str
    signal_id: int | None
    protection: str
    """``naked``, ``protecting``, ``protected`` or ``closing``."""
    qty: Decimal
    entry_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None
    opened_at: datetime
    protected_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    realized_pnl: Decimal | None
    """What it gained or lost, before fees."""
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsPage:
    """Positions page."""

    simulated: bool
    """true where everything is practice."""
    positions: tuple[PositionRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """What a closed position gained or lost, before fees, in the quote currency."""

    account_id: int
    """The account's number."""
    label: str | None
    venue: str | None
    environment: str | None
    """``mainnet`` is real money, ``testnet`` practice."""
    symbol: str
    side: str
    signal_id: int | None
    result: Decimal
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsPage:
    """Results page."""

    simulated: bool
    """true where everything is practice."""
    results: tuple[ResultRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """What a price did from ``at`` on, for a chart's step; in quote per base."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesAnswer:
    """Oldest point first; none stands for a step in which nobody read the price."""

    simulated: bool
    """true where everything is practice."""
    position: PositionRow
    span: str
    step_s: int
    prices: tuple[PricePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDay:
    """What positions that closed on one day (of UTC) gained or lost, and all until then; in the quote currency, before fees."""

    day: date
    result: Decimal
    closed: int
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """The days of one environment on which something closed, oldest first. ``before`` is the total ahead of the first."""

    environment: str
    """``mainnet`` is real money, ``testnet`` practice."""
    before: Decimal
    days: tuple[ResultDay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDaysAnswer:
    """Result days answer."""

    simulated: bool
    """true where everything is practice."""
    equity: tuple[Equity, ...]


def list_signals(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[SignalsPage, SignalOutcome]:
    """What became of signals at the user's accounts, newest first.

    Scope: ``orders:read``.
    """
    return PagedCall(
        "GET", "/v1/signals", {200: SignalsPage}, query=given(limit=limit, after=after), rows="signals", following="next"
    )


def list_orders(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[OrdersPage, OrdersRow]:
    """Orders by signal and account, every leg and attempt, newest first.

    Scope: ``orders:read``.
    """
    return PagedCall(
        "GET", "/v1/orders", {200: OrdersPage}, query=given(limit=limit, after=after), rows="orders", following="next"
    )


def list_positions(
    *, limit: int | Unset = UNSET, after: str | Unset = UNSET, closed: bool | Unset = UNSET
) -> PagedCall[PositionsPage, PositionRow]:
    """Open positions by account and symbol.

    Scope: ``orders:read``.
    """
    return PagedCall(
        "GET",
        "/v1/positions",
        {200: PositionsPage},
        query=given(limit=limit, after=after, closed=closed),
        rows="positions",
        following="next",
    )


def list_results(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[ResultsPage, ResultRow]:
    """What closed positions gained or lost, before fees, newest first.

    Scope: ``orders:read``.
    """
    return PagedCall(
        "GET", "/v1/results", {200: ResultsPage}, query=given(limit=limit, after=after), rows="results", following="next"
    )


def show_prices(
    account_id: int, symbol: str, side: str, *, span: Literal["6h", "1d", "7d"] | Unset = UNSET
) -> Call[PricesAnswer]:
    """A position as it stands, and how its price went.

    Scope: ``orders:read``.
    """
    return Call(
        "GET",
        "/v1/positions/{account_id}/{symbol}/{side}/prices",
        {200: PricesAnswer},
        places={"account_id": account_id, "symbol": symbol, "side": side},
        query=given(span=span),
    )


def show_result_days() -> Call[ResultDaysAnswer]:
    """What each day brought and what it came to, by environment.

    Scope: ``orders:read``.
    """
    return Call("GET", "/v1/results/days", {200: ResultDaysAnswer})

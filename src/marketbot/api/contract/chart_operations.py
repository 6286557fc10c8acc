"""The operations of what is drawn: a position's price, results by day, what processes counted, venues, readiness reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from marketbot.api.contract.operation import HTML, Operation, Query, Tag
from marketbot.api.operator_series import Series, Threshold
from marketbot.store.market_standings import MarketStanding
from marketbot.store.price_bars import PricePoint
from marketbot.store.price_bars import Span as PriceSpan
from marketbot.store.readiness_reports import KeptReport
from marketbot.store.result_days import Equity
from marketbot.store.samples import Span
from marketbot.store.user_trades import PositionRow


@dataclass(frozen=True, slots=True)
class PricesAnswer:
    """Oldest point first; none stands for a step in which nobody read the price."""

    simulated: bool
    position: PositionRow
    span: PriceSpan
    step_s: int
    prices: list[PricePoint]


@dataclass(frozen=True, slots=True)
class ResultDaysAnswer:
    simulated: bool
    equity: list[Equity]


@dataclass(frozen=True, slots=True)
class SeriesAnswer:
    """``at`` are the steps that are over, oldest first; ``thresholds`` are the review's."""

    simulated: bool
    span: Span
    step_s: int
    at: list[datetime]
    series: Series
    thresholds: dict[str, Threshold]


@dataclass(frozen=True, slots=True)
class MarketsAnswer:
    simulated: bool
    markets: list[MarketStanding]


@dataclass(frozen=True, slots=True)
class ReadinessReports:
    simulated: bool
    reports: list[KeptReport]


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """``report`` is what ``marketbot readiness --format json`` writes, with the course of the run."""

    report_id: int
    kept_at: datetime
    report: dict[str, Any]


CHARTS: Mapping[str, Operation] = {
    "GET /v1/positions/{account_id}/{symbol}/{side}/prices": Operation(
        "show_prices",
        Tag.TRADES,
        "A position as it stands, and how its price went",
        {200: PricesAnswer},
        query=(Query("span", PriceSpan, "How far back; 6h if not given."),),
    ),
    "GET /v1/results/days": Operation(
        "show_result_days", Tag.TRADES, "What each day brought and what it came to, by environment", {200: ResultDaysAnswer}
    ),
    "GET /v1/operator/series": Operation(
        "show_series",
        Tag.DESK,
        "What all processes counted over the last hour or day",
        {200: SeriesAnswer},
        query=(Query("span", Span, "How far back; hour if not given."),),
    ),
    "GET /v1/operator/markets": Operation(
        "show_markets", Tag.DESK, "How each source address stands at each market", {200: MarketsAnswer}
    ),
    "GET /v1/operator/readiness": Operation(
        "list_readiness_reports", Tag.DESK, "The kept readiness reports, the latest first", {200: ReadinessReports}
    ),
    "GET /v1/operator/readiness/{report_id}": Operation(
        "show_readiness_report",
        Tag.DESK,
        "One readiness report, as an object or as a page",
        {200: ReadinessReport},
        media=HTML,
        query=(
            Query("lang", Literal["en", "pt"], "The report's language; the caller's if not given."),
            Query("format", Literal["json", "html"], "json if not given."),
        ),
    ),
}

"""Operator: desk: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given, new_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds; None where nothing was measured."""

    p50: tuple[float | None, ...]
    p95: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values by step, all of the same length as ``at``."""

    signals: tuple[int, ...]
    accounts: tuple[int, ...]
    stages: dict[str, Latency]
    response: Latency
    requests: tuple[int, ...]
    errors_pct: tuple[float | None, ...]
    outcomes: dict[str, tuple[int, ...]]
    connections_pct: tuple[float | None, ...]
    memory_pct: tuple[float | None, ...]
    memory_mb: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What the review calls the target, and from where on it is an alarm."""

    target: float
    alarm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAnswer:
    """``at`` are the steps that are over, oldest first; ``thresholds`` are the review's."""

    simulated: bool
    """true where everything is practice."""
    span: str
    step_s: int
    at: tuple[datetime, ...]
    series: Series
    thresholds: dict[str, Threshold]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStanding:
    """One address at one market, over all engines that use it. ``used`` and ``throttle`` are shares, 0 to 1."""

    venue: str
    environment: str
    """``mainnet`` is real money, ``testnet`` practice."""
    egress: int
    engines: int
    used: Decimal
    throttle: Decimal
    blocked_s: Decimal
    breaker: str
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketsAnswer:
    """Markets answer."""

    simulated: bool
    """true where everything is practice."""
    markets: tuple[MarketStanding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """``readiness`` is 0 to 1; ``simulation``: it was a throw-away installation with simulated venues."""

    report_id: int
    started_at: datetime
    kept_at: datetime
    readiness: Decimal
    ready: bool
    simulation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReports:
    """Readiness reports."""

    simulated: bool
    """true where everything is practice."""
    reports: tuple[KeptReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReport:
    """``report`` is what ``marketbot readiness --format json`` writes, with the course of the run."""

    report_id: int
    kept_at: datetime
    report: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSummary:
    """One signal and what became of it, counted over its accounts."""

    signal_id: int
    source: str
    action: str
    symbol: str
    strong: bool
    price: Decimal | None
    state: str
    received_at: datetime
    planned_at: datetime | None
    settled_at: datetime | None
    planned: int
    pending: int
    ordered: int
    denied: dict[str, int]
    rejected: dict[str, int]
    lapsed: dict[str, int]
    protected: int
    unconfirmed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAnswer:
    """Signal answer."""

    simulated: bool
    """true where everything is practice."""
    signal: SignalSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class LegState:
    """Where one leg's order stands."""

    leg: str
    attempt: int
    state: str
    client_order_id: str
    """Our own name of the order, the same at every try."""
    venue_order_id: str | None
    trigger_price: Decimal | None
    filled_qty: Decimal | None
    average_price: Decimal | None
    """Of what was filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAccount:
    """What became of one signal at one account. ``became``: denied, pending, ordered, rejected or lapsed."""

    account_id: int
    """The account's number."""
    user_id: int
    label: str
    venue: str
    environment: str
    """``mainnet`` is real money, ``testnet`` practice."""
    lane: int
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
    legs: tuple[LegState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAtAccount:
    """Signal at account."""

    account: SignalAccount
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAccountsPage:
    """``next_after`` is a number; null on the last page."""

    simulated: bool
    """true where everything is practice."""
    accounts: tuple[SignalAtAccount, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job as an operator sees it."""

    job_id: int
    kind: str
    key: str | None
    due_at: datetime
    every: float | None
    attempts: int
    max_attempts: int
    claimed_by: int | None
    failed: str | None
    created_at: datetime
    done_at: datetime | None
    dead_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsPage:
    """Jobs page."""

    simulated: bool
    """true where everything is practice."""
    jobs: tuple[JobRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNumber:
    """Job number."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSignalTaken:
    """Test signal taken."""

    signal_id: int
    repeated: bool
    test: bool


def show_series(*, span: Literal["hour", "day"] | Unset = UNSET) -> Call[SeriesAnswer]:
    """What all processes counted over the last hour or day.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/operator/series", {200: SeriesAnswer}, query=given(span=span))


def show_markets() -> Call[MarketsAnswer]:
    """How each source address stands at each market.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/operator/markets", {200: MarketsAnswer})


def list_readiness_reports() -> Call[ReadinessReports]:
    """The kept readiness reports, the latest first.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/operator/readiness", {200: ReadinessReports})


def show_readiness_report(
    report_id: int, *, lang: Literal["en", "pt"] | Unset = UNSET, format: Literal["json", "html"] | Unset = UNSET
) -> Call[ReadinessReport]:
    """One readiness report, as an object or as a page.

    Scope: ``operator:read``.
    """
    return Call(
        "GET",
        "/v1/operator/readiness/{report_id}",
        {200: ReadinessReport},
        places={"report_id": report_id},
        query=given(lang=lang, format=format),
    )


def show_signal(signal_id: int) -> Call[SignalAnswer]:
    """A signal's state, and counts by outcome and reason.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/signals/{signal_id}", {200: SignalAnswer}, places={"signal_id": signal_id})


def list_signal_accounts(
    signal_id: int, *, limit: int | Unset = UNSET, after: int | Unset = UNSET
) -> PagedCall[SignalAccountsPage, SignalAtAccount]:
    """What became of a signal at each account, by ascending number.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET",
        "/v1/signals/{signal_id}/accounts",
        {200: SignalAccountsPage},
        places={"signal_id": signal_id},
        query=given(limit=limit, after=after),
        rows="accounts",
        following="next_after",
    )


def list_dead_jobs(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[JobsPage, JobRow]:
    """Jobs that were given up, the latest first.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET", "/v1/operator/jobs/dead", {200: JobsPage}, query=given(limit=limit, after=after), rows="jobs", following="next"
    )


def retry_job(job_id: int, *, idempotency_key: str | None = None) -> Call[JobNumber]:
    """Let a dead letter begin anew, now.

    Scope: ``jobs:write``.
    """
    return Call(
        "POST", "/v1/operator/jobs/{job_id}/retry", {200: JobNumber}, places={"job_id": job_id}, key=idempotency_key or new_key()
    )


def drop_job(job_id: int, *, idempotency_key: str | None = None) -> Call[JobNumber]:
    """Forget a dead letter.

    Scope: ``jobs:write``.
    """
    return Call(
        "POST", "/v1/operator/jobs/{job_id}/drop", {200: JobNumber}, places={"job_id": job_id}, key=idempotency_key or new_key()
    )


def send_test_signal(*, source: str, body: str, idempotency_key: str | None = None) -> Call[TestSignalTaken]:
    """Send a signal in a source's name; it trades.

    Scope: ``signals:write``.
    """
    return Call(
        "POST",
        "/v1/operator/signals/test",
        {202: TestSignalTaken},
        body=given(source=source, body=body),
        key=idempotency_key or new_key(),
    )

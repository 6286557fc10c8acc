"""What a process counts, for Prometheus. Every label is a closed enum or a market, so the number of series is bounded.

The functions are cheap: children are bound once, at import, and found by the enum member itself.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from enum import Enum, StrEnum
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from marketbot.domain.breaker import BreakerState
from marketbot.domain.lane import Lane
from marketbot.domain.reasons import DenialReason, LapseReason, RefusalReason, RejectionReason
from marketbot.domain.venue import Market
from marketbot.ports import EgressReading
from marketbot.reconciliation.compare import Kind

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)


class Stage(StrEnum):
    """The parts of a signal's way, each with its own histogram of seconds."""

    INTAKE = "intake"
    """From the body's last byte to the answer."""
    PLAN = "plan"
    """One signal over all its accounts: read, decided and inserted, page by page."""
    CLAIM_WAIT = "claim_wait"
    """From a signal's receipt to an account's entry being claimed."""
    QUEUE_WAIT = "queue_wait"
    """From a signal's receipt to an account's entry being sent."""
    ENTRY_ACK = "entry_ack"
    """From an entry being handed to the wire to the venue's answer."""
    SIGNAL_TO_ACK = "signal_to_ack"
    """From a signal's receipt to an account's entry acknowledged."""
    UNPROTECTED = "unprotected"
    """From a position's fill being known to its stop resting."""
    PERSIST = "persist"
    """One batch of results written."""


class JobResult(StrEnum):
    """How one attempt at a job ended."""

    DONE = "done"
    FAILED = "failed"
    """It is tried again later."""
    GAVE_UP = "gave_up"
    """It is a dead letter; one that recurs comes again at its usual time."""
    INTERRUPTED = "interrupted"
    """The process ended first; another one goes on."""


class RouteClass(StrEnum):
    """What a caller asked the API for, as coarse as an alarm needs it: never a path, for callers make those up."""

    WEBHOOK = "webhook"
    API = "api"
    HEALTH = "health"
    METRICS = "metrics"
    OTHER = "other"


class Answered(StrEnum):
    """How a request ended. A 503 while the store is away is an error: the caller did not get what it came for."""

    OK = "ok"
    REFUSED = "refused"
    """4xx: the caller's to mend."""
    ERROR = "error"


BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)

_Metric = TypeVar("_Metric", bound=MetricWrapperBase)
_Member = TypeVar("_Member", bound=Enum)


def _children(metric: _Metric, members: Iterable[_Member]) -> dict[_Member, _Metric]:
    return {member: metric.labels(member.name.lower() if isinstance(member, Lane) else member.value) for member in members}


class _Seconds(Collector, Generic[_Member]):
    """Histograms counted in plain lists: an order passes five of them, and each costs a tenth of the library's."""

    def __init__(self, name: str, help_text: str, label: str, members: type[_Member]) -> None:
        self._family = (name, help_text, [label])
        self.counts: dict[_Member, list[int]] = {member: [0] * (len(BUCKETS_S) + 1) for member in members}
        self.sums: dict[_Member, float] = dict.fromkeys(members, 0.0)

    def observe(self, member: _Member, seconds: float) -> None:
        self.counts[member][bisect_left(BUCKETS_S, seconds)] += 1
        self.sums[member] += seconds

    def collect(self) -> Iterable[Metric]:
        name, help_text, labels = self._family
        family = HistogramMetricFamily(name, help_text, labels=labels)
        bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
        for member, counts in self.counts.items():
            family.add_metric([member.value], list(zip(bounds, accumulate(counts), strict=True)), self.sums[member])
        return [family]


_STAGES = _Seconds("marketbot_stage_seconds", "How long a stage took.", "stage", Stage)
REGISTRY.register(_STAGES)
_REQUEST_SECONDS = _Seconds(
    "marketbot_http_request_seconds", "From a request's head to the head of its answer.", "route", RouteClass
)
REGISTRY.register(_REQUEST_SECONDS)
_REQUESTS = Counter("marketbot_http_requests_total", "Requests answered.", ["route", "answered"], registry=REGISTRY)
_REQUEST_ENDS = {(route, end): _REQUESTS.labels(route.value, end.value) for route in RouteClass for end in Answered}
_REFUSED = _children(
    Counter("marketbot_refused_total", "Bodies that did not become a signal.", ["reason"], registry=REGISTRY), RefusalReason
)
_DENIED = _children(
    Counter("marketbot_denied_total", "Accounts that do nothing about a signal.", ["reason"], registry=REGISTRY), DenialReason
)
_LAPSED = _children(Counter("marketbot_lapsed_total", "Intents that ended unsent.", ["reason"], registry=REGISTRY), LapseReason)
_REJECTED = _children(
    Counter("marketbot_rejected_total", "Orders that a venue refused.", ["reason"], registry=REGISTRY), RejectionReason
)
_ACCEPTED = Counter("marketbot_signals_accepted_total", "Signals committed.", registry=REGISTRY)
_REPEATED = Counter("marketbot_signals_repeated_total", "Repeats answered as the first was.", registry=REGISTRY)
_UNSTORED = Counter("marketbot_signals_unstored_total", "Deliveries answered 503.", registry=REGISTRY)
_REFUSALS_DROPPED = Counter(
    "marketbot_refusals_dropped_total", "Refusals counted but not written: their queue was full.", registry=REGISTRY
)
_UNPROTECTED = Gauge("marketbot_unprotected_positions", "Positions without a resting stop.", registry=REGISTRY)
_UNCONFIRMED = Gauge("marketbot_unconfirmed_orders", "Orders sent of which nobody knows yet.", registry=REGISTRY)
_UNCONFIRMED_OLDEST = Gauge(
    "marketbot_unconfirmed_oldest_seconds", "How long the oldest of them has been so; 0 without any.", registry=REGISTRY
)
_DEPTH = _children(Gauge("marketbot_queue_depth", "Accounts waiting in a lane.", ["lane"], registry=REGISTRY), Lane)
_QUEUE_OLDEST = _children(
    Gauge(
        "marketbot_queue_oldest_seconds",
        "How long a lane's oldest work has been open; 0 without any.",
        ["lane"],
        registry=REGISTRY,
    ),
    Lane,
)
_MISMATCHES = _children(
    Counter("marketbot_mismatches_total", "Differences between our books and a venue's, healed.", ["kind"], registry=REGISTRY),
    Kind,
)
_SLOTS = Gauge("marketbot_worker_slots", "Slots of accounts that this engine acts for.", registry=REGISTRY)
_TAKEOVERS = Counter("marketbot_worker_takeovers_total", "Engines found dead and ended by this one.", registry=REGISTRY)
_BUDGET = Gauge("marketbot_budget_used_ratio", "Share of a venue's budget used.", ["market", "egress"], registry=REGISTRY)
_EGRESS_LABELS = ["market", "egress"]
_SHARE = Gauge("marketbot_egress_share_ratio", "Share of an address's limit that is ours.", _EGRESS_LABELS, registry=REGISTRY)
_THROTTLE = Gauge(
    "marketbot_egress_throttle_ratio", "What refusals have left of an address's limit.", _EGRESS_LABELS, registry=REGISTRY
)
_BLOCKED = Gauge(
    "marketbot_egress_blocked_seconds", "How long a ban of an address lasts; nothing is sent.", _EGRESS_LABELS, registry=REGISTRY
)
_BREAKER = Gauge("marketbot_breaker_state", "0 closed, 1 half open, 2 open.", _EGRESS_LABELS, registry=REGISTRY)
_OPENINGS = Counter("marketbot_breaker_openings_total", "How often a breaker opened.", _EGRESS_LABELS, registry=REGISTRY)
_BREAKER_VALUE = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
MAX_EGRESS_PLACES = 4096
"""Pairs of market and address that are shown."""
_CONNECTIONS = Gauge(
    "marketbot_database_connections", "Clients' sessions at the database server, all of them.", registry=REGISTRY
)
_CONNECTIONS_MAX = Gauge(
    "marketbot_database_connections_max", "Sessions it takes, those kept for superusers left out.", registry=REGISTRY
)
_READS = Counter(
    "marketbot_reads_total",
    "Reads that may be stale, by the server that answered: primary or replica.",
    ["target"],
    registry=REGISTRY,
)
_READS_FROM = {True: _READS.labels("replica"), False: _READS.labels("primary")}
_REPLICA_UP = Gauge(
    "marketbot_replica_up", "1 while a replica is read from, 0 while it is left out.", ["replica"], registry=REGISTRY
)
_REPLICA_LAG = Gauge("marketbot_replica_lag_seconds", "How far a replica is behind the primary.", ["replica"], registry=REGISTRY)
_BACKUP_AGE = Gauge(
    "marketbot_backup_age_seconds", "Since the last good backup's point; NaN before the first.", registry=REGISTRY
)
_BACKUP_TOOK = Gauge("marketbot_backup_duration_seconds", "How long the last good backup took.", registry=REGISTRY)
_BACKUP_BYTES = Gauge("marketbot_backup_bytes", "How large the last good backup is.", registry=REGISTRY)
_BACKUP_FAILURES = Gauge("marketbot_backup_failures", "Backups that failed since the last good one.", registry=REGISTRY)
_PRICE_BARS_DROPPED = Counter(
    "marketbot_price_bars_dropped_total",
    "Minutes of a price that charts lack: there was no time to write them.",
    registry=REGISTRY,
)
_JOBS = Counter("marketbot_jobs_total", "Attempts at jobs, by how they ended.", ["kind", "result"], registry=REGISTRY)
_DEAD_LETTERS = Gauge("marketbot_dead_letters", "Jobs that were given up and wait for an operator.", registry=REGISTRY)
_JOB_AGE = Gauge("marketbot_jobs_oldest_due_seconds", "For how long the oldest due job has waited or run.", registry=REGISTRY)
_MEMORY_BOUND = Gauge(
    "marketbot_memory_bound_bytes", "Resident memory near which a process is replaced; 0: none.", registry=REGISTRY
)
for _gauge in (_BACKUP_AGE, _BACKUP_TOOK, _BACKUP_BYTES):
    _gauge.set(math.nan)


class _Place:
    """The series of one market and address, bound once."""

    def __init__(self, market: Market, egress: int) -> None:
        labels = (str(market), str(egress))
        self.used = _BUDGET.labels(*labels)
        self.share = _SHARE.labels(*labels)
        self.throttle = _THROTTLE.labels(*labels)
        self.blocked = _BLOCKED.labels(*labels)
        self.breaker = _BREAKER.labels(*labels)
        self.openings = _OPENINGS.labels(*labels)
        self.openings_seen = 0


_places: dict[tuple[Market, int], _Place] = {}


def observe(stage: Stage, seconds: float) -> None:
    """Add one duration to a stage's histogram."""
    _STAGES.observe(stage, seconds)


def count_request(route: RouteClass, status: int, seconds: float) -> None:
    """Count one answered request of the API."""
    _REQUEST_SECONDS.observe(route, seconds)
    _REQUEST_ENDS[route, Answered.ERROR if status >= 500 else Answered.REFUSED if status >= 400 else Answered.OK].inc()


def count_refused(reason: RefusalReason) -> None:
    _REFUSED[reason].inc()


def count_denied(reason: DenialReason, accounts: int = 1) -> None:
    _DENIED[reason].inc(accounts)


def count_lapsed(reason: LapseReason, intents: int = 1) -> None:
    _LAPSED[reason].inc(intents)


def count_rejected(reason: RejectionReason) -> None:
    _REJECTED[reason].inc()


def count_accepted(*, repeated: bool) -> None:
    (_REPEATED if repeated else _ACCEPTED).inc()


def count_unstored() -> None:
    _UNSTORED.inc()


def count_refusals_dropped(rows: int) -> None:
    _REFUSALS_DROPPED.inc(rows)


def set_unprotected_positions(positions: int) -> None:
    _UNPROTECTED.set(positions)


def set_unconfirmed_orders(orders: int, oldest_s: float = 0.0) -> None:
    _UNCONFIRMED.set(orders)
    _UNCONFIRMED_OLDEST.set(oldest_s)


def set_queue_depth(lane: Lane, accounts: int, oldest_s: float = 0.0) -> None:
    _DEPTH[lane].set(accounts)
    _QUEUE_OLDEST[lane].set(oldest_s)


def count_mismatch(kind: Kind) -> None:
    _MISMATCHES[kind].inc()


def set_worker_slots(slots: int) -> None:
    _SLOTS.set(slots)


def count_takeover() -> None:
    _TAKEOVERS.inc()


def set_database_connections(used: int, usable: int) -> None:
    _CONNECTIONS.set(used)
    _CONNECTIONS_MAX.set(usable)


def count_read(*, replica: bool) -> None:
    _READS_FROM[replica].inc()


def set_replica(number: int, *, up: bool, lag_s: float) -> None:
    """Note how a replica stands, by its number in REPLICA_URLS; those are bounded (``store.replicas.REPLICAS_MAX``)."""
    _REPLICA_UP.labels(str(number)).set(1 if up else 0)
    _REPLICA_LAG.labels(str(number)).set(lag_s)


def set_egress(market: Market, egress: int, reading: EgressReading) -> None:
    """Note how one source address stands at one market."""
    key = (market, egress)
    place = _places.get(key)
    if place is None:
        if len(_places) >= MAX_EGRESS_PLACES:
            return
        place = _places[key] = _Place(market, egress)
    place.used.set(reading.used)
    place.share.set(reading.share)
    place.throttle.set(reading.throttle)
    place.blocked.set(reading.blocked_s)
    place.breaker.set(_BREAKER_VALUE[reading.breaker])
    place.openings.inc(max(0, reading.breaker_openings - place.openings_seen))
    place.openings_seen = reading.breaker_openings


def set_backups(age_s: float | None, took_s: float | None, size: int | None, failures: int) -> None:
    """Note how backups stand; None where there never was a good one."""
    for gauge, value in ((_BACKUP_AGE, age_s), (_BACKUP_TOOK, took_s), (_BACKUP_BYTES, size)):
        gauge.set(math.nan if value is None else value)
    _BACKUP_FAILURES.set(failures)


def count_price_bars_dropped(bars: int) -> None:
    _PRICE_BARS_DROPPED.inc(bars)


def count_job(kind: str, result: JobResult) -> None:
    """Count an attempt; kinds are bounded (``jobs.kinds.MAX_KINDS``)."""
    _JOBS.labels(kind, result.value).inc()


def set_jobs(dead: int, oldest_due_s: float) -> None:
    _DEAD_LETTERS.set(dead)
    _JOB_AGE.set(oldest_due_s)


def set_memory_bound(size: int) -> None:
    _MEMORY_BOUND.set(size)


def render() -> bytes:
    """Return everything counted, in Prometheus' text format."""
    return generate_latest(REGISTRY)

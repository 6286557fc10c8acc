"""What this process counted since it was last asked, out of its metrics: the same numbers that Prometheus reads, for who has none.

Names are short and flat, for they are keys of a row's map (store/samples.py): ``signals``, ``requests.ok``, ``denied.MAX_POSITIONS``, and
of histograms ``stage.entry_ack.5``, the sixth bucket of metrics.BUCKETS_S.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from marketbot.observability.metrics import BUCKETS_S, REGISTRY

_PLAIN = {"marketbot_signals_accepted_total": "signals", "marketbot_worker_takeovers_total": "takeovers"}
_BY_REASON = {
    "marketbot_refused_total": "refused",
    "marketbot_denied_total": "denied",
    "marketbot_lapsed_total": "lapsed",
    "marketbot_rejected_total": "rejected",
}
_REQUESTS = "marketbot_http_requests_total"
_SECONDS = {"marketbot_stage_seconds": "stage", "marketbot_http_request_seconds": "request"}
_UNASKED = frozenset({"health", "metrics"})
"""Requests that machines make of us all day long: they would hide how people are answered."""
_FAMILIES = (*_PLAIN, *_BY_REASON, _REQUESTS, *(f"{name}_bucket" for name in _SECONDS))
_NUMBER_OF = {**{str(bound): number for number, bound in enumerate(BUCKETS_S)}, "+Inf": len(BUCKETS_S)}


class Minute:
    """Remembers what had been counted when it was asked last."""

    def __init__(self) -> None:
        self._before: Counter[str] = Counter()

    def take(self) -> dict[str, int]:
        """Return what was counted since; what was nothing is left out."""
        now = totals()
        since = {name: count - self._before[name] for name, count in now.items() if count > self._before[name]}
        self._before = now
        return since


def totals() -> Counter[str]:
    """Return everything counted since the process began, by name."""
    found: Counter[str] = Counter()
    reached: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for name, labels, value in _samples():
        if name in _PLAIN:
            found[_PLAIN[name]] += value
        elif name in _BY_REASON:
            found[f"{_BY_REASON[name]}.{labels['reason']}"] += value
        elif labels.get("route") in _UNASKED:
            continue
        elif name == _REQUESTS:
            found[f"requests.{labels['answered']}"] += value
        else:
            noun = _SECONDS[name.removesuffix("_bucket")]
            reached[f"stage.{labels['stage']}" if noun == "stage" else noun][_NUMBER_OF[labels["le"]]] += value
    # A histogram's buckets tell how many there were up to each bound.
    for name, counts in reached.items():
        for number, count in counts.items():
            found[f"{name}.{number}"] += count - counts.get(number - 1, 0)
    return found


def gauge(name: str) -> int | None:
    """Return a gauge without labels; None where this process never set it."""
    value = REGISTRY.get_sample_value(name)
    return int(value) if value else None


def _samples() -> Iterator[tuple[str, dict[str, str], int]]:
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name in _FAMILIES:
                yield sample.name, sample.labels, int(sample.value)

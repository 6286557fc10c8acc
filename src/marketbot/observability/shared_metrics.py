"""What a process counts of the shared store, of limits and of load that it sheds. Every label is a closed enum."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import Counter, Gauge

from marketbot.domain.limits import LimitName
from marketbot.domain.load import LoadClass
from marketbot.observability.metrics import REGISTRY


class SharedUse(StrEnum):
    """What the shared store is used for; each has its own way of doing without it."""

    LIMITS = "limits"
    CACHE = "cache"
    EVENTS = "events"
    STREAMS = "streams"


class Lookup(StrEnum):
    """Where a cached value came from."""

    PROCESS = "process"
    SHARED = "shared"
    LOADED = "loaded"


_UP = Gauge(
    "marketbot_shared_store_up", "1 while the shared store answers; absent when none is configured.", ["store"], registry=REGISTRY
)
_FALLBACKS = Counter(
    "marketbot_shared_store_fallbacks_total", "Calls answered without the shared store.", ["use"], registry=REGISTRY
)
_LIMITED = Counter("marketbot_limited_total", "Requests over a limit.", ["limit"], registry=REGISTRY)
_SHED = Counter("marketbot_shed_total", "Requests turned away because the process was full.", ["load_class"], registry=REGISTRY)
_IN_FLIGHT = Gauge("marketbot_requests_in_flight", "Requests being served.", ["load_class"], registry=REGISTRY)
_LOOKUPS = Counter("marketbot_cache_lookups_total", "Cached values, by where they came from.", ["found"], registry=REGISTRY)
_CACHE_ENTRIES = Gauge("marketbot_cache_entries", "Entries that this process keeps in a cache.", ["cache"], registry=REGISTRY)
_CACHE_ENTRIES_MAX = Gauge("marketbot_cache_entries_max", "Entries that it keeps at most.", ["cache"], registry=REGISTRY)
_EVENTS_DROPPED = Counter(
    "marketbot_events_dropped_total", "Live events that a slow or unreachable reader did not get.", registry=REGISTRY
)

_fallbacks = {use: _FALLBACKS.labels(use.value) for use in SharedUse}
_limited = {name: _LIMITED.labels(name.value) for name in LimitName}
_shed = {load_class: _SHED.labels(load_class.value) for load_class in LoadClass}
_in_flight = {load_class: _IN_FLIGHT.labels(load_class.value) for load_class in LoadClass}
_lookups = {found: _LOOKUPS.labels(found.value) for found in Lookup}


def set_shared_store_up(up: bool) -> None:
    """Say how the store is, once it is known that there is to be one."""
    _UP.labels("shared").set(1 if up else 0)


def count_fallback(use: SharedUse) -> None:
    _fallbacks[use].inc()


def count_limited(name: LimitName) -> None:
    _limited[name].inc()


def count_shed(load_class: LoadClass) -> None:
    _shed[load_class].inc()


def set_in_flight(load_class: LoadClass, requests: int) -> None:
    _in_flight[load_class].set(requests)


def count_lookup(found: Lookup) -> None:
    _lookups[found].inc()


def set_cache_entries(cache: str, entries: int, most: int) -> None:
    """Note how full a cache of this process is; caches are named in the code, so they are few."""
    _CACHE_ENTRIES.labels(cache).set(entries)
    _CACHE_ENTRIES_MAX.labels(cache).set(most)


def count_events_dropped(events: int) -> None:
    _EVENTS_DROPPED.inc(events)

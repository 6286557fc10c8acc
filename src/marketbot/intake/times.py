"""When a sender says it spoke. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

FUTURE_TOLERANCE_S = 30
"""How far a sender's clock may run ahead of ours."""

_EPOCH = re.compile(r"[0-9]{10}(?:[0-9]{3})?(?:\.[0-9]{1,9})?", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,18}(?:Z|[+-][0-9]{2}:?[0-9]{2})?", re.ASCII)
_INTERVAL = re.compile(r"([0-9]{0,5})([SMHDW]?)", re.IGNORECASE | re.ASCII)
_UNIT_S = {"s": 1, "h": 3600, "d": 86_400, "w": 604_800}


def read_time(text: str) -> datetime | None:
    """Return aware UTC for ISO 8601 (no zone means UTC) or Unix seconds or milliseconds."""
    text = text.strip()
    try:
        if _EPOCH.fullmatch(text):
            whole, _, fraction = text.partition(".")
            unit_us = 1000 if len(whole) == 13 else 1_000_000
            since_us = int(whole) * unit_us + int((fraction or "0").ljust(6, "0")[:6]) * unit_us // 1_000_000
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since_us)
        if not _ISO.fullmatch(text):
            return None
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_interval_s(text: str) -> int | None:
    """Return the seconds of a chart's interval as TradingView writes it (``30``, ``240``, ``1D``) or people do (``4h``, ``15m``).

    A bare number is minutes. A lone or upper-case ``M`` after a number is a month to TradingView and minutes to people: the
    lower case decides, and a month is answered as None.
    """
    text = text.strip()
    match = _INTERVAL.fullmatch(text)
    if not text or match is None:
        return None
    count, unit = match.groups()
    if unit == "M" or (not count and not unit):
        return None
    per_s = 60 if unit in ("", "m") else _UNIT_S[unit.lower()]
    return int(count or 1) * per_s


def bar_closed_at(opened_at: datetime, interval_s: int, now: datetime) -> datetime:
    """Return when a bar's alert can have been raised at the latest: at its close, or now while it is still open.

    TradingView's ``{{time}}`` is the time a bar *opened* (support page 43000531021), so an alert at a 4-hour bar's close
    carries a time four hours old.
    """
    return min(opened_at + timedelta(seconds=interval_s), max(now, opened_at))

"""How many signals a source may send from one address within an hour. In process; it fails open across restarts.

What it guards is the planner's work, not money: every signal it lets through still meets deduplication and the accounts' own
limits. Several API processes each keep their own count.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from marketbot.domain.ids import SourceId

WINDOW_S = 3600
MAX_REMEMBERED = 4096
"""(source, address) pairs; the one unused for longest is forgotten first. Only callers with a valid secret get a place."""
IPV6_PREFIX = 64
"""One sender commands a whole /64, so it is one address here."""


@dataclass(slots=True)
class _Count:
    hour: int
    current: int
    previous: int


class SourceLimits:
    """A sliding window made of two counters: the last hour's count fades as the present hour goes by."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[SourceId, str], _Count] = OrderedDict()

    def __repr__(self) -> str:
        return f"<SourceLimits {len(self._counts)} of {MAX_REMEMBERED} remembered>"

    def take(self, source_id: SourceId, address: str, limit: int, now_s: float) -> int | None:
        """Count one signal; return None when it may pass, else after how many seconds to try again."""
        key = (source_id, _sender(address))
        hour = int(now_s // WINDOW_S)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= MAX_REMEMBERED:
                self._counts.popitem(last=False)
            count = self._counts[key] = _Count(hour, 0, 0)
        else:
            self._counts.move_to_end(key)
        if count.hour != hour:
            count.previous = count.current if count.hour == hour - 1 else 0
            count.hour, count.current = hour, 0
        passed = now_s / WINDOW_S - hour
        if count.previous * (1 - passed) + count.current + 1 <= limit:
            count.current += 1
            return None
        return _wait_s(count, limit, passed)


def _wait_s(count: _Count, limit: int, passed: float) -> int:
    """Return the seconds until the window has faded enough for one more."""
    if count.current + 1 <= limit:
        until = 1 - (limit - 1 - count.current) / count.previous
    else:
        until = 2 - (limit - 1) / count.current
    return max(1, math.ceil((until - passed) * WINDOW_S))


def _sender(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], IPV6_PREFIX), strict=False))
    except ValueError:
        return address

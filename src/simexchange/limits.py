"""Count use against the venues' limits. These limiters fail shut: over the limit is refused, as at the venue."""

from dataclasses import dataclass, fields
from typing import Any


class Window:
    """Count use within a window that starts with its first use, or on the clock when aligned."""

    __slots__ = ("started_at", "used")

    def __init__(self) -> None:
        self.started_at = 0.0
        self.used = 0

    def add(self, now: float, length_s: float, cost: int = 1, *, aligned: bool = False) -> int:
        """Add a cost and return what the window has used, that cost included."""
        if now - self.started_at >= length_s:
            self.started_at = now - now % length_s if aligned else now
            self.used = 0
        self.used += cost
        return self.used


@dataclass(slots=True)
class LimitSettings:
    """The limits in force; None turns one off. Source: venues' pages on rate limits, 2026."""

    binance_ip_weight_1m: int | None = 2400
    binance_orders_10s: int | None = 300
    binance_orders_1m: int | None = 1200
    binance_refusals_before_ban: int = 20
    binance_ban_s: float = 120.0
    bybit_ip_per_5s: int | None = 600
    bybit_ban_s: float = 600.0
    bybit_uid_writes_per_s: int | None = 10
    bybit_uid_reads_per_s: int | None = 50

    def turn_off(self) -> None:
        """Turn every limit off."""
        self.change(
            {
                "binance_ip_weight_1m": None,
                "binance_orders_10s": None,
                "binance_orders_1m": None,
                "bybit_ip_per_5s": None,
                "bybit_uid_writes_per_s": None,
                "bybit_uid_reads_per_s": None,
            }
        )

    def change(self, values: dict[str, Any]) -> None:
        """Set limits by name. Raises ValueError on an unknown name or a value that is no number."""
        known = {f.name for f in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown limit: {name}")
            if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
                raise ValueError(f"not a number: {name}")
            if value is None and name in ("binance_refusals_before_ban", "binance_ban_s", "bybit_ban_s"):
                raise ValueError(f"cannot be turned off: {name}")
            setattr(self, name, value)


@dataclass(slots=True)
class Ban:
    """One source's latest ban, and the requests that came all the same. Times are epoch seconds; it is kept when it is over."""

    began_at: float
    until: float
    requests: int = 0
    last_request_at: float | None = None


class SourceLimit:
    """Count by source address, and remember who is banned until when (epoch seconds)."""

    __slots__ = ("_banned_until", "_refusals", "_windows", "bans", "refusals_total")

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._refusals: dict[str, int] = {}
        self._banned_until: dict[str, float] = {}
        self.bans: dict[str, Ban] = {}
        self.refusals_total = 0
        """Requests over some limit, of an address or an account, or during a ban; what a fault rule refuses is not among them."""

    def add(self, source: str, now: float, length_s: float, cost: int, *, aligned: bool) -> int:
        """Add a cost and return what the source has used in this window."""
        window = self._windows.get(source)
        if window is None:
            window = self._windows[source] = Window()
        return window.add(now, length_s, cost, aligned=aligned)

    def refused(self, source: str) -> int:
        """Count a refusal and return how many the source has had."""
        self.refusals_total += 1
        self._refusals[source] = self._refusals.get(source, 0) + 1
        return self._refusals[source]

    def ban(self, source: str, until: float, now: float) -> None:
        """Ban a source until a time."""
        self._banned_until[source] = until
        self.bans[source] = Ban(now, until)
        self._refusals.pop(source, None)

    def banned_until(self, source: str, now: float) -> float | None:
        """Return the end of the source's ban, or None; a request of a banned source goes on its record."""
        if not self._banned_until:
            return None
        until = self._banned_until.get(source)
        if until is None:
            return None
        if until <= now:
            del self._banned_until[source]
            return None
        ban = self.bans[source]
        ban.requests += 1
        self.refusals_total += 1
        ban.last_request_at = now
        return until

    def clear(self) -> None:
        """Forget all use, refusals and bans."""
        self._windows.clear()
        self._refusals.clear()
        self._banned_until.clear()
        self.bans.clear()

"""Whom a load may be sent to, and how much of it at most: this machine, or a host whose owner says so by name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_USERS = 20_000
MAX_MINUTES = 120.0
MAX_RATE_PER_S = 5_000.0
MAX_REQUESTS = 5_000_000


class TargetRefused(ValueError):
    """A load may not be sent there, or not that much of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. ``authority`` is what the Host header says."""

    host: str
    port: int
    encrypted: bool

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.encrypted else 'http'}://{self.authority}"


def target(url: str, *, owned: str | None = None) -> Target:
    """Read an address. Only loopback is allowed, unless ``owned`` names the very host.

    Raises:
        TargetRefused: it is neither.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise TargetRefused(f"{url} names no port that exists") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise TargetRefused("the address is http://HOST:PORT or https://HOST:PORT, without a path")
    host = parts.hostname
    if not _is_loopback(host) and (owned is None or owned.strip("[]").lower() != host):
        raise TargetRefused(f"{host} is not this machine: a load on a stranger's server is an attack. If it is yours, name it.")
    encrypted = parts.scheme == "https"
    return Target(host, port or (443 if encrypted else 80), encrypted)


def check_amount(*, users: int, minutes: float, rate_per_s: float) -> None:
    """Refuse a load without end.

    Raises:
        TargetRefused: one of the bounds is passed.
    """
    if not 1 <= users <= MAX_USERS:
        raise TargetRefused(f"users lie between 1 and {MAX_USERS}")
    if not 0 < minutes <= MAX_MINUTES:
        raise TargetRefused(f"minutes lie between 0 and {MAX_MINUTES:.0f}")
    if not 0 < rate_per_s <= MAX_RATE_PER_S:
        raise TargetRefused(f"the rate lies between 0 and {MAX_RATE_PER_S:.0f} a second")
    if rate_per_s * minutes * 60 > MAX_REQUESTS:
        raise TargetRefused(f"that is more than {MAX_REQUESTS} requests")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

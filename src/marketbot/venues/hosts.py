"""Which hosts a market may be reached at. Nothing ever falls back from one environment's hosts to another's."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from marketbot.domain.errors import MarketBotError
from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market, Profile
from marketbot.venues.wire.endpoint import DEFAULT_PORTS, Endpoint, is_loopback

# developers.binance.com, USDS-margined futures, General Info (2026-05-28): fapi.binance.com, testnet demo-fapi.binance.com.
# bybit-exchange.github.io/docs/v5/guide, Integration Guidance (2026-07-24): api.bybit.com or api.bytick.com, api-testnet.bybit.com.
_HOSTS: dict[Market, tuple[str, ...]] = {
    Market(BINANCE, Environment.MAINNET): ("fapi.binance.com",),
    Market(BINANCE, Environment.TESTNET): ("demo-fapi.binance.com",),
    Market(BYBIT, Environment.MAINNET): ("api.bybit.com", "api.bytick.com"),
    Market(BYBIT, Environment.TESTNET): ("api-testnet.bybit.com",),
}

BINANCE_KEY_HOST = "api.binance.com"
"""Serves the rights of mainnet keys (/sapi); the testnet has no such host."""


class HostRefused(MarketBotError):
    """An address does not belong to the market and profile it was given for."""


@dataclass(frozen=True, slots=True)
class MarketHosts:
    """Where one market's client may connect to, and nowhere else.

    ``allowed`` is what the wire enforces. ``keys`` is Binance's second host, which alone tells what a key may do.
    """

    endpoint: Endpoint
    allowed: frozenset[str]
    keys: Endpoint | None = None


def market_hosts(market: Market, profile: Profile, url: str | None = None) -> MarketHosts:
    """Return a market's hosts; ``url`` picks one of them, and is required for a simulation.

    Raises:
        HostRefused: the market is unknown, or the address belongs to another market or profile.
    """
    if profile is Profile.SIMULATION:
        return _simulated(market, url)
    hosts = _HOSTS.get(market)
    if hosts is None:
        raise HostRefused(f"{market} has no native client")
    endpoint = Endpoint("https", hosts[0], DEFAULT_PORTS["https"]) if url is None else endpoint_of(url)
    if endpoint.host not in hosts or endpoint.scheme != "https":
        raise HostRefused(f"{endpoint} is not an address of {market}")
    if market == Market(BINANCE, Environment.MAINNET):
        keys = Endpoint("https", BINANCE_KEY_HOST, DEFAULT_PORTS["https"])
        return MarketHosts(endpoint, frozenset((*hosts, BINANCE_KEY_HOST)), keys)
    return MarketHosts(endpoint, frozenset(hosts))


def _simulated(market: Market, url: str | None) -> MarketHosts:
    if url is None:
        raise HostRefused(f"a simulation of {market} needs the simulator's address")
    endpoint = endpoint_of(url)
    if not is_loopback(endpoint.host):
        raise HostRefused(f"a simulation of {market} stays on this machine, {endpoint} does not")
    keys = endpoint if market == Market(BINANCE, Environment.MAINNET) else None
    return MarketHosts(endpoint, frozenset((endpoint.host,)), keys)


def endpoint_of(url: str) -> Endpoint:
    """Read ``scheme://host[:port]``.

    Raises:
        HostRefused: it is anything else.
    """
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in DEFAULT_PORTS or parts.path not in ("", "/") or parts.username:
        raise HostRefused("an address must look like https://host[:port]")
    try:
        return Endpoint(parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme])
    except ValueError as error:
        raise HostRefused(str(error)) from error

"""Build the clients of a profile's markets. The only place that knows which client speaks for which venue."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from marketbot.domain.egress import Egress
from marketbot.domain.venue import BINANCE, BYBIT, CCXT_PREFIX, Market, Profile, Venue
from marketbot.ports import Clock, EgressNews, VenueClient
from marketbot.venues.binance import BinanceClient
from marketbot.venues.binance import urls as binance_urls
from marketbot.venues.bybit import BybitClient
from marketbot.venues.bybit import urls as bybit_urls
from marketbot.venues.ccxt import CcxtClient
from marketbot.venues.ccxt.calls import LIMITS as CCXT_LIMITS
from marketbot.venues.ccxt.dialect import dialect_of
from marketbot.venues.ccxt.exchange import Exchange
from marketbot.venues.clock import VenueClock
from marketbot.venues.guard import Guard
from marketbot.venues.hosts import HostRefused, market_hosts
from marketbot.venues.line import Line, Timeouts
from marketbot.venues.news import share_bans
from marketbot.venues.pace import Pace
from marketbot.venues.wire import HandshakeRoom, tls_context
from marketbot.venues.wire.endpoint import is_loopback

_LIMITS = {BINANCE: binance_urls.LIMITS, BYBIT: bybit_urls.LIMITS}
_CLIENTS: dict[Venue, type[BinanceClient] | type[BybitClient]] = {BINANCE: BinanceClient, BYBIT: BybitClient}


async def open_clients(
    profile: Profile,
    markets: Iterable[Market],
    *,
    clock: Clock,
    egress: Sequence[Egress | None] = (None,),
    urls: Mapping[Market, str] | None = None,
    ca_file: Path | None = None,
    timeouts: Timeouts | None = None,
    handshakes: HandshakeRoom | None = None,
    news: EgressNews | None = None,
    may_act: Callable[[], bool] | None = None,
) -> dict[Market, VenueClient]:
    """Return an open client for every market.

    ``egress`` are the ways out that ``Credential.egress`` counts from 0; None lets the system choose. ``news`` carries bans to and from
    other processes; ``may_act`` tells whether none of them can be acting for this one's accounts. ``urls`` holds the simulator's addresses
    under the simulation profile, and may pick one of a market's own hosts under the live one. ``ca_file`` is the simulator's authority;
    the live profile trusts the system's alone. Clients opened with the same ``handshakes`` share that bound.

    Raises:
        HostRefused: a market has no client, or an address does not belong to it.
    """
    if ca_file is not None and profile is not Profile.SIMULATION:
        raise HostRefused("only a simulation brings its own certificate authority")
    if profile is Profile.SIMULATION and any(way is not None and way.is_proxy and not is_loopback(way.host) for way in egress):
        raise HostRefused("a simulation stays on this machine, and so do its proxies")
    context = tls_context(ca_file)
    clients: dict[Market, VenueClient] = {}
    for market in markets:
        url = (urls or {}).get(market)
        if market.venue.startswith(CCXT_PREFIX):
            pace = Pace(CCXT_LIMITS, egresses=len(egress), clock=clock)
            guard = Guard(str(market), egresses=len(egress), clock=clock, may_act=may_act)
            clients[market] = _ccxt_client(market, profile, url, egress, context, pace, guard, timeouts)
        elif market.venue in _CLIENTS:
            hosts = market_hosts(market, profile, url)
            pace = Pace(_LIMITS[market.venue], egresses=len(egress), clock=clock)
            guard = Guard(str(market), egresses=len(egress), clock=clock, may_act=may_act)
            line = Line(hosts, egress=egress, pace=pace, guard=guard, ssl_context=context, handshakes=handshakes)
            clients[market] = _CLIENTS[market.venue](market, line, VenueClock(clock), timeouts)
        else:
            raise HostRefused(f"{market} has no client")
        if news is not None:
            share_bans(market, pace, news, clock)
    for client in clients.values():
        await client.open()
    return clients


def _ccxt_client(
    market: Market,
    profile: Profile,
    url: str | None,
    egress: Sequence[Egress | None],
    context: ssl.SSLContext,
    pace: Pace,
    guard: Guard,
    timeouts: Timeouts | None,
) -> CcxtClient:
    exchange_id = market.venue.removeprefix(CCXT_PREFIX)
    dialect = dialect_of(exchange_id)
    exchange = Exchange(
        exchange_id,
        dialect,
        environment=market.environment,
        profile=profile,
        url=url,
        egress=egress,
        ssl_context=context,
        timeout_s=(timeouts or Timeouts()).bulk_s,
    )
    return CcxtClient(market, exchange, dialect, pace, guard, timeouts)

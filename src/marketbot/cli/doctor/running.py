"""Checks of what runs: API, engine, and the venues as seen from this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from marketbot.cli.doctor.finding import Finding, advice, fine, wrong
from marketbot.cli.http import request
from marketbot.clock import SystemClock
from marketbot.domain.errors import MarketBotError
from marketbot.domain.execution_report import VenueFault
from marketbot.domain.venue import Environment, Market, Profile, Venue
from marketbot.ports import VenueClient
from marketbot.settings import Settings
from marketbot.simulator import SimulatorUnknownError, simulator_urls
from marketbot.store.pool import Connection
from marketbot.supervisor.endpoints import Endpoints
from marketbot.venues.registry import open_clients

PROBE_TIMEOUT_S = 3.0
SKEW_MAX_MS = 1_000
OK = 200

_MARKETS = "SELECT DISTINCT venue, environment::text FROM account ORDER BY 1, 2"


async def check_service(settings: Settings) -> AsyncIterator[Finding]:
    """Yield whether the processes of ``marketbot up`` answer."""
    endpoints = Endpoints.read(settings.data_dir)
    if endpoints is None:
        yield advice("service", "The service does not run here.", "`marketbot up` starts it.")
        return
    for url in endpoints.api_urls:
        yield await _api(url)
    for url in endpoints.engine_urls:
        yield await _engine(url)


async def check_venues(connection: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """Yield, for every market that accounts trade at, whether it answers and how far apart the clocks are."""
    markets = [Market(Venue(row["venue"]), Environment(row["environment"])) for row in await connection.fetch(_MARKETS)]
    if not markets:
        return
    try:
        urls, ca_file = simulator_urls(settings)
        clients = await open_clients(settings.profile, markets, clock=SystemClock(), urls=urls, ca_file=ca_file)
    except SimulatorUnknownError:
        yield advice("venues", "The simulator does not run.", "`marketbot up` starts it.")
        return
    except MarketBotError as error:
        yield wrong("venues", str(error), "Import these accounts for a venue that is served.")
        return
    try:
        for finding in await asyncio.gather(*(_venue(market, client) for market, client in clients.items())):
            yield finding
    finally:
        await asyncio.gather(*(client.close() for client in clients.values()))


async def _api(url: str) -> Finding:
    try:
        answer = await request("GET", f"{url}/health/ready", timeout_s=PROBE_TIMEOUT_S)
    except OSError as error:
        return wrong("api", f"{url} does not answer ({type(error).__name__}).", "See logs/api.log; restart `marketbot up`.")
    if answer.status != OK:
        return wrong("api", f"It says: {answer.document.get('status', answer.status)}.", "See logs/api.log and the database.")
    return fine("api", f"Takes signals at {url}.")


async def _engine(url: str) -> Finding:
    """The engine's port serves metrics to who shows the operator's token; that it talks to us at all shows that it lives."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.close()
    except (OSError, TimeoutError) as error:
        return wrong("engine", f"{url} does not answer ({type(error).__name__}).", "See logs/engine.log; restart `marketbot up`.")
    return fine("engine", "Runs.")


async def _venue(market: Market, client: VenueClient) -> Finding:
    check = f"venue {market}"
    fault = await client.sync_clock()
    prices = await client.prices() if fault is None else fault
    if isinstance(prices, VenueFault):
        told = f"{prices.code} {prices.text}".strip() or str(prices.error_class)
        return wrong(check, f"It gives no prices: {told}.", "Entries there are denied until it does; check the network.")
    state = getattr(client, "state", None)
    skew_ms = int(state().get("clock_skew_ms", 0)) if state is not None else 0
    if abs(skew_ms) > SKEW_MAX_MS:
        return wrong(check, f"Its clock and ours are {skew_ms} ms apart.", "Set this machine's clock by NTP.")
    return fine(check, f"{len(prices)} live prices, clocks {abs(skew_ms)} ms apart.")


def as_running(settings: Settings, profile: Profile) -> Settings:
    """Return the settings with the profile of the database and the simulator of the running service."""
    endpoints = Endpoints.read(settings.data_dir)
    known: dict[str, object] = {"profile": profile}
    if profile is Profile.SIMULATION and endpoints is not None:
        known["simulator_ready_file"] = endpoints.simulator_ready_file
    return settings.model_copy(update=known)

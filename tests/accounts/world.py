"""A simulated exchange over TLS, a real database, and accounts that exist at both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from marketbot.accounts.files import read_accounts_file
from marketbot.accounts.importing import Imported, import_accounts
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.safe import Safe
from marketbot.clock import SystemClock
from marketbot.domain.egress import Egress
from marketbot.domain.ids import AccountId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import Environment, Market, Profile, Venue
from marketbot.ports import VenueClient
from marketbot.store.installation import Installation, open_installation
from marketbot.store.pool import Pool, open_pool
from marketbot.store.sources import create_webhook_source
from marketbot.vault.kek import Kek
from marketbot.vault.vault import Vault
from marketbot.venues.registry import open_clients
from simexchange import Config, Simulator

MARKETS = tuple(Market(Venue(venue), environment) for venue in ("binance", "bybit") for environment in Environment)
SYMBOL = Symbol("BTCUSDT")
SOURCE = "club"
EGRESS = tuple(Egress.parse(f"127.0.0.{last}") for last in range(1, 9))


def make_safe() -> Safe:
    """Make a safe of known keys."""
    return Safe(Vault(bytes(range(32))), Kek(lambda: [bytes(range(1, 33))]))


@dataclass
class World:
    """Everything an account needs to be connected."""

    simulator: Simulator
    session: aiohttp.ClientSession
    pool: Pool
    safe: Safe
    keyring: Keyring
    installation: Installation
    clients: dict[Market, VenueClient]
    instruments: dict[Market, dict[Symbol, Instrument]]
    clock: SystemClock = field(default_factory=SystemClock)

    def instrument(self, market: Market, symbol: Symbol) -> Instrument | None:
        return self.instruments[market].get(symbol)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.simulator.control_token}"}
        async with self.session.request(method, self.simulator.control_url + path, json=body, headers=headers) as answer:
            made = await answer.json()
            assert answer.status == 200, made
            return made

    async def fault(self, kind: str, **fields: Any) -> None:
        await self.control("POST", "/faults", {"rules": [{"kind": kind, **fields}]})

    async def price(self, price: str) -> None:
        await self.control("POST", "/prices", {"prices": {SYMBOL: price}})

    async def open_at_venue(self, accounts: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make accounts at the simulator and return them with their keys."""
        made = await self.control("POST", "/accounts", {"accounts": accounts})
        found: list[dict[str, Any]] = made["accounts"]
        return found

    async def import_rows(self, rows: list[Mapping[str, Any]]) -> Imported:
        """Bring rows in by way of a JSON file."""
        read = read_accounts_file(json.dumps(rows).encode())
        assert read.problems == ()
        async with self.pool.acquire() as connection:
            return await import_accounts(connection, self.safe, read.records, egresses=len(EGRESS))

    async def bring_in(self, accounts: list[Mapping[str, Any]], **settings: Any) -> list[AccountId]:
        """Make accounts at the simulator and import them; user and label may stand in each, beside the simulator's fields."""
        ours = ("user", "label", "settings")
        made = await self.open_at_venue([{k: v for k, v in each.items() if k not in ours} for each in accounts])
        rows = [
            {
                "user": wanted.get("user", "ana"),
                "label": wanted.get("label", f"a{number}"),
                "venue": account["venue"],
                "environment": account["environment"],
                "api_key": account["api_key"],
                "api_secret": account["api_secret"],
                "follows": [SOURCE],
                **settings,
                **wanted.get("settings", {}),
            }
            for number, (wanted, account) in enumerate(zip(accounts, made, strict=True))
        ]
        imported = await self.import_rows(rows)
        assert imported.problems == ()
        fingerprints = [self.safe.fingerprint(row["api_key"]) for row in rows]
        found = await self.pool.fetch("SELECT account_id, api_key_fingerprint FROM account")
        by_fingerprint = {row["api_key_fingerprint"]: AccountId(row["account_id"]) for row in found}
        return [by_fingerprint[each] for each in fingerprints]

    async def account(self, account_id: AccountId) -> Mapping[str, Any]:
        row = await self.pool.fetchrow("SELECT * FROM account WHERE account_id = $1", account_id)
        assert row is not None
        return dict(row)


async def eventually(true: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Poll until ``true`` holds; a ``TimeoutError`` fails the test."""
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110 - what is polled lies in a database or at a venue
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_world(database: str, directory: Path, *, limits_real: bool = False) -> AsyncIterator[World]:
    clock = SystemClock()
    simulator = await Simulator(Config(tls=True, state_dir=directory, limits_real=limits_real)).start()
    pool = await open_pool(database, name="test", size=8)
    session = aiohttp.ClientSession()
    urls = {market: simulator.urls[market.venue][market.environment] for market in MARKETS}
    clients = await open_clients(Profile.SIMULATION, MARKETS, clock=clock, egress=EGRESS, urls=urls, ca_file=simulator.ca_file)
    try:
        instruments: dict[Market, dict[Symbol, Instrument]] = {}
        for market, client in clients.items():
            found = await client.instruments()
            assert not hasattr(found, "error_class"), found
            instruments[market] = {each.symbol: each for each in found}  # type: ignore[union-attr]
        safe = make_safe()
        async with pool.acquire() as connection:
            await create_webhook_source(connection, SOURCE, "a secret of sixteen letters")
            await connection.execute("UPDATE source SET instruments = $1", [SYMBOL])
        installation = await open_installation(pool, Profile.SIMULATION)
        yield World(simulator, session, pool, safe, Keyring(pool, safe), installation, clients, instruments, clock)
    finally:
        for client in clients.values():
            await client.close()
        await session.close()
        await pool.close()
        await simulator.stop()

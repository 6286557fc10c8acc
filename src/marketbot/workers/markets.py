"""Opens a market when the first account needs it, and keeps what its accounts share fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from marketbot.domain.venue import Environment, Market, Venue
from marketbot.ports import VenueClient
from marketbot.store.listen import Listener
from marketbot.store.pool import Pool, is_unavailable
from marketbot.workers.market_data import MarketData

POLL_S = 2.0

log = structlog.get_logger(__name__)


class Markets:
    """The clients of every market that some account trades at. A market nobody uses is never dialled."""

    def __init__(
        self,
        pool: Pool,
        data: MarketData,
        open_client: Callable[[Market], Awaitable[VenueClient]],
        clients: dict[Market, VenueClient],
    ) -> None:
        self._pool = pool
        self._data = data
        self._open_client = open_client
        self.clients = clients
        """Shared with whoever sends orders; grows, never shrinks."""
        self._keepers: dict[Market, asyncio.Task[None]] = {}

    async def refresh(self) -> None:
        """Open what is new."""
        rows = await self._pool.fetch("SELECT DISTINCT venue, environment FROM account")
        for row in rows:
            market = Market(Venue(row["venue"]), Environment(row["environment"]))
            if market in self.clients:
                continue
            self.clients[market] = await self._open_client(market)
            log.info("market_opened", market=str(market))
            loaded = await self._data.load(market)
            self._keepers[market] = asyncio.create_task(self._data.run(market, loaded=loaded), name=f"market-{market}")

    async def run(self, listener: Listener) -> None:
        """Follow the accounts until cancelled. A keeper that broke ends the engine: a bug must be seen."""
        try:
            while True:
                await listener.wait("account", POLL_S)
                for keeper in self._keepers.values():
                    if keeper.done():
                        keeper.result()
                try:
                    await self.refresh()
                except Exception as error:
                    if not is_unavailable(error):
                        raise
        finally:
            for keeper in self._keepers.values():
                keeper.cancel()
            await asyncio.gather(*self._keepers.values(), return_exceptions=True)

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()

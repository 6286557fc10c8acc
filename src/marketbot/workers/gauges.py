"""What the store knows that an operator must see: unprotected positions, unconfirmed orders, what waits in each lane. And what the
store must know for them: how this engine's addresses stand at the venues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from marketbot.backup.runs import read_standing
from marketbot.domain.lane import Lane
from marketbot.domain.venue import Market
from marketbot.observability import metrics
from marketbot.ports import VenueClient
from marketbot.store.connections import usage
from marketbot.store.market_standings import write_standings
from marketbot.store.pool import Pool, is_unavailable

EVERY_S = 2.0

_SQL = Path(__file__).parent.parent / "store" / "sql"
GAUGES = (_SQL / "gauges.sql").read_text()


async def run_gauges(pool: Pool, clients: Mapping[Market, VenueClient], worker: Callable[[], int]) -> None:
    """Look every two seconds until cancelled; ``worker`` is this engine's number, 0 while it has none."""
    while True:
        readings = {market: tuple(client.egress_readings()) for market, client in clients.items()}
        for market, each in readings.items():
            for egress, reading in enumerate(each):
                metrics.set_egress(market, egress, reading)
        try:
            await note_orders(pool)
            connections = await usage(pool)
            metrics.set_database_connections(connections.used, connections.usable)
            async with pool.acquire() as connection:
                standing = await read_standing(connection)
                if number := worker():
                    await write_standings(connection, number, readings)
            metrics.set_backups(standing.age_s, standing.took_s, standing.bytes, standing.failures)
        except Exception as error:
            if not is_unavailable(error):
                raise
        await asyncio.sleep(EVERY_S)


async def note_orders(pool: Pool) -> None:
    """Read what is unprotected, unconfirmed and waiting, and for how long."""
    row = await pool.fetchrow(GAUGES)
    assert row is not None
    metrics.set_unprotected_positions(row["unprotected"])
    metrics.set_unconfirmed_orders(row["unconfirmed"], row["unconfirmed_s"])
    for lane in Lane:
        metrics.set_queue_depth(lane, row[f"lane_{lane.value}"], row[f"lane_{lane.value}_s"])

"""How long something has been unconfirmed or waiting, read out of a real database."""

from __future__ import annotations

import asyncpg
from tests.store.queue import make_accounts, make_signal

from marketbot.observability import metrics
from marketbot.store.pool import open_pool
from marketbot.workers.gauges import note_orders

_CHUNK = """INSERT INTO chunk (signal_id, lane, venue, environment, account_ids, attempts, created_at, done_at)
VALUES ($1, $2, 'binance', 'mainnet', $3, $4, now() - $5 * interval '1 second', CASE WHEN $6 THEN now() END)"""
_ORDER = """INSERT INTO orders
VALUES ($1, $2::bigint, 'entry', 0, $3, 'id-' || $2::bigint, 'BTCUSDT', 'long', 1, NULL, now() - interval '90 seconds')"""
_EVENT = """INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)
VALUES ($1, $2, 'entry', 0, $4, $3, $5, $6, now() - $7 * interval '1 second')"""


def value(series: str) -> float:
    found = [line for line in metrics.render().decode().splitlines() if line.startswith(series + " ")]
    assert len(found) == 1, series
    return float(found[0].split(" ")[-1])


async def test_the_ages_of_what_is_unconfirmed_and_of_what_waits(database: str) -> None:
    connection = await asyncpg.connect(database)
    pool = await open_pool(database, name="engine", size=1)
    async with pool:
        await note_orders(pool)
        assert value("marketbot_unconfirmed_oldest_seconds") == 0
        assert value('marketbot_queue_oldest_seconds{lane="risk_reducing"}') == 0

        sure, doubtful, done = await make_accounts(connection, 3)
        user_id = await connection.fetchval("SELECT user_id FROM account LIMIT 1")
        signal = await make_signal(connection)
        await connection.execute(_CHUNK, signal, 0, [sure, doubtful], 1, 100, False)
        await connection.execute(_CHUNK, signal, 1, [done], 1, 10_000, True)
        for account_id in (sure, doubtful):
            await connection.execute(_ORDER, signal, account_id, user_id)
            await connection.execute(_EVENT, signal, account_id, user_id, 1, "planned", "submitted", 90)
        await connection.execute(_EVENT, signal, sure, user_id, 2, "submitted", "accepted", 80)
        await connection.execute(_EVENT, signal, doubtful, user_id, 2, "submitted", "unconfirmed", 40)
        await note_orders(pool)
    await connection.close()
    assert value("marketbot_unconfirmed_orders") == 1
    assert 40 <= value("marketbot_unconfirmed_oldest_seconds") < 80, "since it was unconfirmed, not since it was made"
    assert value('marketbot_queue_oldest_seconds{lane="risk_reducing"}') >= 100
    assert value('marketbot_queue_depth{lane="risk_reducing"}') == 2
    assert value('marketbot_queue_oldest_seconds{lane="mainnet"}') == 0, "done work does not wait"

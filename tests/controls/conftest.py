"""A database with two users and an account of each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from marketbot.store.pool import Connection, connect


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    connection = await connect(database, name="test")
    await connection.execute("INSERT INTO app_user (name) VALUES ('ana'), ('rui')")
    await connection.execute("INSERT INTO source (name, kind, secret_sha256) VALUES ('room', 'webhook', 'x')")
    for user_id, venue, environment in ((1, "binance", "mainnet"), (1, "bybit", "testnet"), (2, "ccxt:okx", "mainnet")):
        await connection.execute(
            "INSERT INTO account (user_id, label, venue, environment, status, api_key_sealed, api_secret_sealed,"
            " api_key_fingerprint) VALUES ($1, $2, $2, $3, 'ready', '', '', convert_to($2, 'UTF8'))",
            user_id,
            venue,
            environment,
        )
    await connection.execute(
        "INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at)"
        " VALUES (1, 'BTCUSDT', 'long', 1, 'protected', 1, 100, 98, now()),"
        " (1, 'ETHUSDT', 'long', 1, 'protected', 1, 100, 98, now()),"
        " (3, 'BTCUSDT', 'long', 2, 'protected', 1, 100, 98, now())"
    )
    await connection.execute(
        "INSERT INTO signal (source_id, dedup_key, action, symbol, body) VALUES (1, '1', 'open_long', 'BTCUSDT', '')"
    )
    await connection.execute(
        "INSERT INTO chunk (signal_id, lane, venue, environment, account_ids) VALUES"
        " (1, 1, 'binance', 'mainnet', '{1}'), (1, 1, 'ccxt:okx', 'mainnet', '{3}'),"
        " (1, 2, 'bybit', 'testnet', '{2}'), (1, 0, 'binance', 'mainnet', '{1}')"
    )
    yield connection
    await connection.close()

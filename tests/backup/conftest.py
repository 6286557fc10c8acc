"""An empty database to restore into."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from marketbot.store.embedded import EmbeddedPostgres


@pytest.fixture
async def empty_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give the DSN of a database that holds nothing; it is dropped afterwards."""
    name = "to_restore_into"
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        yield postgres.dsn_for(name)
    finally:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()

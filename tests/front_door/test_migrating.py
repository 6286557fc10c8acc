"""Migrations by a process of their own, as a rolling restart applies them before anything else."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from marketbot.settings import Settings
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import MIGRATIONS, read_migrations
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.migrating import apply_migrations

pytestmark = pytest.mark.process


async def test_the_schema_is_brought_up_to_date(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    server = await asyncpg.connect(postgres.dsn)
    try:
        await server.execute("CREATE DATABASE not_migrated")
        dsn = postgres.dsn_for("not_migrated")
        settings = Settings(data_dir=tmp_path).model_copy(update={"database_url": SecretStr(dsn)})
        await apply_migrations(settings)
        await apply_migrations(settings)  # with nothing left to do
        connection = await asyncpg.connect(dsn)
        applied = await connection.fetchval("SELECT max(version) FROM schema_migration")
        await connection.close()
        assert applied == max(migration.version for migration in read_migrations(MIGRATIONS))
    finally:
        await server.execute("DROP DATABASE IF EXISTS not_migrated WITH (FORCE)")
        await server.close()


async def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    secret = "not-in-the-sentence"
    dsn = f"postgresql://someone:{secret}@127.0.0.1:1/nothing"
    settings = Settings(data_dir=tmp_path).model_copy(update={"database_url": SecretStr(dsn)})
    with pytest.raises(SupervisorError, match="Nothing was restarted") as raised:
        await apply_migrations(settings)
    assert secret not in str(raised.value)
    assert "Traceback" not in str(raised.value)

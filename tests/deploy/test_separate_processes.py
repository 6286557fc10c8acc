"""The way containers and units start us: each process alone, told by a directory of secrets, against a server that stands already."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import asyncpg

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import MIGRATIONS, read_migrations

TIMEOUT_S = 120


def run(module: str, secrets: Path, data: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MARKETBOT_", "DATABASE_URL"))}
    environment |= {"MARKETBOT_SECRETS_DIR": str(secrets), "MARKETBOT_DATA_DIR": str(data)}
    return subprocess.run(
        [sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


async def test_a_database_is_migrated_once_by_a_process_told_by_files(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE migrated_alone")
    try:
        secrets = tmp_path / "secrets"
        secrets.mkdir()
        (secrets / "database_url").write_text(postgres.dsn_for("migrated_alone") + "\n")
        first, second = (run("marketbot.store", secrets, tmp_path / "data") for _ in range(2))
        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert first.stdout.endswith(f"{len(read_migrations(MIGRATIONS))} migrations applied\n")
        assert second.stdout.endswith("0 migrations applied\n")
    finally:
        await connection.execute("DROP DATABASE migrated_alone WITH (FORCE)")
        await connection.close()


def test_without_a_database_nothing_is_migrated(tmp_path: Path) -> None:
    done = run("marketbot.store", tmp_path, tmp_path / "data")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr

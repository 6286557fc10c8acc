"""What the embedded server writes down of a slow statement: its text, never its values."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from tests.store.embedded_server import until

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.embedded.configuration import FIXED_SETTINGS
from marketbot.store.pool import connect

SECRET = "sealed-word-of-a-user"


async def test_a_slow_statement_is_logged_without_its_values(place: Path) -> None:
    assert FIXED_SETTINGS["log_min_duration_statement"] == "500ms"
    async with EmbeddedPostgres(place, settings={"log_min_duration_statement": "0"}) as server:
        connection = await connect(server.dsn, name="slow")
        try:
            await connection.fetchval("SELECT $1::text AS first_mark", SECRET)
            with pytest.raises(asyncpg.DataError):
                await connection.fetchval("SELECT $1::text::int AS failing_mark", SECRET)
            await connection.fetchval("SELECT 1 AS last_mark")
        finally:
            await connection.close()

        def text() -> str:
            return "".join(file.read_text() for file in (place / "log").glob("postgres-*.log"))

        await until(lambda: "last_mark" in text())
        assert "first_mark" in text()
        assert "marketbot slow" in text()
        # An error's own message may quote a value that cannot be cast; neither statement nor parameters are written beside it.
        assert SECRET not in "\n".join(line for line in text().splitlines() if "invalid input syntax" not in line)

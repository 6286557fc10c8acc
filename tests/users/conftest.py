"""A database with two users in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marketbot.store.pool import DirectConnection, connect

from .crowd import give_token, settle_crowd
from .faces import Faces, faces_of


@pytest.fixture
async def owner(database: str) -> AsyncIterator[DirectConnection]:
    """Give the engine's kind of connection, whom no policy binds."""
    connection = await connect(database, name="test")
    try:
        await settle_crowd(connection)
        for user_id in (1, 2, None):
            await give_token(connection, user_id)
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def faces(database: str, tmp_path: Path) -> AsyncIterator[Faces]:
    async with faces_of(database, tmp_path) as made:
        yield made

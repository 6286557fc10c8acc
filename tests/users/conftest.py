"""A database with two users in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from marketbot.api import admission, limits
from marketbot.domain.gcra import Rate
from marketbot.domain.limits import Limit
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
        await connection.execute(
            "INSERT INTO notice_channel (user_id, place, kind, name) SELECT user_id, 1, 'telegram', 'Telegram' FROM app_user"
        )
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test do more in a minute than a person would; everything is counted as always."""
    for name in ("USER_COMMANDS", "TOKEN_READS"):
        limit: Limit = getattr(admission, name)
        monkeypatch.setattr(admission, name, replace(limit, rate=Rate.per(100_000, 60)))
    monkeypatch.setattr(limits, "LOGIN", replace(limits.LOGIN, rate=Rate.per(100_000, 60)))


@pytest.fixture
async def faces(database: str, tmp_path: Path, unhurried: None) -> AsyncIterator[Faces]:
    async with faces_of(database, tmp_path) as made:
        yield made

"""An engine as a whole: it keeps house beside trading, and ends in good order when its memory runs out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from marketbot.domain.signal import Action
from marketbot.workers.memory import REPLACE_STATUS

from .installation import SYMBOLS, Installation, eventually, open_installation_with

pytestmark = pytest.mark.process

BTC = SYMBOLS[0]

IMPATIENT = """
import sys
from marketbot import engine
from marketbot.workers import memory
memory.YOUNG_S, memory.EVERY_S = 0.0, 0.1
sys.exit(engine.main())
"""


async def test_what_is_old_goes_while_signals_are_traded(database: str, tmp_path: Path) -> None:
    accounts = 12
    async with open_installation_with(database, tmp_path, accounts=accounts) as made:
        await made.connection.execute(
            "INSERT INTO refusal (reason, refused_at) SELECT 'FIELD_MISSING', now() - n * interval '1 day' FROM generate_series(1, 60) n"
        )
        await made.start_engine()
        begun = await made.signal(Action.OPEN_LONG, BTC)
        await eventually(lambda: _pruned(made), 30)
        await made.settled([begun], 60)
        found = await made.until_clean(20)
        assert found.clean, found.document()
        assert found.ordered == accounts
        assert await made.stop_engine() == 0, made.engine_log()
        assert await made.connection.fetchval("SELECT bool_and(claimed_by IS NULL AND failed IS NULL) FROM job"), (
            made.engine_log()
        )


async def _pruned(made: Installation) -> bool:
    return bool(
        await made.connection.fetchval("SELECT count(*) BETWEEN 28 AND 30 FROM refusal")
        and await made.connection.fetchval("SELECT bool_and(due_at > now() AND claimed_by IS NULL) FROM job")
    )


async def test_an_engine_past_its_memory_bound_hands_over_and_asks_to_be_replaced(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_installation_with(database, tmp_path, accounts=4) as made:
        monkeypatch.setenv("MARKETBOT_MEMORY_BOUND_MB", "1")
        await made.start_engine("-c", IMPATIENT)
        assert await made.engine_status() == REPLACE_STATUS, made.engine_log()
        assert await made.connection.fetchval("SELECT bool_and(ended_at IS NOT NULL) FROM worker")
        monkeypatch.delenv("MARKETBOT_MEMORY_BOUND_MB")
        begun = await made.signal(Action.OPEN_LONG, BTC)
        await made.start_engine()
        await made.settled([begun], 60)
        async with asyncio.timeout(30):
            found = await made.until_clean(20)
        assert found.clean, found.document()

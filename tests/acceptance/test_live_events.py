"""Real engines tell real API processes what a signal did, and each user hears of their own alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.live.reader import Reader, reading
from tests.users.crowd import give_token

from .world import World, world

pytestmark = pytest.mark.process

OF_A_TRADE = {"signals", "orders", "positions"}


async def until_told(stream: Reader, kinds: set[str]) -> int:
    """Read on until every one of the kinds was told; return the id of the event that told the first of them: microseconds."""
    told: set[object] = set()
    first_id = 0
    while not told >= kinds:
        message = await stream.next(deadline_s=60.0)
        assert message is not None
        if kinds.intersection(message.changed):
            first_id = first_id or int(message.id)
            told.update(message.changed)
    return first_id


async def token_of(made: World, account_id: int) -> str:
    user_id = await made.fetchval("SELECT user_id FROM account WHERE account_id = $1", account_id)
    return (await give_token(made.stage.store.connection, user_id)).text  # type: ignore[arg-type]


async def test_a_signal_is_seen_by_whom_it_concerns(place: Path) -> None:
    async with world(place) as made:
        (hers,) = await made.add_accounts("hers", "ana", 1)
        (his,) = await made.add_accounts("his", "rui", 1)
        port = int(made.stage.endpoints.api_url.rpartition(":")[2])
        async with reading(port, await token_of(made, hers)) as ana, reading(port, await token_of(made, his)) as rui:
            await ana.reset()
            await rui.reset()
            signal_id = await made.accepted("hers")
            await until_told(ana, OF_A_TRADE)
            await made.settled(signal_id)
            second = await made.accepted("his", "pine_short.json")
            told_us = await until_told(rui, OF_A_TRADE)
            await made.settled(second)
            received_us = await made.fetchval(
                "SELECT (extract(epoch FROM received_at) * 1000000)::bigint FROM signal WHERE signal_id = $1", second
            )
            assert told_us > received_us, "he heard of a trade before his own"
        async with reading(port, await token_of(made, his), last_id=rui.last_id) as again:
            await until_told(again, OF_A_TRADE)

"""Commands of the operator against running engines and a simulated exchange: a halt takes effect, a close leaves nothing open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from marketbot.api.operator_token import operator_token
from marketbot.audit.loading import load_venue
from marketbot.cli.http import request

from .world import World, world

pytestmark = pytest.mark.process


async def command(made: World, path: str, document: dict[str, Any]) -> int:
    """Give a command over the API; return its number."""
    headers = {"Authorization": f"Bearer {operator_token(made.stage.store.settings)}", "Content-Type": "application/json"}
    answer = await request("POST", f"{made.stage.endpoints.api_url}/v1/operator/controls/{path}", orjson.dumps(document), headers)
    assert answer.status == 202, answer
    return int(answer.document["command_id"])


async def told(made: World, command_id: int) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {operator_token(made.stage.store.settings)}"}
    answer = await request("GET", f"{made.stage.endpoints.api_url}/v1/operator/controls/{command_id}", b"", headers)
    assert answer.status == 200, answer
    document: dict[str, Any] = answer.document
    return document


async def test_a_halt_is_read_by_every_engine_and_a_close_leaves_nothing_open(place: Path) -> None:
    async with world(place, engine_processes=2) as made:
        await made.add_accounts("room", "ana", 12)
        signal = await made.accepted("room")
        await made.settled(signal)
        assert sum(1 for each in (await load_venue(made.stage.control)).holdings if each.qty) == 12

        halted = await command(made, "halt", {"scope": "everything", "reason": "drill"})
        effect: dict[str, Any] = {}

        async def took_effect() -> bool:
            effect.update((await told(made, halted))["effect"])
            return effect["effective_at"] is not None

        await made.until(took_effect, "every engine has read the halt")
        assert effect["engines"] == effect["acknowledged"] == 2
        assert effect["last_entry_sent_at"] is None
        denied = await made.accepted("room", "pine_short.json")
        await made.settled(denied)
        query = "SELECT count(*) FROM intent WHERE signal_id = $1 AND state = 'queued'"
        assert await made.fetchval(query, denied) == 0

        closing = await command(made, "close", {"scope": "everything", "reason": "drill"})
        progress: dict[str, Any] = {}

        async def closed() -> bool:
            progress.update((await told(made, closing))["progress"])
            return bool(progress["done"])

        await made.until(closed, "everything is closed")
        assert (progress["exits"], progress["closed"], progress["denied"]) == (12, 12, 0)
        assert [each for each in (await load_venue(made.stage.control)).holdings if each.qty] == []
        # A second close finds nothing, and sends nothing.
        again = await command(made, "close", {"scope": "everything"})
        assert (await told(made, again))["progress"]["exits"] == 0
        audit = await made.final_audit(unprotected_limit_s=30.0)
        assert audit.clean, audit.document()

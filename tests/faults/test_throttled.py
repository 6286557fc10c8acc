"""A venue that answers every fifth request with "too many", then bans an address: the others go on, and it is left alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tests.faults.installation import EGRESSES, SYMBOLS, Installation, eventually, open_installation_with

from marketbot.domain.signal import Action
from marketbot.venues.line import MAX_CONNECTIONS

BTC, ETH, _ = SYMBOLS
BAN_S = 12
ENTRY_LIVES_S = 130
"""An address that the refusals before slowed to a twentieth may hold an entry back for a window of the venue's; the entry then goes
out, for it lives for the policy's 120 s."""
AGAIN_S = 10.0
SETTLED = "SELECT state = 'settled' FROM signal WHERE signal_id = $1"
WHY = """
SELECT coalesce(i.reason, o.result::text || ' ' || coalesce(o.reason, ''), 'open') AS became, count(*), max(i.detail)
FROM intent i JOIN account a USING (account_id) LEFT JOIN outcome o USING (signal_id, account_id)
WHERE i.signal_id = ANY ($1::bigint[]) AND a.venue = 'binance' AND a.environment = 'mainnet' GROUP BY 1 ORDER BY 2 DESC
"""
OTHERS_OPEN = """
SELECT count(*) FROM intent i JOIN account a USING (account_id) LEFT JOIN outcome o USING (signal_id, account_id)
WHERE i.signal_id = $1 AND i.state = 'queued' AND o.account_id IS NULL
  AND NOT (a.venue = 'binance' AND a.environment = 'mainnet' AND a.egress = $2)
"""

pytestmark = pytest.mark.process


async def test_too_many_then_a_ban_of_one_address(database: str, tmp_path: Path) -> None:
    accounts = 4 * EGRESSES
    async with open_installation_with(
        database, tmp_path, accounts=accounts, max_positions={"default": "5"}, position_size_pct={"default": "20"}
    ) as made:
        await made.start_engine()
        await made.control.add_faults([{"kind": "rate_limit_429", "probability": 0.2, "retry_after_s": 1}])
        first = await made.signal(Action.OPEN_LONG, BTC)
        await made.settled([first], ENTRY_LIVES_S)

        await made.control.add_faults(
            [
                {
                    "kind": "ban_418",
                    "venue": "binance",
                    "environment": "mainnet",
                    "path": "/fapi/v1/order",
                    "method": "POST",
                    "count": 1,
                    "retry_after_s": BAN_S,
                }
            ]
        )
        second = await _signal_until_banned(made)
        banned = await _ban(made)
        egress = int(banned["source"].rsplit(".", 1)[1]) - 2

        async def others_are_done() -> bool:
            planned = await made.connection.fetchval("SELECT state <> 'accepted' FROM signal WHERE signal_id = $1", second)
            return bool(planned) and not await made.connection.fetchval(OTHERS_OPEN, second, egress)

        await eventually(others_are_done, 120)
        on_the_way = (await _ban(made))["requests"]
        await eventually(lambda: _ban_is_over(made), 60)
        during = (await _ban(made))["requests"]
        assert on_the_way == during, "an address that is banned is left alone"
        assert during < MAX_CONNECTIONS, "only what was on its way when the ban came"

        await made.control.clear_faults()
        await made.settled([second], ENTRY_LIVES_S)
        held = (await made.control.call("GET", "/positions"))["positions"]
        assert all(position["protected"] for position in held)
        assert {position["symbol"] for position in held} == {BTC, ETH}
        found = await made.until_clean(30)
        assert found.clean, f"{found.document()}\n{made.engine_log()}"


async def _signal_until_banned(made: Installation) -> int:
    """Send until an entry has reached the venue that bans; return the last signal.

    The refusals keep prices from being read too, and an entry without a fresh price is denied, as it should be: nobody may be left
    whose entry could meet the ban.
    """
    sent: list[int] = []
    due_s = 0.0

    async def banned() -> bool:
        nonlocal due_s
        if await _is_banned(made):
            return True
        if time.monotonic() >= due_s and (not sent or await made.connection.fetchval(SETTLED, sent[-1])):
            sent.append(await made.signal(Action.OPEN_LONG, ETH))
            due_s = time.monotonic() + AGAIN_S
        return False

    try:
        await eventually(banned, ENTRY_LIVES_S)
    except TimeoutError:
        rows = await made.connection.fetch(WHY, sent)
        why = [tuple(row) for row in rows]
        raise AssertionError(f"{len(sent)} signals: {why}, unfinished: {await made.unfinished()}") from None
    return sent[-1]


async def _is_banned(made: Installation) -> bool:
    return bool((await made.control.call("GET", "/bans"))["bans"])


async def _ban(made: Installation) -> dict[str, Any]:
    bans = (await made.control.call("GET", "/bans"))["bans"]
    assert len(bans) == 1
    return dict(bans[0])


async def _ban_is_over(made: Installation) -> bool:
    return bool((await _ban(made))["over"])

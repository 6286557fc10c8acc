"""An engine that is asked to end, as an upgrade does, in the middle of its work."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.faults.installation import SYMBOLS, Installation, eventually, open_installation_with

from marketbot.domain.ids import SignalId
from marketbot.domain.signal import Action

BTC, ETH, _ = SYMBOLS
LATE = [{"kind": "slow", "path": path, "method": "POST", "delay_ms": 1_500} for path in ("/fapi/v1/order", "/v5/order/create")]

pytestmark = pytest.mark.process


async def test_what_is_on_its_way_is_finished_and_nothing_new_is_begun(database: str, tmp_path: Path) -> None:
    accounts = 24
    async with open_installation_with(database, tmp_path, accounts=accounts) as made:
        await made.start_engine()
        await made.control.add_faults(LATE)
        begun = await made.signal(Action.OPEN_LONG, BTC)
        await eventually(lambda: _claimed(made, begun, accounts), 20)
        assert await made.connection.fetchval("SELECT count(*) FROM outcome") == 0, (
            "the work was over before the end was asked for"
        )
        assert made.engine is not None
        made.engine.send_signal(signal.SIGTERM)
        late = await made.signal(Action.OPEN_LONG, ETH)
        assert await made.engine_status() == 0, made.engine_log()

        ended = await made.connection.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1 AND result = 'ordered'", begun)
        assert ended == accounts, made.engine_log()
        assert await made.connection.fetchval("SELECT count(*) FROM order_event WHERE state = 'unconfirmed'") == 0
        assert await made.connection.fetchval("SELECT count(*) FROM chunk WHERE done_at IS NULL AND claimed_by IS NOT NULL") == 0
        assert await made.connection.fetchval("SELECT count(*) FROM order_event WHERE signal_id = $1", late) == 0

        await made.control.clear_faults()
        await made.start_engine()
        await made.settled([begun, late], 60)
        found = await made.until_clean(20)
        assert found.clean, found.document()


async def test_a_venue_that_does_not_answer_holds_no_upgrade_up(database: str, tmp_path: Path) -> None:
    accounts = 12
    async with open_installation_with(database, tmp_path, accounts=accounts) as made:
        await made.start_engine()
        await made.control.call("POST", "/outage", {"venue": "binance", "seconds": None})
        begun = await made.signal(Action.OPEN_LONG, BTC)
        await eventually(lambda: _claimed(made, begun, accounts), 20)
        assert await made.stop_engine() == 0, made.engine_log()
        await made.control.call("POST", "/outage", {"venue": "binance", "seconds": 0})
        await made.start_engine()
        await made.settled([begun], 60)
        found = await made.until_clean(20)
        assert found.clean, found.document()
        assert found.ordered == accounts


async def _claimed(made: Installation, signal_id: SignalId, accounts: int) -> bool:
    claimed: int = await made.connection.fetchval(
        "SELECT coalesce(sum(cardinality(account_ids)), 0) FROM chunk WHERE signal_id = $1 AND attempts > 0", signal_id
    )
    return claimed == accounts

"""A few accounts that hang or are shut out, and a venue that is away: whoever is not concerned must not notice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.faults.installation import SYMBOLS, Installation, eventually, open_installation_with

from marketbot.audit.loading import run_audit
from marketbot.domain.ids import SignalId
from marketbot.domain.reasons import LapseReason
from marketbot.domain.signal import Action
from marketbot.venues.line import Timeouts

BTC, ETH, SOL = SYMBOLS
PASSED = LapseReason.EXECUTION_WINDOW_PASSED
OFTEN = {"max_positions": {"default": "5"}, "position_size_pct": {"default": "20"}}
BINANCE_INTENTS = """
SELECT count(*) FROM intent i JOIN account a USING (account_id) LEFT JOIN outcome o USING (signal_id, account_id)
WHERE i.signal_id = $1 AND a.venue = 'binance' AND i.state = 'queued'
"""

pytestmark = pytest.mark.process


async def test_accounts_that_hang_or_are_shut_out_hold_nobody_up(database: str, tmp_path: Path) -> None:
    """The hung ones wait for their answer at least ``read_s``; nobody else may wait for them."""
    accounts = 120
    async with open_installation_with(database, tmp_path, accounts=accounts, **OFTEN) as made:
        await made.start_engine()
        await made.settled([await made.signal(Action.OPEN_LONG, BTC)], 60)
        hung, shut_out = made.venue_accounts[:4], made.venue_accounts[4:6]
        for account in hung:
            await made.control.change_account(account, hung=True)
        for account in shut_out:
            await made.control.change_account(account, key_valid=False)
        signal_id = await made.signal(Action.OPEN_LONG, ETH)

        async def others_done() -> bool:
            done: int = await made.connection.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1", signal_id)
            return done >= accounts - len(hung)

        await eventually(others_done, 60)
        took: timedelta = await made.connection.fetchval(
            "SELECT max(o.at) - min(g.received_at) FROM outcome o JOIN signal g USING (signal_id) WHERE g.signal_id = $1",
            signal_id,
        )
        assert took < timedelta(seconds=Timeouts().read_s)
        results = await made.connection.fetch(
            "SELECT result::text, count(*) FROM outcome WHERE signal_id = $1 GROUP BY 1", signal_id
        )
        assert {row["result"]: row["count"] for row in results} == {
            "ordered": accounts - len(hung) - len(shut_out),
            "rejected": len(shut_out),
        }

        for account in hung:
            await made.control.change_account(account, hung=False)
        await made.settled([signal_id], 60)
        found = await made.until_clean(20)
        assert found.clean, found.document()
        assert found.ordered == 2 * accounts - len(shut_out)


async def test_a_venue_that_is_away_costs_entries_and_never_an_exit_or_a_stop(database: str, tmp_path: Path) -> None:
    accounts, at_binance = 24, 12
    async with open_installation_with(
        database, tmp_path, accounts=accounts, validation_window_s=20, execution_window_s=20, **OFTEN
    ) as made:
        await made.start_engine()
        await made.settled([await made.signal(Action.OPEN_LONG, BTC)], 60)

        # Two positions whose stop cannot go out before the venue is gone.
        for account in made.venue_accounts[:2]:
            rule = {"kind": "reset_before_accept", "path": "/fapi/v1/algoOrder", "method": "POST", "account_id": account}
            await made.control.add_faults([rule])
        naked = await made.signal(Action.OPEN_LONG, SOL)
        await eventually(lambda: _are_held(made, SOL, accounts), 20)
        await eventually(lambda: _are_finished(made, naked, accounts - 2), 20)
        await made.control.call("POST", "/outage", {"venue": "binance", "seconds": None})
        await made.control.clear_faults()
        entries = await made.signal(Action.OPEN_LONG, ETH)
        exits = await made.signal(Action.CLOSE_LONG, BTC)
        for signal_id in (entries, exits):
            await eventually(lambda signal_id=signal_id: _are_finished(made, signal_id, accounts - at_binance), 20)
        late = "SELECT clock_timestamp() > received_at + interval '30 s' FROM signal WHERE signal_id = $1"
        await eventually(lambda: made.connection.fetchval(late, exits), 40)
        open_exits = await made.connection.fetchval(BINANCE_INTENTS + "AND o.account_id IS NULL", exits)
        assert open_exits == at_binance, "an exit never lapses"

        await made.control.call("POST", "/outage", {"venue": "binance", "seconds": 0})
        await made.settled([naked, entries, exits], 60)
        lapsed = await made.connection.fetchval(BINANCE_INTENTS + "AND o.result = 'lapsed' AND o.reason = $2", entries, PASSED)
        assert lapsed == at_binance
        held = (await made.control.call("GET", "/positions"))["positions"]
        assert all(position["protected"] for position in held)
        assert not any(position["symbol"] == BTC for position in held)
        assert sum(position["symbol"] == ETH for position in held) == accounts - at_binance
        found = await made.until_clean(2)
        if not found.clean:  # the time without a stop was the venue's, not ours
            found = await run_audit(made.connection, made.control, unprotected_limit_s=60)
        assert found.clean, f"{found.document()}\n{made.engine_log()}"


async def _are_held(made: Installation, symbol: str, wanted: int) -> bool:
    held = (await made.control.call("GET", "/positions"))["positions"]
    return sum(position["symbol"] == symbol for position in held) == wanted


async def _are_finished(made: Installation, signal_id: SignalId, wanted: int) -> bool:
    done: int = await made.connection.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1", signal_id)
    return done >= wanted

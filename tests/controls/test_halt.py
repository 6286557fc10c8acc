"""Halt and resume by every scope, and the commands that make no sense."""

from __future__ import annotations

import asyncio

import pytest

from marketbot.controls.errors import ControlRefused
from marketbot.controls.halt import REASON_MAX_CHARS, halt, resume
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.pool import Connection
from marketbot.store.switches import PostgresSwitchboard, list_switches, read_switches


@pytest.mark.parametrize(
    ("scope", "key", "accounts", "open_positions", "queued_chunks"),
    [
        (Scope.EVERYTHING, "", 3, 3, 3),
        (Scope.ENVIRONMENT, "mainnet", 2, 3, 2),
        (Scope.VENUE, "binance", 1, 2, 1),
        (Scope.VENUE, "CCXT:OKX", 1, 1, 1),
        (Scope.INSTRUMENT, "btcusdt", 3, 2, 3),
        (Scope.INSTRUMENT, "ETHUSDT", 3, 1, 0),
        (Scope.USER, "1", 2, 2, 2),
        (Scope.ACCOUNT, "03", 1, 1, 1),
    ],
)
async def test_a_halt_says_what_it_covers_and_a_resume_takes_it_back(
    connection: Connection, scope: Scope, key: str, accounts: int, open_positions: int, queued_chunks: int
) -> None:
    board = PostgresSwitchboard(connection)
    done = await halt(board, scope, key, reason="drill")
    assert (done.accounts, done.open_positions, done.queued_chunks) == (accounts, open_positions, queued_chunks)
    assert (await read_switches(connection)).set == {(scope, done.key): TradingState.HALTED}
    assert [row.reason for row in await list_switches(connection)] == ["drill"]
    back = await resume(board, scope, key)
    assert (back.state, back.accounts) == (TradingState.ACTIVE, accounts)
    assert (await read_switches(connection)).set == {}


async def test_the_stored_switch_covers_the_accounts_it_names_and_no_others(connection: Connection) -> None:
    await halt(PostgresSwitchboard(connection), Scope.USER, "1")
    switches = await read_switches(connection)
    where = {"environment": "mainnet", "venue": "binance", "symbol": "BTCUSDT"}
    assert switches.state_for(user_id=1, account_id=1, **where) is TradingState.HALTED
    assert switches.state_for(user_id=2, account_id=3, **where) is TradingState.ACTIVE


async def test_a_halt_can_be_softened_and_hardened_and_stays_one_switch(connection: Connection) -> None:
    board = PostgresSwitchboard(connection)
    for state in (TradingState.HALTED, TradingState.REDUCING, TradingState.HALTED, TradingState.HALTED):
        await halt(board, Scope.EVERYTHING, state=state)
        assert (await read_switches(connection)).set == {(Scope.EVERYTHING, ""): state}


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        (Scope.EVERYTHING, "all"),
        (Scope.ENVIRONMENT, ""),
        (Scope.ENVIRONMENT, "demo"),
        (Scope.VENUE, "bitmex"),
        (Scope.INSTRUMENT, "TYPOUSDT"),
        (Scope.INSTRUMENT, "  "),
        (Scope.INSTRUMENT, "X" * 101),
        (Scope.USER, "ana"),
        (Scope.USER, "3"),
        (Scope.USER, "-1"),
        (Scope.ACCOUNT, "٣"),
        (Scope.ACCOUNT, "4"),
        (Scope.ACCOUNT, "9" * 30),
    ],
)
async def test_a_halt_of_what_does_not_exist_is_refused_and_changes_nothing(
    connection: Connection, scope: Scope, key: str
) -> None:
    with pytest.raises(ControlRefused):
        await halt(PostgresSwitchboard(connection), scope, key)
    assert (await read_switches(connection)).set == {}


async def test_a_halt_that_would_let_everything_through_is_refused(connection: Connection) -> None:
    with pytest.raises(ControlRefused):
        await halt(PostgresSwitchboard(connection), Scope.EVERYTHING, state=TradingState.ACTIVE)
    with pytest.raises(ControlRefused):
        await halt(PostgresSwitchboard(connection), Scope.EVERYTHING, reason="x" * (REASON_MAX_CHARS + 1))


async def test_resuming_what_was_not_halted_is_refused(connection: Connection) -> None:
    board = PostgresSwitchboard(connection)
    await halt(board, Scope.ACCOUNT, "1")
    with pytest.raises(ControlRefused, match="account 2 is not halted"):
        await resume(board, Scope.ACCOUNT, "2")
    assert (await read_switches(connection)).set == {(Scope.ACCOUNT, "1"): TradingState.HALTED}


async def test_a_switch_is_told_to_every_process(connection: Connection) -> None:
    told = asyncio.Event()
    await connection.add_listener("control", lambda *_: told.set())
    await halt(PostgresSwitchboard(connection), Scope.EVERYTHING)
    async with asyncio.timeout(5):
        await told.wait()

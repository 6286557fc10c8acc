"""A close by command is planned for whoever it covers and holds the instrument, and for whom an entry is on its way."""

from __future__ import annotations

import pytest

from marketbot.controls.commanding import command_close
from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.ids import SignalId, UserId
from marketbot.domain.trading_state import Scope
from marketbot.store.control_commands import progress_of, read_command
from marketbot.store.pool import Pool

from .town import BTC, Town

DESK = Actor(ActorKind.TOKEN, 1)


async def close(pool: Pool, scope: Scope, key: str = "", symbol: str | None = None, **more: UserId) -> list[SignalId]:
    """Command a close; return its signals."""
    async with pool.acquire() as connection, connection.transaction():
        made = await command_close(connection, DESK, scope, key, symbol, "", **more)
    assert made is not None
    rows = await pool.fetch("SELECT signal_id FROM signal WHERE command_id = $1 ORDER BY symbol", made.command_id)
    return [SignalId(row["signal_id"]) for row in rows]


async def test_those_covered_who_hold_it_get_an_exit_and_nobody_else_is_touched(town: Town, pool: Pool) -> None:
    binance = await town.account(follows=False)
    bybit = await town.account(venue="bybit", follows=False)
    idle = await town.account()
    for account in (binance, bybit):
        await town.position(account)
    await town.position(binance, symbol="ETHUSDT", side="short")
    btc, eth = await close(pool, Scope.VENUE, "binance")
    for signal in (btc, eth):
        await town.planner().plan_signal(signal)
    assert await town.reasons(btc) == {binance: None}
    assert await town.reasons(eth) == {binance: None}
    chunks = await pool.fetch("SELECT lane, venue, account_ids FROM chunk ORDER BY chunk_id")
    assert [tuple(row) for row in chunks] == [(0, "binance", [binance]), (0, "binance", [binance])]
    orders = await pool.fetch("SELECT leg, side, account_id FROM order_current ORDER BY signal_id")
    assert [tuple(row) for row in orders] == [("exit", "long", binance), ("exit", "short", binance)]
    assert idle not in await town.reasons(btc)


async def test_an_entry_on_its_way_is_closed_too_and_one_that_ended_is_not(town: Town, pool: Pool) -> None:
    coming, over = await town.account(), await town.account()
    await town.planner().plan_signal(await town.signal())
    await pool.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at)"
        " SELECT signal_id, account_id, user_id, 'rejected', 'KEY_INVALID', now() FROM intent WHERE account_id = $1",
        over,
    )
    (signal,) = await close(pool, Scope.EVERYTHING)
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {coming: None}


async def test_one_instrument_of_one_account_is_closed_and_the_rest_stays(town: Town, pool: Pool) -> None:
    user = await town.user()
    first, second = await town.account(user), await town.account(user)
    for account in (first, second):
        await town.position(account)
        await town.position(account, symbol="ETHUSDT")
    (signal,) = await close(pool, Scope.ACCOUNT, str(first), "btcusdt", user_id=UserId(user))
    await town.planner().plan_signal(signal)
    assert await town.reasons(signal) == {first: None}
    assert await pool.fetchval("SELECT symbol FROM signal WHERE signal_id = $1", signal) == BTC


@pytest.mark.parametrize("scope", [Scope.EVERYTHING, Scope.VENUE, Scope.USER, Scope.ACCOUNT])
async def test_a_user_closes_nothing_that_is_not_theirs(town: Town, pool: Pool, scope: Scope) -> None:
    account, stranger = await town.account(), await town.user()
    await town.position(account)
    owner = await pool.fetchval("SELECT user_id FROM account")
    key = {Scope.EVERYTHING: "", Scope.VENUE: "binance", Scope.USER: str(owner), Scope.ACCOUNT: str(account)}[scope]
    async with pool.acquire() as connection, connection.transaction():
        assert await command_close(connection, DESK, scope, key, None, "", user_id=UserId(stranger)) is None
    assert await pool.fetchval("SELECT count(*) FROM signal") + await pool.fetchval("SELECT count(*) FROM control_command") == 0


async def test_many_are_planned_page_by_page_and_the_command_tells_how_far_it_is(town: Town, pool: Pool) -> None:
    await town.crowd(300)
    await pool.execute(
        "INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at)"
        " SELECT account_id, 'BTCUSDT', 'long', user_id, 'protected', 1, 100, 98, now() FROM account"
    )
    (signal,) = await close(pool, Scope.ENVIRONMENT, "mainnet")
    result = await town.planner().plan_signal(signal)
    assert (result.pages, result.queued) == (3, 300)
    async with pool.acquire() as connection:
        command = await read_command(connection, 1)
        assert command is not None
        before = await progress_of(connection, command)
        await connection.execute(
            "INSERT INTO outcome (signal_id, account_id, user_id, result, at)"
            " SELECT signal_id, account_id, user_id, 'ordered', clock_timestamp() FROM intent"
        )
        await connection.execute("UPDATE signal SET state = 'settled'")
        after = await progress_of(connection, command)
    assert (before.exits, before.closed, before.done, before.took_ms) == (300, 0, False, None)
    assert (after.closed, after.done) == (300, True)
    assert after.took_ms is not None


async def test_a_close_of_what_nobody_holds_is_done_at_once(town: Town, pool: Pool) -> None:
    await town.account()
    assert await close(pool, Scope.EVERYTHING) == []
    async with pool.acquire() as connection:
        command = await read_command(connection, 1)
        assert command is not None
        assert (await progress_of(connection, command)).done

"""From rows to runs: what a worker knows at a first attempt, at a later one, and of the position that a close ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from tests.store.queue import (
    MARKET,
    SYMBOL,
    TAG,
    WINDOW,
    credential,
    instrument,
    make_accounts,
    make_intents,
    make_signal,
)

from marketbot.domain.client_order_id import client_order_id, client_order_stem
from marketbot.domain.ids import AccountId, ChunkId, SignalId
from marketbot.domain.lane import Lane
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.trading_state import Scope
from marketbot.execution.run import ClaimedChunk, IntentRun
from marketbot.store.control_commands import write_close
from marketbot.store.pool import Pool, open_pool
from marketbot.store.runs import InstrumentUnknownError, load_runs

S = OrderState
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with await open_pool(database, name="test", size=2) as opened:
        yield opened


async def accounts(pool: Pool, wanted: int) -> list[AccountId]:
    async with pool.acquire() as connection:
        return await make_accounts(connection, wanted)


async def entry(pool: Pool, account_ids: Sequence[AccountId], action: str = "open_long") -> SignalId:
    async with pool.acquire() as connection:
        signal_id = await make_signal(connection, action)
        await make_intents(connection, signal_id, account_ids)
    return signal_id


async def exit_of(pool: Pool, account_ids: Sequence[AccountId], *sides: PositionSide) -> SignalId:
    async with pool.acquire() as connection:
        signal_id = await make_signal(connection, "close_all")
        legs = [(Leg.EXIT, number, side) for number, side in enumerate(sides)]
        await make_intents(connection, signal_id, account_ids, lane=Lane.RISK_REDUCING, legs=legs)
    return signal_id


async def load(
    pool: Pool, signal_id: SignalId, account_ids: Sequence[AccountId], lane: Lane, attempts: int = 1
) -> list[IntentRun]:
    return await load_runs(
        pool,
        ClaimedChunk(ChunkId(1), signal_id, lane, MARKET, tuple(account_ids), attempts),
        tag=TAG,
        credentials={each: credential(each) for each in account_ids},
        instruments=lambda _market, _symbol: instrument(),
        window=WINDOW,
    )


async def event(
    pool: Pool,
    signal_id: SignalId,
    account_id: AccountId,
    leg: Leg,
    *states: OrderState,
    attempt: int = 0,
    qty: int | None = None,
) -> None:
    for seq, (left, to) in enumerate(pairwise(states), start=1):
        await pool.execute(
            """INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, filled_qty,
                                        average_price, venue_order_id, at)
               VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, 101, 'v1', $9)""",
            signal_id,
            account_id,
            leg,
            attempt,
            seq,
            left,
            to,
            qty,
            datetime.now(UTC),
        )


async def hold(pool: Pool, signal_id: SignalId, account_id: AccountId, side: PositionSide = LONG) -> None:
    await pool.execute(
        """INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, opened_at)
           VALUES ($1, $2, $3, 1, $4, 'protected', 1, 100, 98, now())""",
        account_id,
        SYMBOL,
        side,
        signal_id,
    )


async def test_a_first_attempt_knows_its_orders_without_reading_them(pool: Pool) -> None:
    account_ids = await accounts(pool, 3)
    signal_id = await entry(pool, account_ids)
    await pool.execute("DELETE FROM orders")  # not looked at: nothing can have been sent
    runs = await load(pool, signal_id, account_ids, Lane.MAINNET)
    assert [run.account_id for run in runs] == account_ids
    for run in runs:
        stem = client_order_stem(TAG, signal_id, run.account_id)
        assert {leg.client_order_id for leg in run.legs.values()} == {
            client_order_id(stem, leg) for leg in (Leg.ENTRY, Leg.STOP_LOSS, Leg.TAKE_PROFIT)
        }
        assert {leg.state for leg in run.legs.values()} == {S.PLANNED}
        assert (run.resumed, run.side, run.qty, run.stop_price, run.target_price) == (False, LONG, 1, 98, 103)
        assert run.expires_at == run.received_at + WINDOW
        assert run.claimed_ms is not None


async def test_a_later_attempt_finds_every_order_where_it_stands(pool: Pool) -> None:
    account_ids = [filled, unsure] = await accounts(pool, 2)
    signal_id = await entry(pool, account_ids)
    await event(pool, signal_id, filled, Leg.ENTRY, S.SUBMITTED, S.FILLED, qty=1)
    await event(pool, signal_id, filled, Leg.STOP_LOSS, S.SUBMITTED, S.UNCONFIRMED, S.PLANNED)
    await event(pool, signal_id, unsure, Leg.ENTRY, S.SUBMITTED, S.UNCONFIRMED)
    runs = {run.account_id: run for run in await load(pool, signal_id, account_ids, Lane.MAINNET, attempts=2)}
    assert all(run.resumed and run.attempts == 2 for run in runs.values())
    entry_leg = runs[filled].legs[Leg.ENTRY]
    assert (entry_leg.state, entry_leg.filled_qty, entry_leg.average_price, entry_leg.seq) == (S.FILLED, 1, 101, 1)
    assert runs[filled].filled_at is not None
    stop = runs[filled].legs[Leg.STOP_LOSS]
    assert (stop.state, stop.seq, stop.trigger_price) == (S.PLANNED, 2, Decimal(98))
    assert runs[unsure].legs[Leg.ENTRY].state is S.UNCONFIRMED
    assert runs[unsure].filled_at is None


async def test_the_last_attempt_at_a_leg_is_the_one_in_force(pool: Pool) -> None:
    [account_id] = await accounts(pool, 1)
    signal_id = await entry(pool, [account_id])
    async with pool.acquire() as connection:
        second = client_order_id(client_order_stem(TAG, signal_id, account_id), Leg.ENTRY, 1)
        await connection.execute(
            """INSERT INTO orders (signal_id, account_id, leg, attempt, user_id, client_order_id, symbol, side, qty, created_at)
               VALUES ($1, $2, 'entry', 1, 1, $3, $4, 'long', 1, now())""",
            signal_id,
            account_id,
            second,
            SYMBOL,
        )
    await event(pool, signal_id, account_id, Leg.ENTRY, S.SUBMITTED, S.REJECTED)
    [run] = await load(pool, signal_id, [account_id], Lane.MAINNET, attempts=2)
    assert (run.legs[Leg.ENTRY].client_order_id, run.legs[Leg.ENTRY].state) == (second, S.PLANNED)


async def test_what_is_over_is_not_loaded_again(pool: Pool) -> None:
    account_ids = [done, open_] = await accounts(pool, 2)
    signal_id = await entry(pool, account_ids)
    await pool.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, at) VALUES ($1, $2, 1, 'ordered', now())", signal_id, done
    )
    assert [run.account_id for run in await load(pool, signal_id, account_ids, Lane.MAINNET, attempts=2)] == [open_]


async def test_an_account_that_was_quarantined_since_is_marked(pool: Pool) -> None:
    account_ids = [bad, good] = await accounts(pool, 2)
    signal_id = await entry(pool, account_ids)
    await pool.execute("UPDATE account SET status = 'quarantined' WHERE account_id = $1", bad)
    runs = {run.account_id: run.quarantined for run in await load(pool, signal_id, account_ids, Lane.MAINNET)}
    assert runs == {bad: True, good: False}


@pytest.mark.parametrize(
    ("opens", "closes", "superseded"),
    [
        ("open_long", "close_long", True),
        ("open_long", "close_all", True),
        ("open_long", "close_short", False),
        ("open_short", "close_short", True),
        ("open_long", "open_short", False),
    ],
)
async def test_an_entry_knows_of_its_own_sources_later_close(pool: Pool, opens: str, closes: str, superseded: bool) -> None:
    [account_id] = await accounts(pool, 1)
    signal_id = await entry(pool, [account_id], opens)
    async with pool.acquire() as connection:
        await make_signal(connection, closes)
    [run] = await load(pool, signal_id, [account_id], Lane.MAINNET)
    assert run.superseded is superseded


async def test_a_close_knows_what_guards_the_position_and_who_opened_it(pool: Pool) -> None:
    account_ids = [held, flat] = await accounts(pool, 2)
    opening = await entry(pool, account_ids)
    await event(pool, opening, held, Leg.ENTRY, S.SUBMITTED, S.FILLED, qty=1)
    await event(pool, opening, held, Leg.STOP_LOSS, S.SUBMITTED, S.ACCEPTED)
    await hold(pool, opening, held)
    closing = await exit_of(pool, account_ids, LONG)
    runs = {run.account_id: run for run in await load(pool, closing, account_ids, Lane.RISK_REDUCING)}
    guards = runs[held].guards
    assert guards is not None
    assert guards.signal_id == opening
    assert guards.stem == client_order_stem(TAG, opening, held)
    assert {leg: each.state for leg, each in guards.legs.items()} == {
        Leg.ENTRY: S.FILLED,
        Leg.STOP_LOSS: S.ACCEPTED,
        Leg.TAKE_PROFIT: S.PLANNED,
    }
    assert (runs[held].legs.keys(), runs[held].opposite) == ({Leg.EXIT}, None)
    assert runs[flat].guards is None


async def test_a_close_of_both_sides_has_an_exit_and_guards_for_each(pool: Pool) -> None:
    [account_id] = await accounts(pool, 1)
    openings = {LONG: await entry(pool, [account_id]), SHORT: await entry(pool, [account_id])}
    for side, opening in openings.items():
        await hold(pool, opening, account_id, side)
    closing = await exit_of(pool, [account_id], LONG, SHORT)
    [run] = await load(pool, closing, [account_id], Lane.RISK_REDUCING)
    assert run.opposite is not None
    ids = {each.side: each.legs[Leg.EXIT].client_order_id for each in (run, run.opposite)}
    stem = client_order_stem(TAG, closing, account_id)
    assert ids == {LONG: client_order_id(stem, Leg.EXIT, 0), SHORT: client_order_id(stem, Leg.EXIT, 1)}
    assert {each.side: each.guards and each.guards.signal_id for each in (run, run.opposite)} == openings


async def test_an_instrument_that_is_not_listed_stops_the_chunk(pool: Pool) -> None:
    account_ids = await accounts(pool, 1)
    signal_id = await entry(pool, account_ids)
    with pytest.raises(InstrumentUnknownError):
        await load_runs(
            pool,
            ClaimedChunk(ChunkId(1), signal_id, Lane.MAINNET, MARKET, tuple(account_ids), 1),
            tag=TAG,
            credentials={each: credential(each) for each in account_ids},
            instruments=lambda _market, _symbol: None,
            window=WINDOW,
        )


async def test_a_later_close_by_command_supersedes_the_entries_that_it_covers(pool: Pool) -> None:
    inside, outside = await accounts(pool, 2)
    first = await entry(pool, [inside, outside])
    async with pool.acquire() as connection, connection.transaction():
        await write_close(connection, None, Scope.ACCOUNT, str(inside), None, "")
    assert {run.account_id: run.superseded for run in await load(pool, first, [inside, outside], Lane.MAINNET)} == {
        inside: True,
        outside: False,
    }
    later = await entry(pool, [inside])
    assert [run.superseded for run in await load(pool, later, [inside], Lane.MAINNET)] == [False]

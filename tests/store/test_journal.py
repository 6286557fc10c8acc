"""The journal: rows are committed together, once, whatever happens to the server meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.store.queue import make_run

from marketbot.domain.execution_report import ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.execution.run import IntentRun
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.journal import DETAIL_MAX_CHARS, PostgresJournal
from marketbot.store.migrate import migrate
from marketbot.store.pool import Pool, open_pool

AT = datetime(2026, 1, 2, tzinfo=UTC)
P = ProtectionState


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with await open_pool(database, name="test", size=4) as opened:
        yield opened


@pytest.fixture
async def journal(pool: Pool) -> AsyncIterator[PostgresJournal]:
    made = PostgresJournal(pool)
    made.start()
    yield made
    await made.close()


def fill(journal: PostgresJournal, run: IntentRun, qty: str = "1", price: str = "100") -> None:
    leg = run.legs[Leg.ENTRY]
    leg.move(OrderState.SUBMITTED)
    left = leg.move(OrderState.FILLED)
    leg.filled_qty, leg.average_price = Decimal(qty), Decimal(price)
    journal.order_moved(run, leg, left, AT)


def hold(journal: PostgresJournal, run: IntentRun, state: P, at: datetime = AT, qty: str = "1", price: str = "100") -> None:
    journal.position(run, state, at, qty=Decimal(qty), entry_price=Decimal(price))


def close(journal: PostgresJournal, run: IntentRun, price: str | None, at: datetime = AT, by: str = "signal") -> None:
    journal.position(
        run, P.CLOSED, at, qty=Decimal(0), entry_price=Decimal(0), closed_by=by, exit_price=Decimal(price) if price else None
    )


async def counts(pool: Pool) -> tuple[int, int, int]:
    row = await pool.fetchrow(
        "SELECT (SELECT count(*) FROM order_event), (SELECT count(*) FROM position), (SELECT count(*) FROM outcome)"
    )
    assert row is not None
    return tuple(row)


async def test_rows_that_come_together_are_committed_together(pool: Pool) -> None:
    committed: list[int] = []
    journal = PostgresJournal(pool, on_commit=lambda rows, _took_s: committed.append(rows))
    journal.start()
    for account_id in range(1, 51):
        run = make_run(account_id)
        fill(journal, run)
        hold(journal, run, P.PROTECTED)
        journal.finished(run, "ordered", AT)
    await journal.durable()
    assert await counts(pool) == (50, 50, 50)
    assert committed == [150]
    await journal.close()


async def test_closing_writes_out_what_is_left(pool: Pool) -> None:
    journal = PostgresJournal(pool)
    journal.start()
    journal.finished(make_run(1), "ordered", AT)
    await journal.close()
    assert await counts(pool) == (0, 0, 1)


async def test_a_run_that_is_done_twice_is_written_once(pool: Pool, journal: PostgresJournal) -> None:
    for result in ("ordered", "lapsed"):
        run = make_run(1)
        fill(journal, run)
        hold(journal, run, P.PROTECTED)
        journal.finished(run, result, AT, reason="later" if result == "lapsed" else None)
        await journal.durable()
    assert await counts(pool) == (1, 1, 1)
    assert await pool.fetchval("SELECT result FROM outcome") == "ordered"


async def test_an_order_is_planned_once_and_at_once(pool: Pool, journal: PostgresJournal) -> None:
    run = make_run(1)
    second = run.add_leg(Leg.ENTRY, 1)
    await journal.order_planned(run, second, AT)
    await journal.order_planned(run, second, AT)
    rows = await pool.fetch("SELECT client_order_id, attempt, state FROM order_current")
    assert [tuple(row) for row in rows] == [(second.client_order_id, 1, "planned")]


async def test_what_the_venue_said_is_kept_and_cut_to_size(pool: Pool, journal: PostgresJournal) -> None:
    run = make_run(1)
    leg = run.legs[Leg.ENTRY]
    leg.move(OrderState.SUBMITTED)
    left = leg.move(OrderState.REJECTED)
    fault = VenueFault(ErrorClass.REFUSED, "-1", "x" * 1_000)
    journal.order_moved(run, leg, left, AT, OrderReport(OrderState.REJECTED, fault=fault))
    await journal.durable()
    row = await pool.fetchrow("SELECT from_state, state, reason, code, detail FROM order_event")
    assert row is not None
    assert tuple(row) == ("submitted", "rejected", ErrorClass.REFUSED, "-1", "x" * DETAIL_MAX_CHARS)


async def test_a_row_that_the_schema_refuses_keeps_no_other_from_being_written(pool: Pool, journal: PostgresJournal) -> None:
    bad, good = make_run(1), make_run(2)
    bad_leg = bad.legs[Leg.ENTRY]
    bad_leg.state = OrderState.PLANNED
    journal.order_moved(bad, bad_leg, OrderState.FILLED, AT)  # no such edge
    journal.finished(bad, "lapsed", AT)  # a lapse without a reason
    hold(journal, bad, P.PROTECTED)
    fill(journal, good)
    hold(journal, good, P.PROTECTED)
    journal.finished(good, "ordered", AT)
    await journal.durable()
    assert [row["account_id"] for row in await pool.fetch("SELECT account_id FROM order_event")] == [2]
    assert [row["account_id"] for row in await pool.fetch("SELECT account_id FROM position ORDER BY 1")] == [1, 2]
    assert [row["account_id"] for row in await pool.fetch("SELECT account_id FROM outcome")] == [2]


async def test_of_one_position_a_batch_writes_the_last_word(pool: Pool, journal: PostgresJournal) -> None:
    run = make_run(1)
    hold(journal, run, P.PROTECTING)
    hold(journal, run, P.PROTECTED)
    await journal.durable()
    assert await pool.fetchval("SELECT protection FROM position") == "protected"


@pytest.mark.parametrize(
    ("side", "exit_price", "result"),
    [
        (PositionSide.LONG, "103", Decimal(6)),
        (PositionSide.LONG, "98", Decimal(-4)),
        (PositionSide.SHORT, "98", Decimal(4)),
        (PositionSide.SHORT, "103", Decimal(-6)),
    ],
)
async def test_a_closed_position_leaves_its_result(
    pool: Pool, journal: PostgresJournal, side: PositionSide, exit_price: str, result: Decimal
) -> None:
    run = replace(make_run(1), side=side)
    hold(journal, run, P.PROTECTED, qty="2")
    await journal.durable()
    for _ in range(2):
        close(journal, run, exit_price)
        await journal.durable()
    row = await pool.fetchrow("SELECT protection, qty, entry_price, realized_pnl, closed_by FROM position")
    assert row is not None
    assert tuple(row) == ("closed", Decimal(0), Decimal(100), result, "signal")
    assert [row["result"] for row in await pool.fetch("SELECT result FROM realized_result")] == [result]


async def test_each_position_of_an_account_leaves_a_result_of_its_own(pool: Pool, journal: PostgresJournal) -> None:
    for number, exit_price in enumerate(("101", "99", None)):
        opened = AT + timedelta(hours=number)
        run = make_run(1, signal_id=number + 1)
        hold(journal, run, P.PROTECTED, opened)
        await journal.durable()
        close(journal, run, exit_price, opened + timedelta(minutes=1))
        await journal.durable()
    rows = await pool.fetch("SELECT signal_id, result FROM realized_result ORDER BY closed_at")
    assert [tuple(row) for row in rows] == [(1, Decimal(1)), (2, Decimal(-1))]
    assert await pool.fetchval("SELECT realized_pnl FROM position") is None, "what nobody knows is not made up"


async def test_who_closed_a_position_first_stays_written(pool: Pool, journal: PostgresJournal) -> None:
    run = make_run(1)
    hold(journal, run, P.PROTECTED)
    await journal.durable()
    close(journal, run, "103", by="take_profit")
    await journal.durable()
    close(journal, run, None, AT + timedelta(hours=1), by="venue")
    await journal.durable()
    row = await pool.fetchrow("SELECT closed_by, closed_at, realized_pnl FROM position")
    assert row is not None
    assert tuple(row) == ("take_profit", AT, Decimal(3))


async def test_what_was_written_while_the_server_was_away_is_there_when_it_is_back(place: Path) -> None:
    async with EmbeddedPostgres(place) as server:
        await migrate(server.dsn)
        async with await open_pool(server.dsn, name="test", size=4) as pool:
            journal = PostgresJournal(pool)
            journal.start()
            await server.kill()
            for account_id in range(1, 11):
                run = make_run(account_id)
                fill(journal, run)
                journal.finished(run, "ordered", AT)
            planning = asyncio.create_task(journal.order_planned(make_run(1), make_run(1).legs[Leg.ENTRY], AT))
            await asyncio.wait_for(asyncio.gather(journal.durable(), planning), 30)
            assert await counts(pool) == (10, 0, 10)
            assert await pool.fetchval("SELECT count(*) FROM orders") == 1
            assert not journal.is_full
            await journal.close()

"""Balances are read again when they are due; an account that cannot be read is tried ever later, and holds nobody up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.reconciliation.bench import Bench

from marketbot.accounts import balances
from marketbot.accounts.balances import MAX_ATTEMPTS, NAME, BalanceRefresh
from marketbot.domain.ids import AccountId
from marketbot.domain.venue import BYBIT
from marketbot.ports import Where
from marketbot.store import account_jobs, jobs

FAST = {BYBIT: 1_000.0}
WIDE = 4


@pytest.fixture
def refresh(bench: Bench) -> BalanceRefresh:
    world = bench.world
    return BalanceRefresh(world.pool, world.keyring, world.clients, world.clock, reads_per_s=FAST)


async def connected(bench: Bench, wanted: int) -> list[AccountId]:
    """Connect accounts that all leave through one address."""
    accounts = await bench.world.bring_in([{"venue": "bybit", "environment": "testnet", "balance": "500"}] * wanted)
    await bench.world.pool.execute("UPDATE account SET egress = 0")
    await bench.connect_all()
    return accounts


async def at_venue(bench: Bench, account_id: AccountId, **fields: Any) -> None:
    """Change an account at the simulator, where accounts are numbered in the order that they were made in."""
    everyone = (await bench.world.control("GET", "/accounts"))["accounts"]
    ours = [row["account_id"] for row in await bench.world.pool.fetch("SELECT account_id FROM account ORDER BY account_id")]
    number = sorted(each["account_id"] for each in everyone)[ours.index(account_id)]
    await bench.world.control("POST", f"/accounts/{number}", fields)


async def make_due(bench: Bench) -> None:
    await bench.world.pool.execute("UPDATE job SET due_at = clock_timestamp() - interval '1 second'")


async def job_of(bench: Bench, account_id: AccountId) -> Any:
    return await bench.world.pool.fetchrow(
        "SELECT *, due_at - clock_timestamp() AS waits FROM job WHERE account_id = $1", account_id
    )


async def wallets(bench: Bench) -> dict[AccountId, Decimal]:
    return {row["account_id"]: row["wallet_balance"] for row in await bench.world.pool.fetch("SELECT * FROM account_reading")}


async def test_a_balance_is_read_again_when_it_is_due(bench: Bench, refresh: BalanceRefresh) -> None:
    [account_id] = await connected(bench, 1)
    assert await refresh.run_once() == 0  # connecting has read it
    await at_venue(bench, account_id, balance="750")
    await make_due(bench)
    assert await refresh.run_once() == 1
    assert await wallets(bench) == {account_id: Decimal(750)}
    found = await job_of(bench, account_id)
    assert timedelta(minutes=5) < found["waits"] <= timedelta(minutes=10)
    assert (found["attempts"], found["failed"]) == (0, None)
    assert await refresh.run_once() == 0


async def test_accounts_that_were_connected_together_are_due_at_different_times(bench: Bench, refresh: BalanceRefresh) -> None:
    accounts = await connected(bench, WIDE)
    await refresh.run_once()
    due = {(await job_of(bench, each))["due_at"] for each in accounts}
    assert len(due) == WIDE


async def test_one_that_cannot_be_read_waits_longer_each_time_and_holds_nobody_up(
    bench: Bench, refresh: BalanceRefresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balances, "MAX_LINE", 1)  # the one that fails is first in the line
    bad, good = await connected(bench, 2)
    await refresh.run_once()
    await at_venue(bench, bad, key_valid=False)
    await at_venue(bench, good, balance="900")
    await make_due(bench)
    await bench.world.pool.execute("UPDATE job SET due_at = due_at - interval '1 minute' WHERE account_id = $1", bad)
    assert await refresh.run_once() == 0
    assert await refresh.run_once() == 1
    assert (await wallets(bench))[good] == Decimal(900)
    found = await job_of(bench, bad)
    assert found["attempts"] == 1
    assert found["failed"].startswith("key")
    assert timedelta(0) < found["waits"] < timedelta(seconds=6)


async def test_a_key_that_is_refused_each_time_quarantines_its_account_and_ends_its_job(
    bench: Bench, refresh: BalanceRefresh
) -> None:
    [account_id] = await connected(bench, 1)
    await refresh.run_once()
    await at_venue(bench, account_id, key_valid=False)
    for _ in range(MAX_ATTEMPTS - 1):
        await make_due(bench)
        await refresh.run_once()
    assert (await bench.world.account(account_id))["status"] == "ready"
    await make_due(bench)
    await refresh.run_once()
    account = await bench.world.account(account_id)
    assert (account["status"], bool(account["status_reason"])) == ("quarantined", True)
    assert await account_jobs.plan(bench.world.pool, NAME, timedelta(minutes=10), MAX_ATTEMPTS, Where()) == 0
    assert await job_of(bench, account_id) is None


async def test_a_paused_account_is_read_seldom(bench: Bench, refresh: BalanceRefresh) -> None:
    await connected(bench, 1)
    await refresh.run_once()
    await bench.world.pool.execute("UPDATE account SET paused = true")
    await make_due(bench)
    assert await refresh.run_once() == 0
    await bench.world.pool.execute("UPDATE job SET due_at = clock_timestamp() - interval '61 minutes'")
    assert await refresh.run_once() == 1


async def test_orders_go_first_and_each_page_still_reads_one(bench: Bench) -> None:
    world = bench.world
    refresh = BalanceRefresh(world.pool, world.keyring, world.clients, world.clock, reads_per_s=FAST, is_busy=lambda: True)
    await connected(bench, 3)
    await refresh.run_once()
    await make_due(bench)
    assert [await refresh.run_once() for _ in range(4)] == [1, 1, 1, 0]


class SlowClock:
    """Half of a page's time and more passes over each reading."""

    def __init__(self) -> None:
        self._passed_s = 0.0

    def now(self) -> datetime:
        self._passed_s += 0.6 * balances.LINE_S
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_a_page_at_a_slow_venue_ends_in_time(bench: Bench) -> None:
    world = bench.world
    refresh = BalanceRefresh(world.pool, world.keyring, world.clients, SlowClock(), reads_per_s=FAST)
    await connected(bench, 5)
    await refresh.run_once()
    await make_due(bench)
    assert [await refresh.run_once() for _ in range(4)] == [2, 2, 1, 0]


async def test_only_the_owner_of_an_account_sees_its_job(bench: Bench, refresh: BalanceRefresh) -> None:
    await connected(bench, 1)
    await refresh.run_once()
    await make_due(bench)
    pool = bench.world.pool
    market = next(each for each in bench.world.clients if str(each) == "bybit/testnet")
    assert await account_jobs.due(pool, NAME, market, 10, Where([], 1)) == []
    assert len(await account_jobs.due(pool, NAME, market, 10, Where())) == 1
    assert await jobs.claim(pool, 1, [NAME], 10) == []
    assert await jobs.standing(pool) == (0, 0.0)
    async with pool.acquire() as connection:
        assert await jobs.open_jobs(connection, 10) == []
        assert [job.kind for job in await jobs.open_jobs(connection, 10, NAME)] == [NAME]

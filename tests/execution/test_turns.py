"""One piece of work an account at a time."""

from __future__ import annotations

import asyncio

from marketbot.domain.ids import AccountId
from marketbot.execution.locks import AccountLocks


async def test_an_account_is_never_held_twice_however_its_holders_come_and_go() -> None:
    locks = AccountLocks()
    inside = most = 0

    async def work(rounds: int) -> None:
        nonlocal inside, most
        for _ in range(rounds):
            async with locks.hold(AccountId(1)):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1
            if rounds % 2:
                await asyncio.sleep(0)

    await asyncio.gather(*(work(rounds) for rounds in (1, 2, 3, 4, 5, 6, 7)))
    assert most == 1
    assert len(locks) == 0


async def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    locks = AccountLocks()
    async with locks.hold(AccountId(1)):
        waiter = asyncio.create_task(locks.hold(AccountId(1)).__aenter__())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        assert locks.is_held(AccountId(1))
    assert not locks.is_held(AccountId(1))

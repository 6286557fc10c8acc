"""An exit that waits for its account reads anew what became of the stop and target meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.execution.desk_double import BINANCE_LIKE, desk_for, entry_run, exit_run, make

from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.execution.executor import Executor
from marketbot.execution.locks import AccountLocks
from marketbot.execution.run import IntentRun


class NothingToReconcile:
    def is_ensured(self, _account_id: Any) -> bool:
        return True

    async def ensure(self, _account_id: Any) -> bool:
        return True


@pytest.mark.parametrize("held", ["when it is read", "when its turn comes", "never"])
async def test_an_exit_of_an_account_at_work_is_read_again_once_it_has_the_account(held: str) -> None:
    venue, clock = make(BINANCE_LIKE)
    desk, journal = desk_for(venue, clock)
    locks = AccountLocks()
    reloaded: list[bool] = []

    async def reload(run: IntentRun) -> None:
        reloaded.append(locks.is_held(run.account_id))
        run.guards = opening

    executor = Executor(desk, locks, NothingToReconcile(), reload)
    run, opening = exit_run(venue, clock), entry_run(venue, clock)
    stale = entry_run(venue, clock)
    run.guards = stale
    for leg in (opening.legs[Leg.STOP_LOSS], opening.legs[Leg.TAKE_PROFIT]):
        leg.move(OrderState.SUBMITTED)
        leg.move(OrderState.CANCELED)
    async with locks.hold(run.account_id):
        if held == "when it is read":
            executor.note_held([run.account_id])
    if held == "when its turn comes":
        async with locks.hold(run.account_id):
            work = asyncio.create_task(executor.run([run], lambda: None))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert reloaded == []
        await work
    else:
        await executor.run([run], lambda: None)
    assert reloaded == ([] if held == "never" else [True])
    assert (stale.legs[Leg.STOP_LOSS].state is OrderState.PLANNED) == (held != "never")
    assert len(journal.outcomes) == 1

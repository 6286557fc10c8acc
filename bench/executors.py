"""Two executors against one over the same accounts, and what becomes of a fan-out when one of them is killed in the middle."""

from __future__ import annotations

import asyncio
import time

from bench.cpu_budget import CpuBudgets, cpu_budgets
from bench.fanout import EGRESSES, SETTLE_TIMEOUT_S, Row, quiet, row
from bench.rig import AGAIN_SYMBOLS, SYMBOL, THIRD_SYMBOL, WARM_UP_SYMBOL, Rig, rig
from marketbot.audit.control import SimulatorControl
from marketbot.audit.loading import run_audit

SHARED_TIMEOUT_S = 30.0
ASSUMED_SPENT_S = 65.0
"""A part of an address's budget that changed hands counts as spent for the length of the venue's window: a minute at Binance."""
KILL_AT_SHARE = 0.3
EXECUTOR_CORES = 0.4
"""What each may use: two of them, the database and the simulator fit on two cores, and alone the executor is what limits."""


async def measure_executors(accounts: int) -> list[Row]:
    """Fan a signal out with one executor, with two, and with two of which one is killed with a third of it done."""
    with cpu_budgets() as budgets:
        return await _measured(accounts, budgets)


async def _measured(accounts: int, budgets: CpuBudgets | None) -> list[Row]:
    async with rig(accounts, egresses=EGRESSES) as made:
        await made.settled(await made.open_long(WARM_UP_SYMBOL), SETTLE_TIMEOUT_S)
        _hold(budgets, made, "engine")
        await quiet(made)
        alone_s = await _timed(made, SYMBOL)
        await made.start_engine("engine-2")
        _hold(budgets, made, "engine-2")
        await _until_shared(made, 2)
        await asyncio.sleep(ASSUMED_SPENT_S)
        # The newcomer looks at accounts that nobody told it of, opens its sockets and learns its statements.
        await made.settled(await made.open_long(AGAIN_SYMBOLS[0]), SETTLE_TIMEOUT_S)
        await quiet(made)
        both_s = await _timed(made, AGAIN_SYMBOLS[1])
        await quiet(made)
        takeover_s = await _killed_midway(made, THIRD_SYMBOL, accounts)
        control = SimulatorControl(made.sim["control"], made.sim["control_token"])
        assert made.watcher is not None
        found = await run_audit(made.watcher, control)
        wrong = len(found.findings)
    return [
        row(
            "two_executors",
            both_s / alone_s,
            "x one executor's time",
            "< 1",
            met=both_s < alone_s,
            how=f"{accounts} accounts: {alone_s:.2f} s with one executor, {both_s:.2f} s with two, "
            + (
                "all on the machine's cores with the simulator" if budgets is None else f"each held to {EXECUTOR_CORES} of a core"
            ),
        ),
        row(
            "takeover",
            takeover_s,
            "s",
            "< 1, 0 lost, 0 doubled",
            met=takeover_s < 1 and not wrong and found.lost == 0,
            how=f"from kill -9 of one of two executors with {KILL_AT_SHARE:.0%} of {accounts} accounts done until the other had all "
            f"accounts; afterwards {found.lost} lost, {wrong} findings of the audit",
        ),
    ]


def _hold(budgets: CpuBudgets | None, made: Rig, name: str) -> None:
    if budgets is not None:
        budgets.hold(name, made.processes[name].pid, EXECUTOR_CORES)


async def _timed(made: Rig, symbol: str) -> float:
    started = time.monotonic()
    await made.settled(await made.open_long(symbol), SETTLE_TIMEOUT_S)
    return time.monotonic() - started


async def _until_shared(made: Rig, executors: int) -> None:
    assert made.watcher is not None
    async with asyncio.timeout(SHARED_TIMEOUT_S):
        while await made.watcher.fetchval(  # noqa: ASYNC110 - what is polled lies in a database
            "SELECT NOT (count(DISTINCT o) = $1 AND bool_and(h = 0)) FROM slot_map, unnest(owners, heirs) AS u (o, h)", executors
        ):
            await asyncio.sleep(0.05)


async def _killed_midway(made: Rig, symbol: str, accounts: int) -> float:
    """Return the seconds from the kill until the survivor owned every slot."""
    assert made.watcher is not None
    signal_id = await made.open_long(symbol)
    async with asyncio.timeout(SETTLE_TIMEOUT_S):
        while not await _done(made, signal_id, KILL_AT_SHARE * accounts):  # noqa: ASYNC110 - what is polled lies in a database
            await asyncio.sleep(0.02)
    killed_at = time.monotonic()
    made.processes["engine-2"].kill()
    await _until_shared(made, 1)
    took_s = time.monotonic() - killed_at
    await made.settled(signal_id, SETTLE_TIMEOUT_S)
    return took_s


async def _done(made: Rig, signal_id: int, accounts: float) -> bool:
    assert made.watcher is not None
    done: int = await made.watcher.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1", signal_id)
    return done >= accounts

"""Whether accounts that hang hold the others up: the same fan-out, first with all well, then with one in twenty hung."""

from __future__ import annotations

import asyncio
import time

from bench.fanout import EGRESSES, SETTLE_TIMEOUT_S, Row, quiet, row
from bench.rig import SYMBOL, THIRD_SYMBOL, WARM_UP_SYMBOL, Rig, rig

ACCOUNTS = 1_000
HUNG_EVERY = 20
"""One account in so many takes every request and answers none."""
GOAL_RATIO = 1.25
"""Two fan-outs with nothing wrong differ by as much on a busy machine."""
OTHERS_TIMEOUT_S = 60.0


async def measure_hung() -> list[Row]:
    """Return the row ``p95_with_hung``."""
    async with rig(ACCOUNTS, egresses=EGRESSES) as made:
        await made.settled(await made.open_long(WARM_UP_SYMBOL), SETTLE_TIMEOUT_S)
        await quiet(made)
        well = await made.open_long(SYMBOL)
        await made.settled(well, SETTLE_TIMEOUT_S)
        await quiet(made)
        hung = made.venue_accounts[::HUNG_EVERY]
        await asyncio.gather(*(made.control("POST", f"/accounts/{each}", {"hung": True}) for each in hung))
        with_hung = await made.open_long(THIRD_SYMBOL)
        await _others_done(made, with_hung, ACCOUNTS - len(hung))
        before_ms, after_ms = await _p95_ms(made, well), await _p95_ms(made, with_hung)
        await asyncio.gather(*(made.control("POST", f"/accounts/{each}", {"hung": False}) for each in hung))
        await made.settled(with_hung, SETTLE_TIMEOUT_S)
        return [
            row(
                "p95_with_hung",
                after_ms / before_ms,
                "ratio",
                f"<= {GOAL_RATIO}",
                met=after_ms / before_ms <= GOAL_RATIO,
                how=f"p95 from signal received to protected of the others while {len(hung)} of {ACCOUNTS} accounts hang "
                f"({after_ms:.0f} ms), against all well ({before_ms:.0f} ms)",
            )
        ]


async def _others_done(made: Rig, signal_id: int, accounts: int) -> None:
    assert made.watcher is not None
    deadline = time.monotonic() + OTHERS_TIMEOUT_S
    while await made.watcher.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1", signal_id) < accounts:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the accounts that are well did not finish in {OTHERS_TIMEOUT_S} s")
        await asyncio.sleep(0.05)


async def _p95_ms(made: Rig, signal_id: int) -> float:
    assert made.watcher is not None
    found = await made.watcher.fetchval(
        "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY protected_ms) FROM outcome WHERE signal_id = $1", signal_id
    )
    return float(found)

"""Every process is replaced, one after the other, while users ask and one fan-out follows the other."""

from __future__ import annotations

import asyncio

from readiness.isolated.audit import audited
from readiness.isolated.books import Verdict
from readiness.isolated.errors import RunFailed
from readiness.isolated.fanout import cleared, long_body, send, settled
from readiness.isolated.installation import Installation
from readiness.isolated.population import DRILL_SOURCE, drill_accounts
from readiness.isolated.traffic import asking
from readiness.load.generator import Plan
from readiness.measure.database import Db
from readiness.measurement import Measurement, Value, measured

REQUESTS_PER_S = 200.0
VENUE_DELAY_MS = 3_000
"""Venues that take their time, so that a fan-out runs at every step of the roll; and an account may enter ten times a minute."""
MAX_FAN_OUTS = 40


async def rolling_restart(made: Installation, db: Db, plan: Plan, symbol: str) -> list[Measurement]:
    """Restart everything by the product's own command. ``symbol`` is opened and closed in turn meanwhile.

    Raises:
        RunFailed: the command failed.
    """
    followers = drill_accounts(made)
    opened: list[tuple[int, int]] = []
    await made.control.slow_entries(VENUE_DELAY_MS)
    restart: asyncio.Task[dict[str, object]] | None = None
    try:
        async with asking(plan, REQUESTS_PER_S) as traffic:
            restart = asyncio.create_task(made.command("restart", "--rolling"))
            while not restart.done() and len(opened) < MAX_FAN_OUTS:
                last = await made.control.last_entry()
                opened.append((await send(made, long_body(symbol), DRILL_SOURCE), last))
                await settled(db, opened[-1][0])
                await cleared(made, db, symbol)
            done = (await restart).get("done")
    finally:
        await made.control.clear_faults()
        if restart is not None:
            restart.cancel()
            await asyncio.gather(restart, return_exceptions=True)
    if not isinstance(done, list) or not done:
        raise RunFailed("the restart replaced nothing")
    verdict = Verdict(0, 0, 0, 0, 0)
    for signal_id, last in opened:
        verdict = verdict.plus(await audited(made, db, signal_id, last, followers))
    if verdict.ordered < followers:
        raise RunFailed("no whole fan-out was ordered during the restart")
    return rolling_measurements(verdict, traffic.result.failed, traffic.result.count, traffic.told(), len(done), len(opened))


def rolling_measurements(
    verdict: Verdict, failed: int, requests: int, answers: str, processes: int, fan_outs: int
) -> list[Measurement]:
    """Pure."""
    books = {"accounts": verdict.accounts, "ordered": verdict.ordered, "fanouts": fan_outs}
    told: dict[str, Value] = {"requests": requests, "answers": answers, "processes": processes}
    return [
        measured("rolling_failed", failed, "count", "rolling", **told),
        measured("rolling_harm", verdict.harm, "count", "rolling_books", lost=verdict.lost, doubled=verdict.doubled, **books),
    ]

"""One of the engines is killed with -9 in the middle of a fan-out, and the books are held against the venues' ledger afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from readiness.isolated.audit import audited
from readiness.isolated.books import Verdict
from readiness.isolated.fanout import first_entry, long_body, open_chunks, send, settled
from readiness.isolated.installation import Installation
from readiness.measure.database import Db
from readiness.measurement import Measurement, measured, unmeasured

KILL_DELAY_MS = 1_500
"""While the kill is drilled every venue answers this late, so that there is a middle to kill in."""
TAKEOVER_WAIT_S = 60.0
POLL_S = 0.02
NAMES = ("kill_lost", "kill_doubled", "takeover_s")


async def kill_engine(made: Installation, db: Db, symbol: str) -> list[Measurement]:
    """Kill the first engine; every other one goes on."""
    engines = made.pids("engine")
    if not engines:
        return [unmeasured(name, "no_engine") for name in NAMES]
    last = await made.control.last_entry()
    await made.control.slow_entries(KILL_DELAY_MS)
    try:
        signal_id = await send(made, long_body(symbol))
        if not await first_entry(made, last):
            return [unmeasured(name, "no_entry") for name in NAMES]
        os.kill(engines[0], signal.SIGKILL)
        killed_at = await db.fetchval("SELECT clock_timestamp()")
        open_then = await open_chunks(db, signal_id)
        took_s = await _claimed_after(db, signal_id, killed_at)
    finally:
        await made.control.clear_faults()
    await settled(db, signal_id)
    verdict = await audited(made, db, signal_id, last, len(made.venue_accounts))
    return kill_measurements(verdict, took_s, open_then, len(engines))


def kill_measurements(verdict: Verdict, took_s: float | None, open_then: int, engines: int) -> list[Measurement]:
    """``took_s`` None: nothing had to be claimed again. Pure."""
    books = {"accounts": verdict.accounts, "ordered": verdict.ordered}
    takeover = (
        measured("takeover_s", took_s, "s", "takeover", chunks=open_then, engines=engines)
        if took_s is not None
        else unmeasured("takeover_s", "no_takeover")
    )
    return [
        measured("kill_lost", verdict.lost, "count", "books", **books),
        measured("kill_doubled", verdict.doubled, "count", "books", **books),
        measured("kill_naked", verdict.naked, "count", "naked"),
        takeover,
    ]


async def _claimed_after(db: Db, signal_id: int, killed_at: object) -> float | None:
    """Return how long after the kill a chunk of the signal was claimed again; None when none was."""
    deadline = time.monotonic() + TAKEOVER_WAIT_S
    while time.monotonic() < deadline:
        row = await db.fetchrow(
            "SELECT extract(epoch FROM clock_timestamp() - $2)::float AS took_s, count(*) FILTER (WHERE attempts > 1) AS again, "
            "count(*) FILTER (WHERE done_at IS NULL) AS open FROM chunk WHERE signal_id = $1",
            signal_id,
            killed_at,
        )
        assert row is not None
        if row["again"]:
            return float(row["took_s"])
        if not row["open"]:
            return None
        await asyncio.sleep(POLL_S)
    return TAKEOVER_WAIT_S

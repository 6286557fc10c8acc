"""What is done to a throw-away installation on purpose, and what is measured of how it takes it."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from readiness.isolated.books import Verdict, compare
from readiness.isolated.errors import RunFailed
from readiness.isolated.fanout import Outcome, book, close_body, environments, long_body, outcomes, send, settled
from readiness.isolated.installation import Installation
from readiness.measure.database import Db
from readiness.measurement import Measurement, measured, unmeasured

MAINNET, TESTNET = 1, 2
HUNG_EVERY = 20
"""One account in so many takes every request and answers none."""
OTHERS_TIMEOUT_S = 60.0
KILL_DELAY_MS = 1_500
"""While the kill is drilled every venue answers this late, so that there is a middle to kill in."""
KILL_WAIT_S = 30.0
TAKEOVER_WAIT_S = 60.0
POLL_S = 0.02
AUDIT_WAIT_S = 30.0
SPARE_S = 6.0
"""Between fan-outs the venues forget what was asked: Bybit counts over five seconds."""


_BEST_P95_MS = """
SELECT min(p95_ms)::float FROM (
    SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY protected_ms) AS p95_ms
    FROM outcome WHERE signal_id < $1 AND protected_ms IS NOT NULL GROUP BY signal_id HAVING count(*) >= $2) AS whole
"""


@dataclass(slots=True)
class Curve:
    """When accounts were acknowledged by their venues, ascending, in ms since the signal, by lane."""

    mainnet_ms: list[int] = field(default_factory=list)
    testnet_ms: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Sequence[Outcome]) -> Curve:
        acked = sorted((row.acked_ms, row.lane) for row in rows if row.acked_ms is not None)
        return cls([ms for ms, lane in acked if lane == MAINNET], [ms for ms, lane in acked if lane == TESTNET])


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that ``share`` of all do not exceed; None when there is none."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered))) - 1] if ordered else None


async def loaded_fan_out(made: Installation, db: Db, symbol: str) -> tuple[list[Measurement], Curve]:
    """Fan a signal out (while others load the API) and measure what every account went through."""
    signal_id = await send(made, long_body(symbol))
    await settled(db, signal_id)
    rows = await outcomes(db, signal_id)
    episodes = [each for each in await made.control.episodes() if each["symbol"] == symbol]
    found = fan_out_measurements(rows)
    found.append(measured("environments_at_once", await environments(db, signal_id), "count", "environments"))
    held = [each for each in episodes if each["closed_at"] is None]
    if held:
        safe = sum(1 for each in held if each["protected_now"])
        found.append(measured("protected_share", safe / len(held), "share", "protected", safe=safe, held=len(held)))
        waits = [float(each["unprotected_s"]) for each in episodes]
        worst = quantile(waits, 0.99)
        if worst is not None:
            found.append(measured("unprotected_p99_s", worst, "s", "unprotected", positions=len(waits)))
    return found, Curve.of(rows)


def fan_out_measurements(rows: Sequence[Outcome]) -> list[Measurement]:
    """Compute what the outcomes of one signal tell. Pure."""
    ordered = [row for row in rows if row.result == "ordered"]
    found = [measured("fanout_accounts", len(ordered), "count", "ordered", ordered=len(ordered), queued=len(rows))]
    last = quantile([row.acked_ms for row in ordered if row.acked_ms is not None], 0.99)
    if last is not None:
        found.append(measured("fanout_ack_p99_ms", last, "ms", "acked", accounts=len(ordered)))
    waits = {
        lane: quantile([row.sent_ms for row in ordered if row.lane == lane and row.sent_ms is not None], 0.5)
        for lane in (MAINNET, TESTNET)
    }
    real, practice = waits[MAINNET], waits[TESTNET]
    if real is not None and practice is not None:
        found.append(measured("lane_ratio", (real + 1) / (practice + 1), "ratio", "lanes", mainnet=real, testnet=practice))
    testnet = [row for row in rows if row.lane == TESTNET]
    if testnet:
        done = sum(1 for row in testnet if row.result == "ordered")
        found.append(measured("testnet_finished_share", done / len(testnet), "share", "testnet", done=done, queued=len(testnet)))
    return found


async def close_into_fan_out(made: Installation, db: Db, *, opens: str, closes: str) -> list[Measurement]:
    """Send an entry signal, and at once the close of another position: the close must not wait behind the entries."""
    opening = await send(made, long_body(opens))
    closing = await send(made, close_body(closes))
    await settled(db, closing)
    rows = await outcomes(db, closing)
    await settled(db, opening)
    sent = quantile([row.sent_ms for row in rows if row.sent_ms is not None], 0.95)
    if sent is None:
        return [unmeasured("close_sent_p95_ms", "nothing_closed")]
    return [measured("close_sent_p95_ms", sent, "ms", "close", accounts=len(rows))]


async def hung_accounts(made: Installation, db: Db, *, well: str, hung: str) -> list[Measurement]:
    """Compare a fan-out with some accounts hung to the best one with all well: one of those may have met a busy moment."""
    name = "hung_accounts_ratio"
    stuck = made.venue_accounts[::HUNG_EVERY]
    first = await send(made, long_body(well))
    await settled(db, first)
    await asyncio.sleep(SPARE_S)
    await made.control.hang(stuck, hung=True)
    try:
        second = await send(made, long_body(hung))
        await _others_done(db, second, len(made.venue_accounts) - len(stuck))
        before = await db.fetchval(_BEST_P95_MS, second, len(made.venue_accounts))
        after = await _protected_p95_ms(db, second)
    finally:
        await made.control.hang(stuck, hung=False)
    await settled(db, second)
    if not before or after is None:
        return [unmeasured(name, "nothing_protected")]
    told = {"hung": len(stuck), "accounts": len(made.venue_accounts), "after": round(after), "before": round(before)}
    return [measured(name, after / before, "ratio", "hung", **told)]


async def kill_engine(made: Installation, db: Db, symbol: str) -> list[Measurement]:
    """Kill an engine with -9 while entries are on the wire, and hold the books against the venues' ledger afterwards."""
    names = ("kill_lost", "kill_doubled", "takeover_s")
    engines = made.pids("engine")
    if not engines:
        return [unmeasured(name, "no_engine") for name in names]
    last = await made.control.last_entry()
    await made.control.add_fault(name="drill", kind="slow", method="POST", probability=1.0, delay_ms=KILL_DELAY_MS)
    try:
        signal_id = await send(made, long_body(symbol))
        if not await _first_entry(made, last):
            return [unmeasured(name, "no_entry") for name in names]
        for pid in engines[:1]:
            os.kill(pid, signal.SIGKILL)
        killed_at = await db.fetchval("SELECT clock_timestamp()")
        open_then = await db.fetchval("SELECT count(*) FROM chunk WHERE signal_id = $1 AND done_at IS NULL", signal_id)
        took_s = await _claimed_after(db, signal_id, killed_at)
    finally:
        await made.control.clear_faults()
    await settled(db, signal_id)
    verdict = await _audited(made, db, signal_id, last)
    books = {"accounts": verdict.accounts, "ordered": verdict.ordered}
    takeover = (
        measured("takeover_s", took_s, "s", "takeover", chunks=int(open_then))
        if took_s is not None
        else unmeasured("takeover_s", "no_takeover")
    )
    return [
        measured("kill_lost", verdict.lost, "count", "books", **books),
        measured("kill_doubled", verdict.doubled, "count", "books", **books),
        measured("kill_naked", verdict.naked, "count", "naked"),
        takeover,
    ]


async def _others_done(db: Db, signal_id: int, accounts: int) -> None:
    deadline = time.monotonic() + OTHERS_TIMEOUT_S
    while await db.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1", signal_id) < accounts:
        if time.monotonic() > deadline:
            raise RunFailed("the accounts that are well did not finish beside the hung ones")
        await asyncio.sleep(POLL_S)


async def _protected_p95_ms(db: Db, signal_id: int) -> float | None:
    return quantile([row.protected_ms for row in await outcomes(db, signal_id) if row.protected_ms is not None], 0.95)


async def _first_entry(made: Installation, last: int) -> bool:
    deadline = time.monotonic() + KILL_WAIT_S
    while time.monotonic() < deadline:
        if await made.control.ledger(last):
            return True
        await asyncio.sleep(POLL_S)
    return False


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


async def _audited(made: Installation, db: Db, signal_id: int, last: int) -> Verdict:
    deadline = time.monotonic() + AUDIT_WAIT_S
    while True:
        verdict = compare(
            await book(db, signal_id), len(made.venue_accounts), await made.control.ledger(last), await made.control.episodes()
        )
        # The last echoes (a stop that is still being set) may take a moment.
        if not (verdict.lost or verdict.naked) or time.monotonic() > deadline:
            return verdict
        await asyncio.sleep(0.5)

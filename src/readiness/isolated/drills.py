"""What is done to a throw-away installation on purpose, and what is measured of how it takes it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from readiness.isolated.errors import RunFailed
from readiness.isolated.fanout import Outcome, close_body, environments, long_body, outcomes, send, settled
from readiness.isolated.installation import Installation
from readiness.measure.database import Db
from readiness.measurement import Measurement, measured, unmeasured

MAINNET, TESTNET = 1, 2
HUNG_EVERY = 20
"""One account in so many takes every request and answers none."""
OTHERS_TIMEOUT_S = 60.0
POLL_S = 0.02
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


async def _others_done(db: Db, signal_id: int, accounts: int) -> None:
    deadline = time.monotonic() + OTHERS_TIMEOUT_S
    while await db.fetchval("SELECT count(*) FROM outcome WHERE signal_id = $1", signal_id) < accounts:
        if time.monotonic() > deadline:
            raise RunFailed("the accounts that are well did not finish beside the hung ones")
        await asyncio.sleep(POLL_S)


async def _protected_p95_ms(db: Db, signal_id: int) -> float | None:
    return quantile([row.protected_ms for row in await outcomes(db, signal_id) if row.protected_ms is not None], 0.95)

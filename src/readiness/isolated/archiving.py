"""A backup is made while a fan-out runs, restored into a server of its own, and its books are audited."""

from __future__ import annotations

from typing import Any

from readiness.isolated.errors import RunFailed
from readiness.isolated.fanout import first_entry, long_body, open_chunks, send, settled
from readiness.isolated.installation import Installation
from readiness.isolated.population import DRILL_SOURCE
from readiness.measure.database import Db
from readiness.measurement import Measurement, measured, unmeasured

VENUE_DELAY_MS = 1_000
NAME = "backup_verified"


async def backup_drill(made: Installation, db: Db, symbol: str) -> list[Measurement]:
    """Make the backup and prove it by the product's own commands."""
    last = await made.control.last_entry()
    await made.control.slow_entries(VENUE_DELAY_MS)
    try:
        signal_id = await send(made, long_body(symbol), DRILL_SOURCE)
        if not await first_entry(made, last):
            return [unmeasured(NAME, "no_entry")]
        open_then = await open_chunks(db, signal_id)
        backup = await made.command("backup")
    finally:
        await made.control.clear_faults()
    await settled(db, signal_id)
    try:
        proven: dict[str, Any] | None = await made.command("backup", "verify", str(backup["name"]))
    except RunFailed:
        proven = None
    return [backup_measurement(proven, open_then)]


def backup_measurement(proven: dict[str, Any] | None, open_then: int) -> Measurement:
    """``proven`` None: the command said that the backup is not good. Pure."""
    if proven is None:
        return measured(NAME, 0, "yes", "backup_bad", chunks=open_then)
    flaws = len(proven["faults"]) + len(proven["findings"])
    good = bool(proven["good"]) and not flaws
    return measured(NAME, good, "yes", "backup_proven", rows=int(proven["restored_rows"]), flaws=flaws, chunks=open_then)

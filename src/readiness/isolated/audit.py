"""One signal's books against the venues' ledger, once the last echoes are in."""

from __future__ import annotations

import asyncio
import time

from readiness.isolated.books import Verdict, compare
from readiness.isolated.fanout import book
from readiness.isolated.installation import Installation
from readiness.measure.database import Db

AUDIT_WAIT_S = 30.0
AGAIN_S = 0.5


async def audited(made: Installation, db: Db, signal_id: int, last: int, followers: int) -> Verdict:
    """Compare until the books agree, or it is clear that they do not. ``last`` is the ledger's number before the signal."""
    deadline = time.monotonic() + AUDIT_WAIT_S
    while True:
        verdict = compare(await book(db, signal_id), followers, await made.control.ledger(last), await made.control.episodes())
        # The last echoes (a stop that is still being set) may take a moment.
        if not (verdict.lost or verdict.naked) or time.monotonic() > deadline:
            return verdict
        await asyncio.sleep(AGAIN_S)

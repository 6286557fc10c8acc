"""A venue that answers every fifth request "too many", then bans one of our addresses: the others go on, and the ban is obeyed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from readiness.isolated.audit import audited
from readiness.isolated.books import Verdict
from readiness.isolated.errors import RunFailed
from readiness.isolated.fanout import long_body, send, settled
from readiness.isolated.installation import ADDRESSES, Installation
from readiness.isolated.population import DRILL_SOURCE, drill_accounts
from readiness.measure.database import Db
from readiness.measurement import Measurement, measured, unmeasured

REFUSED_SHARE = 0.2
BAN_S = 10
RECOVERY_S = 65.0
"""A window of the venue's: what the refusals slowed has budget again, for entries and for the prices that they need."""
ON_THE_WAY_S = 1.0
"""What had left when the ban came may still arrive; after this long nothing more may."""
BAN_WAIT_S = 130.0
POLL_S = 0.1
NAMES = ("ban_requests", "ban_others_share", "ban_harm")
_OTHERS = """
SELECT count(*) AS queued, count(*) FILTER (WHERE o.result = 'ordered') AS ordered
FROM intent i JOIN account a USING (account_id) LEFT JOIN outcome o USING (signal_id, account_id)
WHERE i.signal_id = $1 AND i.state = 'queued' AND NOT (a.venue = 'binance' AND a.environment = 'mainnet' AND a.egress = $2)
"""


@dataclass(frozen=True, slots=True)
class Refusing:
    """``requests`` came through the banned address later than what was on its way; of ``queued`` accounts elsewhere, ``others`` were
    done before the ban ended."""

    requests: int
    on_the_way: int
    others: int
    queued: int
    verdict: Verdict


async def venue_refuses(made: Installation, db: Db, *, throttled: str, banned: str) -> list[Measurement]:
    """Fan one symbol out under refusals, and another under a ban."""
    if made.egresses < 2:
        return [unmeasured(name, "one_egress") for name in NAMES]
    followers = drill_accounts(made)
    last = await made.control.last_entry()
    try:
        await made.control.add_fault(name="drill", kind="rate_limit_429", probability=REFUSED_SHARE, retry_after_s=1)
        first = await send(made, long_body(throttled), DRILL_SOURCE)
        await settled(db, first)
        await made.control.clear_faults()
        await asyncio.sleep(RECOVERY_S)
        since = (await _bans(made))["at"]
        await made.control.add_fault(
            name="drill", kind="ban_418", venue="binance", environment="mainnet", path="/fapi/v1/order", method="POST",
            count=1, retry_after_s=BAN_S,
        )  # fmt: skip
        second = await send(made, long_body(banned), DRILL_SOURCE)
        ban = await _new_ban(made, since)
        await asyncio.sleep(ON_THE_WAY_S)
        source = str(ban["source"])
        on_the_way = int((await _ban_of(made, source))["requests"])
        others, queued = await _until_over(made, db, second, source)
        requests = int((await _ban_of(made, source))["requests"]) - on_the_way
    finally:
        await made.control.clear_faults()
    await settled(db, second)
    verdict = await audited(made, db, first, last, followers)
    verdict = verdict.plus(await audited(made, db, second, last, followers))
    return refusing_measurements(Refusing(requests, on_the_way, others, queued, verdict))


def refusing_measurements(found: Refusing) -> list[Measurement]:
    """Pure."""
    verdict = found.verdict
    told = {"lost": verdict.lost, "doubled": verdict.doubled, "ordered": verdict.ordered, "accounts": verdict.accounts}
    return [
        measured("ban_requests", found.requests, "count", "ban_requests", ontheway=found.on_the_way, seconds=BAN_S),
        measured("ban_others_share", found.others / found.queued, "share", "ban_others", done=found.others, queued=found.queued)
        if found.queued
        else unmeasured("ban_others_share", "nothing_queued"),
        measured("ban_harm", verdict.harm, "count", "ban_harm", **told),
    ]


async def _bans(made: Installation) -> dict[str, Any]:
    return await made.control.call("GET", "/bans?venue=binance&environment=mainnet")


async def _new_ban(made: Installation, since: float) -> dict[str, Any]:
    deadline = time.monotonic() + BAN_WAIT_S
    while time.monotonic() < deadline:
        for ban in (await _bans(made))["bans"]:
            if ban["began_at"] >= since:
                return dict(ban)
        await asyncio.sleep(POLL_S)
    raise RunFailed("no address was banned: no entry went to the venue that bans")


async def _ban_of(made: Installation, source: str) -> dict[str, Any]:
    return next(ban for ban in (await _bans(made))["bans"] if ban["source"] == source)


async def _until_over(made: Installation, db: Db, signal_id: int, source: str) -> tuple[int, int]:
    """Return how many accounts of other addresses and markets were ordered before the ban ended, and how many there are."""
    egress = ADDRESSES.index(source)
    while True:
        ban = await _ban_of(made, source)
        row = await db.fetchrow(_OTHERS, signal_id, egress)
        assert row is not None
        if ban["over"]:
            return int(row["ordered"]), int(row["queued"])
        await asyncio.sleep(POLL_S)

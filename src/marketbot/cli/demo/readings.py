"""What a demo shows while it runs, read from the database a few times a second."""

from __future__ import annotations

from dataclasses import dataclass, field

from marketbot.audit.latency import Latency, latency_by_stage
from marketbot.audit.records import StageTimes
from marketbot.domain.lane import Lane
from marketbot.store.pool import Connection

_LANES = """
SELECT i.lane, count(*) AS queued, count(o.account_id) AS finished, count(o.protected_ms) AS protected
FROM intent i LEFT JOIN outcome o USING (signal_id, account_id)
WHERE i.signal_id = ANY ($1::bigint[]) AND i.state = 'queued' GROUP BY i.lane
"""
_REASONS = """
SELECT 'denied' AS became, reason, count(*) AS accounts FROM intent WHERE state = 'denied' GROUP BY reason
UNION ALL
SELECT result::text, reason, count(*) FROM outcome WHERE result <> 'ordered' GROUP BY result, reason
UNION ALL
SELECT 'refused', reason, count(*) FROM refusal GROUP BY reason
ORDER BY became, accounts DESC, reason
"""
_TIMES = """
SELECT claimed_ms, sent_ms, acked_ms, protected_ms FROM outcome
WHERE signal_id = ANY ($1::bigint[]) AND result = 'ordered'
"""
_OPEN_SIGNALS = "SELECT count(*) FROM signal WHERE signal_id = ANY ($1::bigint[]) AND state <> 'settled'"
_POSITIONS = """
SELECT count(*) FILTER (WHERE protection = 'protected') AS protected, count(*) FILTER (WHERE protection <> 'protected') AS other
FROM position WHERE protection <> 'closed'
"""


@dataclass(frozen=True, slots=True)
class LaneReading:
    """Orders of the signals in work, in one lane."""

    lane: Lane
    queued: int
    finished: int
    protected: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One look. ``reasons`` holds (what became, reason, accounts)."""

    lanes: tuple[LaneReading, ...] = ()
    reasons: tuple[tuple[str, str, int], ...] = ()
    latency: Latency = field(default_factory=dict)
    unsettled: int = 0
    protected_positions: int = 0
    other_positions: int = 0


async def read(connection: Connection, signal_ids: list[int]) -> Reading:
    """Look at the signals in work and at everything refused, denied and rejected so far."""
    lanes = await connection.fetch(_LANES, signal_ids)
    reasons = await connection.fetch(_REASONS)
    times = await connection.fetch(_TIMES, signal_ids)
    positions = await connection.fetchrow(_POSITIONS)
    assert positions is not None
    return Reading(
        lanes=tuple(
            LaneReading(Lane(row["lane"]), row["queued"], row["finished"], row["protected"])
            for row in sorted(lanes, key=lambda row: int(row["lane"]))
        ),
        reasons=tuple((row["became"], row["reason"], row["accounts"]) for row in reasons),
        latency=latency_by_stage(StageTimes(**dict(row)) for row in times),
        unsettled=await connection.fetchval(_OPEN_SIGNALS, signal_ids),
        protected_positions=positions["protected"],
        other_positions=positions["other"],
    )


async def connecting(connection: Connection) -> tuple[int, int]:
    """Return how many accounts are still being connected, and how many there are."""
    row = await connection.fetchrow("SELECT count(*) FILTER (WHERE status = 'connecting') AS open, count(*) AS all FROM account")
    assert row is not None
    return row["open"], row["all"]

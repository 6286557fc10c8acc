"""Jobs by their kind, as an operator looks at them: how many wait, are due, run, or were given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.store.pool import Connection

# The open ones and the dead ones each by an index of their own; done jobs, which are most, are not read.
QUEUES = """
SELECT kind, count(*) FILTER (WHERE NOT dead AND claimed_by IS NULL AND due_at > clock_timestamp()) AS waiting,
       count(*) FILTER (WHERE NOT dead AND claimed_by IS NULL AND due_at <= clock_timestamp()) AS due,
       count(*) FILTER (WHERE NOT dead AND claimed_by IS NOT NULL) AS running, count(*) FILTER (WHERE dead) AS dead,
       min(due_at) FILTER (WHERE NOT dead AND claimed_by IS NULL AND due_at <= clock_timestamp()) AS oldest_due,
       min(due_at) FILTER (WHERE NOT dead AND claimed_by IS NULL AND due_at > clock_timestamp()) AS next_due
FROM (SELECT kind, due_at, claimed_by, false AS dead FROM job WHERE done_at IS NULL AND dead_at IS NULL
      UNION ALL SELECT kind, due_at, NULL, true FROM job WHERE dead_at IS NOT NULL) j
GROUP BY kind ORDER BY kind
"""


@dataclass(frozen=True, slots=True)
class JobQueue:
    """One kind of job. ``waiting`` ones are not due yet; ``due`` ones wait for somebody to do them."""

    kind: str
    waiting: int
    due: int
    running: int
    dead: int
    oldest_due: datetime | None
    next_due: datetime | None


async def read_queues(connection: Connection) -> list[JobQueue]:
    """Return every kind that has an open or a dead job, by name; there are a few dozen kinds at most (``jobs.kinds.MAX_KINDS``)."""
    return [JobQueue(**dict(row)) for row in await connection.fetch(QUEUES)]

"""How long each kind of connection lets the server work, wait for a lock, and hold a transaction open doing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, held by the server itself: a client that died or gave up must not keep it busy.

    A lock's wait is shorter than the statement's, so that the error names the lock.
    """

    statement_s: float
    lock_s: float
    idle_in_transaction_s: float

    def as_settings(self) -> Mapping[str, str]:
        """Return them as what a session asks of the server, in milliseconds."""
        return {
            "statement_timeout": f"{int(self.statement_s * 1000)}",
            "lock_timeout": f"{int(self.lock_s * 1000)}",
            "idle_in_transaction_session_timeout": f"{int(self.idle_in_transaction_s * 1000)}",
        }


REQUESTS = Timeouts(statement_s=2.0, lock_s=1.5, idle_in_transaction_s=5.0)
"""The API: its callers get a 503 after 1.8 s, and nobody reads what comes later."""
ORDERS = Timeouts(statement_s=20.0, lock_s=15.0, idle_in_transaction_s=30.0)
"""Engine, planner, executor: a page of a large fan-out takes its time, and waits for its turn by a lock."""
COMMANDS = Timeouts(statement_s=20.0, lock_s=15.0, idle_in_transaction_s=30.0)
"""A person's command, LISTEN, a worker's own lock. Migrations set shorter ones for each of their transactions."""
REPLICA_READS = Timeouts(statement_s=2.0, lock_s=1.0, idle_in_transaction_s=5.0)

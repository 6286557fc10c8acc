"""Running totals of one wire, read by the metrics page."""

from collections import Counter
from dataclasses import dataclass, field

from marketbot.venues.wire.errors import Stage, WireFailure


@dataclass(slots=True)
class Counters:
    """Totals since the wire was made. `failures` counts failed requests, by how far they got and why."""

    requests: int = 0
    replies: int = 0
    connects: int = 0
    connects_failed: int = 0
    connections_expired: int = 0
    connections_stale: int = 0
    failures: Counter[tuple[Stage, WireFailure]] = field(default_factory=Counter)

    def failed(self, stage: Stage) -> int:
        """Return how many requests failed at `stage`."""
        return sum(count for (at, _), count in self.failures.items() if at is stage)

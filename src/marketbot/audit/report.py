"""What an audit found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from marketbot.audit.latency import Latency

FINDINGS_SHOWN_MAX = 20
"""Of each kind; the counts are always whole."""


class FindingKind(StrEnum):
    """A way in which the two books do not agree, or agree on something bad."""

    UNPLANNED = "unplanned"
    """A follower of an accepted signal without an order and without a reason."""
    UNFINISHED = "unfinished"
    """An intent that was queued and has no outcome."""
    MISSING_AT_VENUE = "missing_at_venue"
    """We say that it was ordered; the venue never saw it."""
    UNRECORDED = "unrecorded"
    """The venue accepted it; our book does not know."""
    DOUBLED = "doubled"
    """More than one order for one leg."""
    UNCONFIRMED = "unconfirmed"
    """Nobody knows yet whether the venue has it."""
    NAKED = "naked"
    """A position of ours, open now without a stop of its full size."""
    LONG_UNPROTECTED = "long_unprotected"
    """A position that stood without a stop for longer than is ever allowed."""
    FOREIGN = "foreign"
    """An order at the venue that this installation did not place."""
    MISMATCHED = "mismatched"
    """The books differ on what an account holds."""
    ORPHANED = "orphaned"
    """A protective order of ours that rests without a position."""


LOST = (FindingKind.UNPLANNED, FindingKind.UNFINISHED, FindingKind.MISSING_AT_VENUE, FindingKind.UNRECORDED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect. ``subject`` names the order, the account or the position."""

    kind: FindingKind
    subject: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The result. ``planned`` = ``ordered`` + denied + rejected + lapsed + those without an outcome, which are lost."""

    signals: int
    refused: dict[str, int]
    planned: int
    ordered: int
    denied: dict[str, int]
    rejected: dict[str, int]
    lapsed: dict[str, int]
    lost: int
    counts: dict[FindingKind, int]
    unprotected_s_p99: float
    unprotected_s_max: float
    positions: int
    latency_ms: Latency
    findings: tuple[Finding, ...] = field(default=())

    @property
    def clean(self) -> bool:
        return not any(self.counts.values())

    def document(self) -> dict[str, Any]:
        """Return the audit as one flat object; counts of accounts unless a unit says otherwise."""
        named = {kind.value: self.counts[kind] for kind in FindingKind if kind not in LOST}
        return {
            "clean": self.clean,
            "signals": self.signals,
            "refused": self.refused,
            "planned": self.planned,
            "ordered": self.ordered,
            "denied": self.denied,
            "denied_total": sum(self.denied.values()),
            "rejected": sum(self.rejected.values()),
            "rejected_by_reason": self.rejected,
            "lapsed": sum(self.lapsed.values()),
            "lapsed_by_reason": self.lapsed,
            "lost": self.lost,
            "lost_by_kind": {kind.value: self.counts[kind] for kind in LOST},
            **named,
            "positions": self.positions,
            "unprotected_s_p99": round(self.unprotected_s_p99, 4),
            "unprotected_s_max": round(self.unprotected_s_max, 4),
            "latency_ms": self.latency_ms,
            "findings": [{"kind": finding.kind.value, "subject": finding.subject} for finding in self.findings],
        }

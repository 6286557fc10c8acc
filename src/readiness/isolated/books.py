"""The venues' ledger against our database, after a fan-out: what was lost, what was doubled, what stands without a stop. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ordered:
    """One account's part of a signal, as our book has it. ``entry_ids`` are the client order ids of its entries."""

    account_id: int
    queued: bool
    result: str | None
    entry_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of accounts (lost), of client order ids or accounts (doubled), of positions (naked)."""

    accounts: int
    ordered: int
    lost: int
    doubled: int
    naked: int

    @property
    def harm(self) -> int:
        """Orders that went wrong."""
        return self.lost + self.doubled

    def plus(self, other: Verdict) -> Verdict:
        """Return both signals' verdict as one; what stands without a stop is of no signal, so the later look counts."""
        return Verdict(
            self.accounts + other.accounts,
            self.ordered + other.ordered,
            self.lost + other.lost,
            self.doubled + other.doubled,
            other.naked,
        )


def compare(
    ours: Iterable[Ordered], followers: int, ledger: Iterable[Mapping[str, Any]], episodes: Iterable[Mapping[str, Any]]
) -> Verdict:
    """Compare one signal's books. Every follower owes a decision; every queued one an outcome; every order said to be there one
    accepted market order at the venue, and no second."""
    rows = list(ours)
    accepted = Counter(
        str(entry["client_order_id"])
        for entry in ledger
        if entry["event"] == "accepted" and entry["kind"] == "market" and not entry.get("reduce_only")
    )
    lost = followers - len(rows)
    doubled = ordered = 0
    for row in rows:
        at_venue = sum(accepted[each] for each in row.entry_ids)
        doubled += max(0, at_venue - 1)
        if row.queued and row.result is None:
            lost += 1
        elif row.result == "ordered":
            ordered += 1
            lost += at_venue == 0
        elif at_venue:
            lost += 1  # the venue has it, and our book says that it does not
    naked = sum(1 for each in episodes if each["closed_at"] is None and not each["protected_now"])
    return Verdict(len(rows), ordered, lost, doubled, naked)

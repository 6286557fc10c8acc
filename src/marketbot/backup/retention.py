"""Which backups are kept. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime

KEPT_LATEST = 3
"""The latest are kept whatever their days: the newest may turn out to be damaged, and the one before as well."""


@dataclass(frozen=True, slots=True)
class Retention:
    """``daily`` and ``weekly`` count days and weeks (UTC, ISO) that have a backup, not days and weeks that have passed: a service
    that was away for a month still finds its last ones."""

    daily: int = 7
    weekly: int = 4
    latest: int = KEPT_LATEST

    @property
    def kept_max(self) -> int:
        return self.daily + self.weekly + self.latest


def kept(made: Iterable[datetime], retention: Retention) -> frozenset[datetime]:
    """Return those that stay: the latest few, and the newest of each of the last days and weeks."""
    newest_first = sorted(set(made), reverse=True)
    return frozenset(
        [
            *newest_first[: retention.latest],
            *_newest_of_each(newest_first, lambda at: at.date(), retention.daily),
            *_newest_of_each(newest_first, lambda at: at.isocalendar()[:2], retention.weekly),
        ]
    )


def _newest_of_each(newest_first: list[datetime], period: Callable[[datetime], Hashable], periods: int) -> list[datetime]:
    newest: dict[Hashable, datetime] = {}
    for at in newest_first:
        newest.setdefault(period(at), at)
    return list(newest.values())[:periods]

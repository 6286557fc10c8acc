"""A user's results by day: what charts of profit and loss are drawn of, a row a day whatever was traded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from marketbot.domain.ids import UserId
from marketbot.domain.money import ZERO
from marketbot.store.pool import Connection

DAYS_MAX = 366
"""Of a chart, the latest ones. What was realized before them is where its line begins."""

# Practice money is never added to real money; of an account that is gone nobody knows any more which it was.
DAYS = """
WITH days AS (
    SELECT coalesce(a.environment::text, '') AS environment, d.day, sum(d.result) AS result, sum(d.closed)::bigint AS closed
    FROM result_day d LEFT JOIN account a ON a.account_id = d.account_id AND a.user_id = $1
    WHERE d.user_id = $1 GROUP BY 1, 2)
SELECT environment, day, result, closed, sum(result) OVER (PARTITION BY environment ORDER BY day) AS total
FROM days ORDER BY environment, day DESC
"""


@dataclass(frozen=True, slots=True)
class ResultDay:
    """What positions that closed on one day (of UTC) gained or lost, and all until then; in the quote currency, before fees."""

    day: date
    result: Decimal
    closed: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Equity:
    """The days of one environment on which something closed, oldest first. ``before`` is the total ahead of the first."""

    environment: str
    before: Decimal
    days: tuple[ResultDay, ...]


async def read_equity(connection: Connection, user_id: UserId, days: int = DAYS_MAX) -> list[Equity]:
    """Return a user's results by day and environment, mainnet first, of each the latest ``days`` on which something closed."""
    rows = [(row["environment"], ResultDay(*row[1:])) for row in await connection.fetch(DAYS, user_id)]
    found = {name: _equity(name, [day for _, day in group][:days]) for name, group in groupby(rows, lambda each: each[0])}
    return [found[name] for name in _order(found)]


def _equity(environment: str, newest_first: Sequence[ResultDay]) -> Equity:
    days = tuple(reversed(newest_first))
    return Equity(environment, days[0].total - days[0].result if days else ZERO, days)


def _order(names: Iterable[str]) -> list[str]:
    known = set(names)
    return [name for name in ("mainnet", "testnet", "") if name in known]

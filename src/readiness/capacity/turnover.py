"""One address's budget, spent turn by turn: how long a queue of equal accounts takes to be served. Pure.

Every account has the same chain of calls, each due as soon as the one before is answered. Urgent calls go first, in the order in
which they came; the others stop short of the reserve. What a turn has spent comes back after the window and one slot. The answers
themselves count as immediate: what is computed is the venue's limit, and no machine is faster than that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from readiness.capacity.venues import Call, VenueLimits, Window

MAX_TURNS = 100_000
"""At Bybit's five seconds that is six days; a fan-out that needs longer is refused as a question."""


class NeverServed(ValueError):
    """A call weighs more than a whole window holds, or the fan-out takes too many turns to be counted."""


@dataclass(frozen=True, slots=True)
class Service:
    """When the last account's order was let go, and when its last call was, in seconds since the signal; and the turns it took."""

    ordered_s: float
    done_s: float
    turns: int


@dataclass(slots=True)
class _Group:
    """So many accounts wait for the same call of the chain."""

    step: int
    accounts: int


def serve(calls: Sequence[Call], accounts: int, limits: VenueLimits) -> Service:
    """Return how long one address takes for ``accounts`` accounts.

    Raises:
        NeverServed: see the class.
    """
    lines: dict[bool, deque[_Group]] = {True: deque(), False: deque()}
    order = next(at for at, call in enumerate(calls) if call.is_order)
    to_order = to_finish = accounts
    ordered_turn = done_turn = 0
    heaviest = max((call.weight for call in calls), default=0)
    if heaviest > limits.unreserved:
        raise NeverServed("one call weighs more than an address may use in a window")
    if accounts:
        lines[calls[0].urgent].append(_Group(0, accounts))
    turn = 0
    while to_finish:
        if turn >= MAX_TURNS:
            raise NeverServed("so many accounts at so few addresses are not served within days")
        used = 0
        while True:
            urgent = bool(lines[True])
            if not lines[urgent]:
                break
            group = lines[urgent][0]
            weight = calls[group.step].weight
            room = (limits.usable if urgent else limits.unreserved) - used
            served = group.accounts if not weight else min(group.accounts, room // weight)
            if served <= 0:
                break
            used += served * weight
            group.accounts -= served
            if not group.accounts:
                lines[urgent].popleft()
            if group.step == order:
                to_order -= served
                ordered_turn = turn if not to_order else ordered_turn
            if group.step + 1 < len(calls):
                _queue(lines[calls[group.step + 1].urgent], group.step + 1, served)
            else:
                to_finish -= served
        done_turn = turn
        turn += 1
    return Service(ordered_turn * limits.turnover_s, done_turn * limits.turnover_s, done_turn + 1)


def account_s(calls: Sequence[Call], windows: dict[str, tuple[Window, ...]]) -> float:
    """Return how long one account's own limits spread its calls out; 0 when they fit at once."""
    longest = 0.0
    for bucket, rules in windows.items():
        units = sum(call.units for call in calls if call.bucket == bucket)
        for rule in rules:
            if units:
                longest = max(longest, (-(-units // rule.limit) - 1) * rule.period_s)
    return longest


def _queue(line: deque[_Group], step: int, accounts: int) -> None:
    if line and line[-1].step == step:
        line[-1].accounts += accounts
    else:
        line.append(_Group(step, accounts))

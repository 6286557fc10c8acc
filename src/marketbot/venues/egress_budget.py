"""What one process may still ask for through one address: its part of the window, bans, and who waits.

The rules of a divided address (docs/EGRESS.md, ADR 0010):

1. A process that holds the share s of an address's slots uses at most s of its usable limit, rounded down.
2. What was spent before a share shrank stays counted. A part that is added counts as spent by whoever had it, and slides out with the
   window; the reserved part of it is free at once, for a stop never waits for a hand-over. (One hand-over of all slots in a window
   stays within the venue's limit: 0.8 and a fifth of it. More of them may not.) A part that leaves takes along what was assumed of it:
   else look-ups of what is left would find no reserve until all of it has slid out. Who hands over in order leaves word of what it has
   spent beyond the part that it keeps, and of what it assumed; no more is then assumed, for the rest stays counted where it was spent.
3. The venue's count of an address is everybody's. With the whole address it is taken as our own; with a part of it, it only slows:
   ``Allowance.hold_back``. It also ends an assumption of rule 2 that it disproves: nobody spent more than the venue has seen.
4. A process without a share may not call, except that it reads the market through the first address: ``BYSTANDER_SHARE`` of the limit,
   set aside for at most ``MAX_BYSTANDERS`` of them as soon as that address is divided.
5. While an assumption of rule 2 stands, one ordinary call every ``ASK_EVERY_S`` may draw on the reserve: its answer brings the count
   without which the accounts of a process that died would wait a minute.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from marketbot.venues.allowance import Allowance
from marketbot.venues.limits import Cost, Rule, SlidingWindow, unreserved

BYSTANDER_SHARE = Fraction(1, 30)
"""Enough for the prices of all symbols every few seconds, the clock and the instruments."""
BYSTANDER_PERIOD_S = 5.0
"""Its own window is short: prices that come in bursts are too old in between."""
MAX_BYSTANDERS = 3
ASK_EVERY_S = 5.0
"""A probe weighs five at most: a minute of them takes a third of what half an address reserves."""
WHOLE = Fraction(1)


@dataclass(slots=True, eq=False)
class Waiter:
    """A call that waits for its turn; True means that its weight is drawn."""

    cost: Cost
    urgent: bool
    deadline: float
    turn: asyncio.Future[bool]


class EgressBudget:
    """One address as one process sees it. ``serves_market``: processes without a share may read the market through it."""

    __slots__ = (
        "_asks_again_at",
        "_assumed",
        "_passed_on",
        "_serves_market",
        "allowance",
        "blocked_until",
        "bystander",
        "closed_until",
        "line",
        "pump",
        "rule",
        "share",
        "sleeping",
        "urgent_line",
        "window",
    )

    def __init__(self, rule: Rule, *, serves_market: bool) -> None:
        self.rule = rule
        self.window = SlidingWindow(rule)
        self.allowance = Allowance(rule.limit)
        self.share: Fraction = WHOLE
        self.blocked_until = 0.0
        self.closed_until = 0.0
        """The end of a ban, or never while this process has no share: the one thing that a call looks at first."""
        self.bystander: SlidingWindow | None = None
        self._serves_market = serves_market
        self._asks_again_at = 0.0
        self._passed_on = 0
        self._assumed: dict[int, int] = {}  # by slot of the window, so no more than it has slots
        self.urgent_line: deque[Waiter] = deque()
        self.line: deque[Waiter] = deque()
        self.pump: asyncio.Task[None] | None = None
        self.sleeping = 0

    @property
    def waiting(self) -> int:
        return len(self.line) + len(self.urgent_line) + self.sleeping

    def assumes(self, now: float) -> bool:
        """Tell whether a part of the window is counted as spent on the word of nobody."""
        if not self._assumed:
            return False
        self.window.turn(now)
        self._drop_past()
        return bool(self._assumed)

    def may_ask(self, weight: int, now: float) -> bool:
        """Let one ordinary call draw on what is reserved while a part is only assumed to be spent (rule 5); the answer is its turn."""
        if (
            now < self._asks_again_at
            or not self.assumes(now)
            or self.window.used + weight > self.allowance.limit(now, urgent=True)
        ):
            return False
        self._asks_again_at = now + ASK_EVERY_S
        return True

    def left(self, now: float) -> int:
        """Return what an ordinary call would find left of the window, less one unit for each that waits already."""
        return self.allowance.limit(now, urgent=False) - self.window.turn(now) - len(self.line) - len(self.urgent_line)

    def crowded(self, urgent: bool) -> bool:
        """Tell whether somebody waits whose turn comes before a newcomer's."""
        return bool(self.urgent_line) or (not urgent and bool(self.line))

    def set_share(self, share: Fraction, now: float, *, first: bool, spent: int | None = None) -> None:
        """Hold another share from the next call on. ``first``: nobody knows who called through the address until now.

        ``spent``: the word of whoever had what is added (``overspent`` there, once it was given away); None when one of them left none.
        """
        if not 0 <= share <= 1:
            raise ValueError("a share lies between 0 and 1")
        before = 0 if first and share < WHOLE else self.allowance.own
        own = self.part_of(share)
        self.window.turn(now)
        if own > before:
            most = unreserved(own - before)
            # With the whole of the first address comes what was kept for bystanders, and they leave no word.
            untold = spent is None or first or (share == WHOLE and self._serves_market)
            self._assume(most if untold or spent is None else min(spent, most))
        self._passed_on = self._keep_assumed(unreserved(own)) if own < before and self._assumed else 0
        self.share = share
        self.allowance.set_own(own, now)
        self.closed_until = inf if share == 0 else self.blocked_until
        self.bystander = SlidingWindow(self._bystander_rule()) if share == 0 and self._serves_market else None

    def overspent(self, now: float) -> int:
        """Return what the window holds beyond the part that is held now: whoever has the rest must count it."""
        return max(self.window.turn(now) + self._passed_on - self.allowance.own, self._passed_on, 0)

    def part_of(self, share: Fraction) -> int:
        """Return the units of a share, rounded down."""
        usable = self.rule.limit
        if self._serves_market and share < WHOLE:
            usable = int(usable * (1 - MAX_BYSTANDERS * BYSTANDER_SHARE))
        return int(usable * share)

    def block(self, until: float, now: float) -> bool:
        """Stop until then; the first word of it also halves the limit. False when as much was known."""
        news = until > self.blocked_until
        if now >= self.blocked_until:
            self.allowance.slow_down(now, until)
        self.blocked_until = max(self.blocked_until, until)
        self.closed_until = max(self.closed_until, self.blocked_until)
        return news

    def note_venue_count(self, used: int, now: float) -> None:
        """Take the venue's own count of the address's window (rule 3)."""
        self.window.turn(now)
        if self._assumed:
            self._keep_assumed(used)
        if self.share == WHOLE:
            self.window.correct(used)
        else:
            self.allowance.hold_back(now, used)

    def admit_bystander(self, cost: Cost, now: float) -> bool:
        """Draw a market-wide call of a process that has no share (rule 4)."""
        window = self.bystander
        if window is None or self.bystander_delay_s(cost, now) > 0:
            return False
        window.add(cost.weight)
        return True

    def bystander_delay_s(self, cost: Cost, now: float) -> float:
        """Return how long a market-wide call waits; infinity where none is allowed."""
        window = self.bystander
        return inf if window is None else max(self.blocked_until - now, window.delay_s(now, cost.weight, window.limit))

    def _bystander_rule(self) -> Rule:
        period_s = min(BYSTANDER_PERIOD_S, self.rule.period_s)
        return Rule(max(1, int(float(self.rule.limit * BYSTANDER_SHARE) * period_s / self.rule.period_s)), period_s)

    def _assume(self, units: int) -> None:
        if units == 0:
            return
        slot = self.window.slot
        self._drop_past()
        self._assumed[slot] = self._assumed.get(slot, 0) + units
        self.window.add(units)

    def _drop_past(self) -> None:
        oldest = self.window.slot - len(self.window)
        self._assumed = {slot: units for slot, units in self._assumed.items() if slot > oldest}

    def _keep_assumed(self, most: int) -> int:
        """Assume no more than ``most`` units, the oldest first to go; return how many went."""
        self._drop_past()
        excess = surplus = max(0, sum(self._assumed.values()) - most)
        for slot, units in sorted(self._assumed.items()):
            if excess <= 0:
                break
            gone = min(units, excess)
            excess -= gone
            self.window.take_back(slot, gone)
            self._assumed[slot] -= gone
            if not self._assumed[slot]:
                del self._assumed[slot]
        return surplus

"""A process's own memory of limits: bounded, the key unused for longest is forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from marketbot.domain.gcra import Decision, decide
from marketbot.domain.limits import Check, LimitName

MAX_REMEMBERED = 65_536
"""Keys over all limits, about 12 MB when full. A forgotten one starts anew: with the whole of its burst."""

Key = tuple[LimitName, str]


class Buckets:
    """Takes from several limits at once: from all of them, or, when one refuses, from none."""

    def __init__(self, max_remembered: int = MAX_REMEMBERED) -> None:
        self._max = max_remembered
        self._tats: OrderedDict[Key, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Buckets {len(self._tats)} of {self._max} remembered>"

    @property
    def remembered(self) -> int:
        return len(self._tats)

    @property
    def most(self) -> int:
        """How many keys are remembered at most."""
        return self._max

    def take(self, checks: Sequence[Check], now_us: int) -> list[Decision]:
        """Decide every check; remember what was taken only if all may pass."""
        decisions = [decide(self._tats.get((each.limit.name, each.key), 0), now_us, each.limit.rate) for each in checks]
        if all(decision.allowed for decision in decisions):
            for check, decision in zip(checks, decisions, strict=True):
                self.learn(check, decision.tat_us)
        return decisions

    def learn(self, check: Check, tat_us: int) -> None:
        """Remember what somebody who knows more says of a limit."""
        key = (check.limit.name, check.key)
        if key in self._tats:
            self._tats.move_to_end(key)
        elif len(self._tats) >= self._max:
            self._tats.popitem(last=False)
        self._tats[key] = tat_us

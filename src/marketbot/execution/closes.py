"""Which closes have begun here, so that an entry older than its own close is not sent after it.

A close travels in the first lane and may overtake an entry that is still queued; were that entry sent afterwards, the position would
stay open although its strategy has left it.
"""

from __future__ import annotations

from collections import OrderedDict

from marketbot.domain.ids import AccountId, SignalId, Symbol
from marketbot.domain.side import PositionSide

MAX_REMEMBERED = 50_000
"""Closes remembered, the oldest forgotten first; entries wait in the queue for two minutes at most, then they lapse."""

_Key = tuple[AccountId, Symbol, PositionSide]


class Closes:
    """The latest close signal that has begun, by account, instrument and side."""

    def __init__(self) -> None:
        self._latest: OrderedDict[_Key, SignalId] = OrderedDict()

    def note(self, account_id: AccountId, symbol: Symbol, side: PositionSide, signal_id: SignalId) -> None:
        key = (account_id, symbol, side)
        if signal_id > self._latest.get(key, 0):
            self._latest[key] = signal_id
            self._latest.move_to_end(key)
            if len(self._latest) > MAX_REMEMBERED:
                self._latest.popitem(last=False)

    def supersede(self, account_id: AccountId, symbol: Symbol, side: PositionSide, signal_id: SignalId) -> bool:
        """Tell whether a close later than ``signal_id`` has begun."""
        return self._latest.get((account_id, symbol, side), 0) > signal_id

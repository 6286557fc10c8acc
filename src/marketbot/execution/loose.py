"""Accounts where an order outlived its position and could not be ended: reconciliation looks at them soon, not on its long round.

Only a memory: what a process that dies knew of them is found by the long round, and what is unconfirmed by the store's own list.
"""

from __future__ import annotations

from collections import OrderedDict

from marketbot.domain.ids import AccountId
from marketbot.domain.venue import Market

MAX_LOOSE = 10_000
"""Accounts remembered; the oldest is forgotten first and left to the long round."""


class Loose:
    """Where each is to be asked."""

    def __init__(self) -> None:
        self._places: OrderedDict[AccountId, tuple[Market, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def note(self, account_id: AccountId, market: Market, egress: int) -> None:
        self._places[account_id] = (market, egress)
        if len(self._places) > MAX_LOOSE:
            self._places.popitem(last=False)

    def places(self) -> list[tuple[AccountId, Market, int]]:
        """Return the accounts, the oldest first."""
        return [(account_id, market, egress) for account_id, (market, egress) in self._places.items()]

    def take(self, account_id: AccountId) -> tuple[Market, int] | None:
        """Forget an account before a look, and return where it was to be asked: a look that does not end the order notes it anew."""
        return self._places.pop(account_id, None)

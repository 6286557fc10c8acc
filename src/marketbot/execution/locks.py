"""One piece of work an account at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from marketbot.domain.ids import AccountId

_Waiting = deque["asyncio.Future[None]"]


class AccountLocks:
    """Two signals, or a signal and reconciliation, never interleave an account's orders. First come, first served."""

    def __init__(self) -> None:
        self._held: dict[AccountId, _Waiting | None] = {}

    def hold(self, account_id: AccountId) -> _Turn:
        """Return a context in which no other holder of this account is."""
        return _Turn(self._held, account_id)

    def is_held(self, account_id: AccountId) -> bool:
        return account_id in self._held

    def held(self) -> Iterator[AccountId]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class _Turn:
    """Hardly ever does somebody wait, so only then is there more than an entry in a table."""

    __slots__ = ("_account_id", "_held")

    def __init__(self, held: dict[AccountId, _Waiting | None], account_id: AccountId) -> None:
        self._held = held
        self._account_id = account_id

    async def __aenter__(self) -> None:
        held, account_id = self._held, self._account_id
        if account_id not in held:
            held[account_id] = None
            return
        waiting = held[account_id]
        if waiting is None:
            waiting = held[account_id] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # it was given in the moment in which its holder was cancelled
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the account to the next who still waits; it is forgotten with the last of them."""
        waiting = self._held[self._account_id]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._held[self._account_id]

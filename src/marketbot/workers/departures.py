"""Forgets the accounts that left, so that an engine's memory follows those that trade and not all that ever came.

Nothing here is the truth about an account: what is forgotten is read, or found out, again when it comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import structlog

from marketbot.accounts.keyring import Keyring
from marketbot.domain.ids import AccountId
from marketbot.domain.venue import Market
from marketbot.ports import Clock, VenueClient
from marketbot.reconciliation.reconcile import Reconciler
from marketbot.store.accounts import accounts_that_left
from marketbot.store.pool import Pool, is_unavailable

EVERY_S = 60.0
"""An account is forgotten at the second look that finds it gone: by then no budget of it, counted over a minute at most, is in use."""
ASKED_AT_ONCE = 2_000
"""Accounts that one statement asks about; the rest comes with the next."""

log = structlog.get_logger(__name__)


class Departures:
    """Goes over what the process remembers. ``at_work`` gives the accounts that somebody is busy with; they are left for later."""

    def __init__(
        self,
        pool: Pool,
        keyring: Keyring,
        reconciler: Reconciler,
        clients: Mapping[Market, VenueClient],
        clock: Clock,
        at_work: Callable[[], Collection[AccountId]],
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._reconciler = reconciler
        self._clients = clients
        self._clock = clock
        self._at_work = at_work
        self._gone: frozenset[AccountId] = frozenset()
        """Those that the last look found gone and did not forget yet."""
        self.forgotten = 0

    def __repr__(self) -> str:
        return f"<Departures forgotten={self.forgotten} next={len(self._gone)}>"

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.look()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("departures_wait_for_store", error=type(error).__name__)

    async def look(self) -> int:
        """Forget what was gone at the last look and still is; return how many accounts."""
        remembered = sorted(self._keyring.held() | self._reconciler.ensured())
        gone = set[AccountId]()
        for start in range(0, len(remembered), ASKED_AT_ONCE):
            gone.update(await accounts_that_left(self._pool, remembered[start : start + ASKED_AT_ONCE]))
        gone.difference_update(self._at_work())
        forget = gone & self._gone
        self._gone = frozenset(gone - forget)
        for account_id in forget:
            self._keyring.forget(account_id)
        self._reconciler.forget_ensured(forget)
        for client in self._clients.values():
            client.forget(forget)
        self.forgotten += len(forget)
        return len(forget)

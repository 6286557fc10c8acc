"""Keeps balances fresh within a share of the venues' budgets; sizing and the free-margin check live on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from marketbot.accounts.keyring import Keyring
from marketbot.domain.execution_report import VenueFault
from marketbot.domain.venue import BINANCE, BYBIT, Market, Venue
from marketbot.ports import Clock, Owned, OwnsAll, VenueClient
from marketbot.store import readings
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.readings import AgedAccount, BalanceRow

MAX_AGE = timedelta(minutes=10)
"""A balance older than this is due; with many accounts and few addresses the budget makes it older."""
PAGE = 64
EVERY_S = 2.0
READS_PER_S: Mapping[Venue, float] = {BINANCE: 0.8, BYBIT: 5.0}
"""Accounts a second and market (Binance: a reading weighs 10 of 2,400 a minute; Bybit: it is two of 600 requests in five seconds)."""
READS_PER_S_OTHERS = 0.2
MIN_SHARE = 0.05
"""Of an address of which this process lost all just now, so that the last readings of a page end in time."""

log = structlog.get_logger(__name__)


class BalanceSweep:
    """Reads the oldest balances first, one market beside the other."""

    def __init__(
        self,
        pool: Pool,
        keyring: Keyring,
        clients: Mapping[Market, VenueClient],
        clock: Clock,
        *,
        reads_per_s: Mapping[Venue, float] = READS_PER_S,
        owned: Owned | None = None,
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._clients = clients
        self._clock = clock
        self._reads_per_s = reads_per_s
        self._owned = owned or OwnsAll()
        self.read = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<BalanceSweep read={self.read} failed={self.failed}>"

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            try:
                await self.run_once()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("balances_wait_for_store", error=type(error).__name__)
            await self._clock.sleep(EVERY_S)

    async def run_once(self, older_than: timedelta = MAX_AGE) -> int:
        """Read one page of due balances of every market; return how many were stored."""
        done = await asyncio.gather(*(self._read_page(market, older_than) for market in list(self._clients)))
        return sum(done)

    async def _read_page(self, market: Market, older_than: timedelta) -> int:
        where = self._owned.where()
        due = await readings.aged_accounts(self._pool, market, older_than=older_than, limit=PAGE, where=where)
        rate = self._reads_per_s.get(market.venue, READS_PER_S_OTHERS)
        found = []
        for place, account in enumerate(due):
            if place:
                await self._clock.sleep(1 / (rate * max(MIN_SHARE, self._owned.share(account.egress))))
            row = await self._read_one(account)
            if row is None:
                self.failed += 1
            else:
                self.read += 1
                found.append(row)
        await readings.write_balances(self._pool, found)
        return len(found)

    async def _read_one(self, account: AgedAccount) -> BalanceRow | None:
        credential = (await self._keyring.credentials([account.account_id])).get(account.account_id)
        if credential is None:
            return None
        reading = await self._clients[account.market].read_account(credential)
        if isinstance(reading, VenueFault):
            log.info("balance_not_read", account_id=account.account_id, error_class=reading.error_class, code=reading.code)
            return None
        return BalanceRow(
            account.account_id, account.user_id, reading.wallet_balance, reading.available_balance, self._clock.now()
        )

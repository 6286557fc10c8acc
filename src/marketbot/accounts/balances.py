"""Keeps balances fresh within a share of the venues' budgets; sizing and the free-margin check live on them.

Each ready account has a job row (``store.account_jobs``) that says when its balance is due: one that cannot be read is tried again ever
later, and holds nobody up.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from marketbot.accounts.connect import refused_by
from marketbot.accounts.keyring import NOT_OPENED, Keyring
from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.venue import BINANCE, BYBIT, Market, Venue
from marketbot.jobs.schedule import retry_delay_s
from marketbot.observability import metrics
from marketbot.observability.metrics import JobResult
from marketbot.ports import AccountReading, Clock, Owned, OwnsAll, VenueClient
from marketbot.store import account_jobs, accounts, readings
from marketbot.store.account_jobs import AccountJob, Settled
from marketbot.store.accounts import Quarantine
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.readings import BalanceRow

NAME = "balance"
MAX_AGE = timedelta(minutes=10)
"""A balance is due when it is this old, or a little earlier; with many accounts and few addresses the budget makes it older."""
EARLIER = 0.25
"""The part of ``MAX_AGE`` left to chance, so that accounts that came together do not stay together."""
PAGE = 256
"""Due accounts of a market that are looked at in one round."""
LINE_S = 10.0
"""How long the readings of one page may take at one address: what was read is soon written, and a drained slot soon free."""
MAX_LINE = 64
EVERY_S = 2.0
PLAN_EVERY_S = 30.0
READS_PER_S: Mapping[Venue, float] = {BINANCE: 0.8, BYBIT: 5.0}
"""Accounts a second, market and address (Binance: a reading weighs 10 of 2,400 a minute; Bybit: it is two of 600 requests in five
seconds). Readings are not urgent calls: they never touch what is reserved for these."""
READS_PER_S_OTHERS = 0.2
MIN_SHARE = 0.05
"""Of an address of which this process lost all just now, so that the last readings of a page end in time."""
MAX_ATTEMPTS = 8
NOT_ITS_OWN = frozenset({ErrorClass.EGRESS_RATE, ErrorClass.ACCOUNT_RATE})
"""Faults that say nothing about the account: they count as no attempt."""
BUDGET_RETRY_S = 30.0
MAX_FAILED_CHARS = 300

log = structlog.get_logger(__name__)


class BalanceRefresh:
    """Does the accounts' balance jobs, one address beside the other; an account's owner alone does them."""

    def __init__(
        self,
        pool: Pool,
        keyring: Keyring,
        clients: Mapping[Market, VenueClient],
        clock: Clock,
        *,
        reads_per_s: Mapping[Venue, float] = READS_PER_S,
        is_busy: Callable[[], bool] = lambda: False,
        owned: Owned | None = None,
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._clients = clients
        self._clock = clock
        self._reads_per_s = reads_per_s
        self._is_busy = is_busy
        self._owned = owned or OwnsAll()
        self._planned_at_s: float | None = None
        self.read = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<BalanceRefresh read={self.read} failed={self.failed}>"

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

    async def run_once(self) -> int:
        """Read one page of due balances of every market; return how many were stored."""
        now_s = self._clock.monotonic()
        if self._planned_at_s is None or now_s - self._planned_at_s >= PLAN_EVERY_S:
            await account_jobs.plan(self._pool, NAME, MAX_AGE, MAX_ATTEMPTS, self._owned.where())
            self._planned_at_s = now_s
        done = await asyncio.gather(*(self._read_page(market) for market in list(self._clients)))
        return sum(done)

    async def _read_page(self, market: Market) -> int:
        lines: dict[int, list[AccountJob]] = defaultdict(list)
        for job in await account_jobs.due(self._pool, NAME, market, PAGE, self._owned.where()):
            lines[job.egress].append(job)
        done = await asyncio.gather(*(self._read_line(market, egress, jobs) for egress, jobs in lines.items()))
        return sum(done)

    async def _read_line(self, market: Market, egress: int, jobs: Sequence[AccountJob]) -> int:
        """Read due accounts of one address at its pace, then write what came of them in one go."""
        rate = self._reads_per_s.get(market.venue, READS_PER_S_OTHERS) * max(MIN_SHARE, self._owned.share(egress))
        until_s = self._clock.monotonic() + LINE_S
        found, settled, refused = list[BalanceRow](), list[Settled](), dict[AccountJob, VenueFault]()
        for place, job in enumerate(jobs[: max(1, min(MAX_LINE, int(rate * LINE_S)))]):
            if place:
                if self._is_busy() or self._clock.monotonic() >= until_s:
                    break  # orders go first, and a slow venue holds no other up; the rest stays due
                await self._clock.sleep(1 / rate)
            if not self._owned.owns(egress, job.account_id):
                continue  # its new owner does it
            reading = await self._read_one(market, job)
            if isinstance(reading, AccountReading):
                now = self._clock.now()
                found.append(BalanceRow(job.account_id, job.user_id, reading.wallet_balance, reading.available_balance, now))
                settled.append(Settled(job.job_id, now + job.every * (1 - EARLIER * _chance()), 0, None))
            else:
                settled.append(self._failed(job, reading))
                if reading.error_class is ErrorClass.KEY and job.attempts + 1 >= job.max_attempts:
                    refused[job] = reading
        await readings.write_balances(self._pool, found)
        await accounts.quarantine_accounts(
            self._pool,
            [
                Quarantine(job.account_id, job.user_id, found.reason, found.code, found.facts)
                for job, fault in refused.items()
                for found in [refused_by(fault)]
            ],
        )
        await account_jobs.settle(self._pool, settled)
        self.read += len(found)
        return len(found)

    async def _read_one(self, market: Market, job: AccountJob) -> AccountReading | VenueFault:
        credential = (await self._keyring.credentials([job.account_id])).get(job.account_id)
        if credential is None:
            return NOT_OPENED
        return await self._clients[market].read_account(credential)

    def _failed(self, job: AccountJob, fault: VenueFault) -> Settled:
        """Let it be tried again later. It is never given up for good: after ``max_attempts`` it comes again at its usual time."""
        self.failed += 1
        text = f"{fault.error_class} {fault.code} {fault.text}"[:MAX_FAILED_CHARS]
        now = self._clock.now()
        if fault.error_class in NOT_ITS_OWN:
            return Settled(job.job_id, now + timedelta(seconds=fault.retry_after_s or BUDGET_RETRY_S), job.attempts, text)
        attempts = job.attempts + 1
        given_up = attempts >= job.max_attempts
        metrics.count_job(NAME, JobResult.GAVE_UP if given_up else JobResult.FAILED)
        log.info("balance_not_read", account_id=job.account_id, error_class=fault.error_class, code=fault.code, attempt=attempts)
        if given_up:
            return Settled(job.job_id, now + job.every, 0, text)
        return Settled(job.job_id, now + timedelta(seconds=retry_delay_s(attempts, _chance())), attempts, text)


def _chance() -> float:
    return random.random()  # noqa: S311 - not a secret

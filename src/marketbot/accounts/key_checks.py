"""Asks the venues once a week what each ready account's key may do, and sooner when its owner asks: a key that has come to be able to move
money, or that lost the right to trade, stops its account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from marketbot.accounts.connect import TRANSIENT, Refused, advise, object_to, refused_by
from marketbot.accounts.keyring import NOT_OPENED, Keyring
from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.key_reason import MAX_FACT_CHARS, KeyReason
from marketbot.domain.live import Changed, tell_nobody
from marketbot.domain.venue import Market
from marketbot.jobs.schedule import retry_delay_s
from marketbot.ports import Clock, Credential, Owned, OwnsAll, Tell, VenueClient
from marketbot.store import account_jobs, accounts, key_checks
from marketbot.store.account_jobs import AccountJob, Settled
from marketbot.store.accounts import Quarantine
from marketbot.store.key_checks import KeyFinding
from marketbot.store.pool import Pool, is_unavailable

NAME = "key_check"
EVERY = timedelta(days=7)
PAGE = 32
"""Due accounts of a market that are looked at in one round."""
EVERY_S = 2.0
PLAN_EVERY_S = 60.0
PAUSE_S = 0.5
"""Between two looks at a market: ten thousand keys are looked at within a few hours, and nobody's orders notice."""
MAX_ATTEMPTS = 8

log = structlog.get_logger(__name__)


class KeyChecks:
    """Does the accounts' key checks (``store.account_jobs``); an account's owner alone does them."""

    def __init__(
        self,
        pool: Pool,
        keyring: Keyring,
        clients: Mapping[Market, VenueClient],
        clock: Clock,
        *,
        is_busy: Callable[[], bool] = lambda: False,
        owned: Owned | None = None,
        tell: Tell = tell_nobody,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._clients = clients
        self._clock = clock
        self._is_busy = is_busy
        self._owned = owned or OwnsAll()
        self._tell = tell
        self._pause_s = pause_s
        self._planned_at_s: float | None = None
        self.checked = 0

    def __repr__(self) -> str:
        return f"<KeyChecks checked={self.checked}>"

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.run_once()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("key_checks_wait_for_store", error=type(error).__name__)
            await self._clock.sleep(EVERY_S)

    async def run_once(self) -> int:
        """Look at one page of due keys of every market; return how many were looked at."""
        now_s = self._clock.monotonic()
        if self._planned_at_s is None or now_s - self._planned_at_s >= PLAN_EVERY_S:
            await account_jobs.plan(self._pool, NAME, EVERY, MAX_ATTEMPTS, self._owned.where())
            self._planned_at_s = now_s
        return sum(await asyncio.gather(*(self._check_page(market) for market in list(self._clients))))

    async def _check_page(self, market: Market) -> int:
        await key_checks.make_asked_due(self._pool, NAME, EVERY, MAX_ATTEMPTS, market, self._owned.where())
        done = 0
        for job in await account_jobs.due(self._pool, NAME, market, PAGE, self._owned.where()):
            if done:
                await self._clock.sleep(self._pause_s)
            if self._is_busy():
                break  # orders go first; the rest stays due
            if self._owned.owns(job.egress, job.account_id):
                await self._check(market, job)
                done += 1
        self.checked += done
        return done

    async def _check(self, market: Market, job: AccountJob) -> None:
        credential = (await self._keyring.credentials([job.account_id])).get(job.account_id)
        if credential is None:
            # No venue's word: a key-encryption key that is missing on one machine must not stop everybody's accounts.
            await self._put_off(job, KeyReason.KEY_UNREADABLE, NOT_OPENED, self._clock.now())
            return
        found = await self._ask(market, job, credential)
        now = self._clock.now()
        if isinstance(found, VenueFault) and found.error_class in TRANSIENT:
            await self._put_off(job, KeyReason.VENUE_UNAVAILABLE, found, now)
            return
        if isinstance(found, VenueFault):
            found = refused_by(found)
        if isinstance(found, Refused):
            finding = KeyFinding(job.account_id, job.user_id, now, found.code, found.facts)
            stop = Quarantine(job.account_id, job.user_id, found.reason, found.code, found.facts)
            await accounts.quarantine_accounts(self._pool, [stop])
            log.warning("key_stopped", account_id=job.account_id, code=found.code)
        else:
            finding = found
        await key_checks.write(self._pool, [finding])
        await account_jobs.settle(self._pool, [Settled(job.job_id, now + job.every, 0, None)])
        self._tell([job.user_id], Changed.ACCOUNTS)

    async def _ask(self, market: Market, job: AccountJob, credential: Credential) -> KeyFinding | Refused | VenueFault:
        """Ask what the key may do and whether there is anything to trade with."""
        client = self._clients[market]
        key = await client.read_key(credential)
        if isinstance(key, VenueFault):
            return key
        if (objection := object_to(key)) is not None:
            return Refused(objection)
        reading = await client.read_account(replace(credential, position_mode=key.position_mode))
        if isinstance(reading, VenueFault):
            return reading
        advice = advise(key, reading, market.environment)
        return KeyFinding(job.account_id, job.user_id, self._clock.now(), advice, {}, key.ip_restricted, key.expires_at)

    async def _put_off(self, job: AccountJob, code: KeyReason, fault: VenueFault, now: datetime) -> None:
        """Ask again later; the owner who waits for an answer reads why there is none."""
        facts = {"code": fault.code, "text": fault.text[:MAX_FACT_CHARS]}
        await key_checks.write(self._pool, [KeyFinding(job.account_id, job.user_id, now, code, facts)])
        attempts = job.attempts if fault.error_class is ErrorClass.EGRESS_RATE else job.attempts + 1
        given_up = attempts >= job.max_attempts
        due_at = now + (job.every if given_up else timedelta(seconds=fault.retry_after_s or retry_delay_s(max(1, attempts), 0.5)))
        await account_jobs.settle(
            self._pool, [Settled(job.job_id, due_at, 0 if given_up else attempts, f"{fault.error_class} {fault.code}")]
        )

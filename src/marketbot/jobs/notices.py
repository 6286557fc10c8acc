"""The jobs that tell users and operators: one delivers a notice, one looks for positions that nobody protected."""

from __future__ import annotations

from datetime import timedelta

import orjson
import structlog

from marketbot.domain.notice import Notice
from marketbot.domain.notice_texts import notice_text
from marketbot.jobs.kinds import Kind
from marketbot.notices.address import Hook, HookInvalid
from marketbot.notices.delivery import TIMEOUT_S, Courier, DeliveryFailed
from marketbot.notices.signing import signature
from marketbot.ports import Clock
from marketbot.store import notices
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool
from marketbot.vault.vault import Vault

NAME = "notice"
LOOK_NAME = "notice_unprotected"
LOOK_EVERY = timedelta(seconds=10)
UNPROTECTED_FOR = timedelta(seconds=30)
"""A position is protected or closed within seconds; one that is not by then is worth a person's look."""

log = structlog.get_logger(__name__)


def notice_kind(pool: Pool, vault: Vault, courier: Courier, clock: Clock, *, loopback: bool) -> Kind:
    """Return the kind of job that delivers. A receiver may get a notice twice, and knows it by its ``id``."""

    async def deliver(job: ClaimedJob) -> None:
        sealed = await notices.sealed_hook(pool, job.payload["hook_id"])
        if sealed is None:
            log.info("notice_dropped", job_id=job.job_id, why="its address was replaced or removed")
            return
        url = vault.open(sealed.url_sealed, aad=notices.hook_aad(sealed.user_id, "url")).decode()
        secret = vault.open(sealed.secret_sealed, aad=notices.hook_aad(sealed.user_id, "secret")).decode()
        simulated = await pool.fetchval("SELECT profile = 'simulation' FROM installation")
        notice, facts = Notice(job.payload["notice"]), job.payload["facts"]
        body = orjson.dumps(
            {
                "id": job.job_id,
                "notice": notice,
                "at": job.payload["at"],
                "simulated": bool(simulated),
                "text": notice_text(notice, facts),
                "facts": facts,
            }
        )
        at_s = int(clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "MarketBot",
            "X-MarketBot-Id": str(job.job_id),
            "X-MarketBot-Timestamp": str(at_s),
            "X-MarketBot-Signature": signature(secret, at_s, body),
        }
        try:
            hook = Hook.parse(url, loopback=loopback)
        except HookInvalid as invalid:
            # It was allowed when it was given, and is not any more.
            raise DeliveryFailed(str(invalid)) from None
        await courier.post(hook, body, headers)

    return Kind(NAME, deliver, timeout_s=2 * TIMEOUT_S)


def unprotected_kind(pool: Pool) -> Kind:
    async def look(_job: ClaimedJob) -> None:
        await notices.ask_unprotected(pool, UNPROTECTED_FOR)

    return Kind(LOOK_NAME, look, every=LOOK_EVERY)

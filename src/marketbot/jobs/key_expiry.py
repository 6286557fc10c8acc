"""The job that warns of keys which their venues let expire. It reads what the weekly checks found; it opens no key."""

from __future__ import annotations

from datetime import timedelta

from marketbot.jobs.kinds import Kind
from marketbot.store import key_checks
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool

NAME = "key_expiry"
EVERY = timedelta(hours=6)


def key_expiry_kind(pool: Pool) -> Kind:
    async def warn(_job: ClaimedJob) -> None:
        await key_checks.warn_of_expiry(pool)

    return Kind(NAME, warn, every=EVERY)

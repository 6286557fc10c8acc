"""The job that sends a mailbox the code that proves who holds it. The code is made here, so that no row ever holds it in clear."""

from __future__ import annotations

import structlog

from marketbot.domain.notice import ChannelKind
from marketbot.domain.notice_texts import word
from marketbot.jobs.kinds import Kind
from marketbot.jobs.tell import Letters
from marketbot.notices.codes import CODE_LIFE, code_sha256, make_mail_code
from marketbot.notices.delivery import DeliveryFailed
from marketbot.store import channels
from marketbot.store.channels import channel_aad
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool
from marketbot.vault.vault import Vault

log = structlog.get_logger(__name__)


def code_kind(pool: Pool, vault: Vault, letters: Letters | None) -> Kind:
    async def send(job: ClaimedJob) -> None:
        channel = await channels.sealed_channel(pool, job.payload["channel_id"])
        if (
            channel is None
            or channel.kind is not ChannelKind.EMAIL
            or channel.confirmed_at is not None
            or channel.target_sealed is None
        ):
            log.info("channel_code_dropped", job_id=job.job_id)
            return
        if letters is None:
            raise DeliveryFailed("this installation has no mail server any more")
        code = make_mail_code()
        async with pool.acquire() as connection:
            await channels.set_code(
                connection, channel.user_id, channel.channel_id, code_sha256(channel.channel_id, code), CODE_LIFE
            )
        address = vault.open(channel.target_sealed, aad=channel_aad(channel.user_id, channel.kind, "target")).decode()
        spoken = channel.language
        await letters.send(address, f"MarketBot: {word('code_subject', spoken)}", word("code", spoken, code=code))

    return Kind(channels.CODE_JOB, send, max_attempts=channels.CODE_ATTEMPTS_MAX)

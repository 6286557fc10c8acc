"""The job that is one message to one channel, by whatever means the channel is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
import structlog

from marketbot.domain.notice import ChannelKind, Notice, Spoken
from marketbot.jobs.kinds import Kind, TryLater
from marketbot.notices.address import HookInvalid
from marketbot.notices.delivery import TIMEOUT_S, Courier, DeliveryFailed
from marketbot.notices.message import Item, message_text, title, webhook_document
from marketbot.notices.services import JSON_HEADERS, ReceiverBusy, ReceiverGone, Telegram, send_discord, send_slack
from marketbot.notices.signing import signature
from marketbot.notices.target import read_hook
from marketbot.ports import Clock
from marketbot.store import channels, notice_items
from marketbot.store.channels import SealedChannel, channel_aad
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool
from marketbot.vault.vault import Vault

NAME = "tell"
ATTEMPTS_MAX = 8

log = structlog.get_logger(__name__)


class Letters(Protocol):
    """Sends e-mail; what it raises counts as a failed attempt, and names neither the address nor the text."""

    async def send(self, to: str, subject: str, body: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What this installation tells with; without a bot or a mail server those channels are not offered."""

    courier: Courier
    telegram: Telegram | None = None
    letters: Letters | None = None
    loopback: bool = False


def tell_kind(pool: Pool, vault: Vault, means: Means, clock: Clock) -> Kind:
    """Return the kind of job that delivers. A receiver may get a message twice: whoever dies after sending is run again."""

    async def deliver(job: ClaimedJob) -> None:
        channel = await channels.sealed_channel(pool, job.payload["channel_id"])
        items = [Item(Notice(each.notice), each.at, each.facts) for each in await notice_items.taken_items(pool, job.job_id)]
        if channel is None or channel.target_sealed is None or not items:
            log.info("notice_dropped", job_id=job.job_id, why="its channel was removed")
            return
        simulated = bool(await pool.fetchval("SELECT profile = 'simulation' FROM installation"))
        telling = _Telling(channel, vault, means, clock, simulated)
        try:
            await telling.tell(job.job_id, items)
        except ReceiverBusy as busy:
            await channels.note_busy(pool, channel.channel_id, busy.retry_after_s)
            raise TryLater(str(busy), busy.retry_after_s) from None
        except ReceiverGone as gone:
            await channels.note_failed(pool, channel.channel_id, str(gone))
            raise DeliveryFailed(str(gone)) from None
        await channels.note_taken(pool, channel.channel_id)

    return Kind(NAME, deliver, timeout_s=3 * TIMEOUT_S, max_attempts=ATTEMPTS_MAX)


@dataclass(frozen=True, slots=True)
class _Telling:
    channel: SealedChannel
    vault: Vault
    means: Means
    clock: Clock
    simulated: bool

    async def tell(self, message_id: int, items: Sequence[Item]) -> None:
        kind, spoken = self.channel.kind, self.channel.language
        target = self._open("target")
        if kind is ChannelKind.WEBHOOK:
            await self._post_signed(target, message_id, items, spoken)
            return
        text = message_text(kind, items, spoken, simulated=self.simulated)
        if kind is ChannelKind.TELEGRAM:
            if self.means.telegram is None:
                raise DeliveryFailed("this installation has no Telegram bot any more")
            await self.means.telegram.send(int(target), text)
        elif kind is ChannelKind.EMAIL:
            if self.means.letters is None:
                raise DeliveryFailed("this installation has no mail server any more")
            await self.means.letters.send(target, title(items, spoken, simulated=self.simulated), text)
        else:
            send = send_discord if kind is ChannelKind.DISCORD else send_slack
            try:
                hook = read_hook(kind, target, loopback=self.means.loopback)
            except HookInvalid as invalid:
                raise DeliveryFailed(str(invalid)) from None
            await send(self.means.courier, hook, text)

    async def _post_signed(self, url: str, message_id: int, items: Sequence[Item], spoken: Spoken) -> None:
        try:
            hook = read_hook(ChannelKind.WEBHOOK, url, loopback=self.means.loopback)
        except HookInvalid as invalid:
            # It was allowed when it was given, and is not any more.
            raise DeliveryFailed(str(invalid)) from None
        body = orjson.dumps(webhook_document(message_id, items, spoken, simulated=self.simulated))
        at_s = int(self.clock.now().timestamp())
        await self.means.courier.post(
            hook,
            body,
            JSON_HEADERS
            | {
                "X-MarketBot-Id": str(message_id),
                "X-MarketBot-Timestamp": str(at_s),
                "X-MarketBot-Signature": signature(self._open("secret"), at_s, body),
            },
        )

    def _open(self, what: str) -> str:
        channel = self.channel
        sealed = channel.target_sealed if what == "target" else channel.secret_sealed
        assert sealed is not None
        return self.vault.open(sealed, aad=channel_aad(channel.user_id, channel.kind, what)).decode()

"""The recurring job that reads what people say to the bot: ``/start CODE`` links the chat to the channel that waits for the code.

The job's claim is the lease: of all processes one asks Telegram at a time, and when it dies another does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog

from marketbot.domain.audit_entry import Action, Actor, ActorKind
from marketbot.domain.notice import ChannelKind
from marketbot.domain.notice_texts import clean, word
from marketbot.jobs.kinds import Kind, TryLater
from marketbot.notices.codes import code_sha256
from marketbot.notices.delivery import DeliveryFailed
from marketbot.notices.services import UPDATES_TIMEOUT_S, ReceiverBusy, ReceiverGone, Telegram
from marketbot.store import channels, notice_items
from marketbot.store.audit_trail import record
from marketbot.store.channels import channel_aad, channel_entry
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool
from marketbot.vault.vault import Vault

NAME = "telegram"
EVERY = timedelta(seconds=1)
BOT = "telegram"
MAX_CODE_CHARS = 64
MAX_NAME_CHARS = 100

log = structlog.get_logger(__name__)


def telegram_kind(pool: Pool, vault: Vault, telegram: Telegram) -> Kind:
    async def read(_job: ClaimedJob) -> None:
        try:
            updates = await telegram.updates(await notice_items.next_update(pool, BOT))
        except ReceiverBusy as busy:
            raise TryLater(str(busy), busy.retry_after_s) from None
        for update in updates:
            number = update.get("update_id")
            if not isinstance(number, int):
                continue
            said = _start_of(update)
            if said is not None:
                await _link(pool, vault, telegram, *said)
            await notice_items.note_update(pool, BOT, number + 1)

    return Kind(NAME, read, every=EVERY, timeout_s=UPDATES_TIMEOUT_S + 60.0, interruptible=True)


async def _link(pool: Pool, vault: Vault, telegram: Telegram, chat_id: int, name: str, code: str) -> None:
    """Link a chat if its code is one that waits. A wrong one is not answered: there is nothing to learn from silence."""
    sha256 = code_sha256(None, code)
    channel = await channels.channel_of_code(pool, sha256)
    if channel is None:
        log.info("telegram_code_unknown")
        return
    sealed = vault.seal(str(chat_id).encode(), aad=channel_aad(channel.user_id, ChannelKind.TELEGRAM, "target"))
    async with pool.acquire() as connection, connection.transaction():
        if not await channels.link_chat(connection, channel, sha256, name, sealed):
            return
        # Who wrote to the bot is known to Telegram alone.
        actor = Actor(ActorKind.SYSTEM)
        entry = channel_entry(Action.CHANNEL_CONFIRMED, actor, channel.channel_id, channel.user_id, channel.kind)
        await record(connection, entry)
    log.info("telegram_linked", channel_id=channel.channel_id, user_id=channel.user_id)
    try:
        await telegram.send(chat_id, word("linked", channel.language))
    except (DeliveryFailed, ReceiverBusy, ReceiverGone) as error:
        # It is linked all the same; a test message tells whether it works.
        log.warning("telegram_not_greeted", channel_id=channel.channel_id, error=type(error).__name__)


def _start_of(update: dict[str, Any]) -> tuple[int, str, str] | None:
    """Return chat, its name and the code, of a ``/start CODE`` that was said in private; in a group others would read along."""
    message = update.get("message")
    if not isinstance(message, dict):
        return None
    chat = message.get("chat")
    if not isinstance(chat, dict) or chat.get("type") != "private" or not isinstance(chat.get("id"), int):
        return None
    text = message.get("text")
    command, _, code = text.partition(" ") if isinstance(text, str) else ("", "", "")
    code = code.strip()
    if command != "/start" or not 0 < len(code) <= MAX_CODE_CHARS:
        return None
    names = (chat.get("username"), chat.get("first_name"))
    name = next((clean(each).strip() for each in names if isinstance(each, str) and clean(each).strip()), "Telegram")
    return chat["id"], name[:MAX_NAME_CHARS], code

"""All the jobs that tell somebody something, put together from what an installation has."""

from __future__ import annotations

from marketbot.jobs.channel_codes import code_kind
from marketbot.jobs.kinds import Kind
from marketbot.jobs.notice_rounds import news_kind, round_kind, summary_kind
from marketbot.jobs.notices import notice_kind, unprotected_kind
from marketbot.jobs.telegram import telegram_kind
from marketbot.jobs.tell import Letters, Means, tell_kind
from marketbot.notices.address import Hook
from marketbot.notices.delivery import Courier
from marketbot.notices.services import Telegram
from marketbot.ports import Clock
from marketbot.store.pool import Pool
from marketbot.vault.vault import Vault


def notice_kinds(
    pool: Pool,
    vault: Vault,
    clock: Clock,
    courier: Courier,
    *,
    loopback: bool,
    telegram_api: str,
    telegram_token: str | None,
    letters: Letters | None = None,
) -> list[Kind]:
    """Return the kinds; the one that reads what the bot is told is among them only where there is a bot.

    Raises:
        HookInvalid: the bot's API is at no address that may be dialled.
    """
    telegram = None if telegram_token is None else Telegram(Hook.parse(telegram_api, loopback=loopback), telegram_token, courier)
    means = Means(courier, telegram, letters, loopback)
    kinds = [
        notice_kind(pool, vault, courier, clock, loopback=loopback),
        unprotected_kind(pool),
        tell_kind(pool, vault, means, clock),
        code_kind(pool, vault, letters),
        round_kind(pool, clock),
        news_kind(pool),
        summary_kind(pool),
    ]
    if telegram is not None:
        kinds.append(telegram_kind(pool, vault, telegram))
    return kinds

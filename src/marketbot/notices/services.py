"""What Telegram, Discord and Slack are said, and what their answers mean: taken, later, or never again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from marketbot.domain.errors import MarketBotError
from marketbot.notices.address import Hook
from marketbot.notices.delivery import Answer, Courier, DeliveryFailed

JSON_HEADERS = {"Content-Type": "application/json", "User-Agent": "MarketBot"}
RETRY_AFTER_MAX_S = 3_600
"""A service that asks to be left alone for longer is asked again after this."""
RETRY_AFTER_DEFAULT_S = 30
GONE = frozenset({401, 403, 404, 410})
"""The bot was blocked, or the webhook removed: only its owner can mend it."""
UPDATES_TIMEOUT_S = 25
"""How long Telegram keeps a question for updates open while there is none."""
UPDATES_MAX = 50


class ReceiverBusy(MarketBotError):
    """It asked to be left alone for ``retry_after_s``."""

    def __init__(self, host: str, retry_after_s: int) -> None:
        super().__init__(f"{host} asked for {retry_after_s} s of quiet")
        self.retry_after_s = retry_after_s


class ReceiverGone(MarketBotError):
    """It will take no more of this channel's messages until its owner does something."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """The installation's bot. The token is part of every path, so no address of it is ever shown."""

    api: Hook
    token: str = field(repr=False)
    courier: Courier

    async def send(self, chat_id: int, text: str) -> None:
        """Send plain text: without a parse mode nothing in it is markup, and no link is looked up.

        Raises:
            DeliveryFailed, ReceiverBusy, ReceiverGone.
        """
        await self._ask("sendMessage", {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}})

    async def updates(self, after: int) -> list[dict[str, Any]]:
        """Return what was said to the bot since, waiting for it up to ``UPDATES_TIMEOUT_S``; asking takes what came before for read.

        Raises:
            DeliveryFailed, ReceiverBusy, ReceiverGone (the token is not a bot's any more).
        """
        question = {"offset": after, "limit": UPDATES_MAX, "timeout": UPDATES_TIMEOUT_S, "allowed_updates": ["message"]}
        found = await self._ask("getUpdates", question, timeout_s=UPDATES_TIMEOUT_S + 10.0)
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    async def _ask(self, method: str, document: Mapping[str, Any], *, timeout_s: float = 10.0) -> Any:
        hook = Hook(self.api.host, self.api.port, f"{self.api.target.rstrip('/')}/bot{self.token}/{method}")
        answer = await self.courier.call(hook, orjson.dumps(document), JSON_HEADERS, timeout_s=timeout_s)
        check(hook.host, answer)
        return _document(answer).get("result")


async def send_discord(courier: Courier, hook: Hook, text: str) -> None:
    """Post to an incoming webhook: nobody is mentioned, whatever the text says, and links show no preview.

    Raises:
        DeliveryFailed, ReceiverBusy, ReceiverGone.
    """
    body = orjson.dumps({"content": text, "allowed_mentions": {"parse": []}, "flags": 4})
    check(hook.host, await courier.call(hook, body, JSON_HEADERS))


async def send_slack(courier: Courier, hook: Hook, text: str) -> None:
    """Post to an incoming webhook; ``mrkdwn`` off leaves asterisks and the like as they are.

    Raises:
        DeliveryFailed, ReceiverBusy, ReceiverGone.
    """
    body = orjson.dumps({"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False})
    check(hook.host, await courier.call(hook, body, JSON_HEADERS))


def check(host: str, answer: Answer) -> None:
    """Say what an answer means by returning, or raising."""
    if 200 <= answer.status < 300:
        return
    if answer.status == 429:
        raise ReceiverBusy(host, _retry_after_s(answer))
    if answer.status in GONE:
        raise ReceiverGone(f"{host} answered {answer.status}")
    raise DeliveryFailed(f"{host} answered {answer.status}")


def _retry_after_s(answer: Answer) -> int:
    """Telegram says it in parameters, Discord in the body with fractions, everybody in the header."""
    document = _document(answer)
    parameters = document.get("parameters")
    inner = parameters.get("retry_after") if isinstance(parameters, dict) else None
    for said in (inner, document.get("retry_after"), answer.headers.get("retry-after")):
        try:
            seconds = float(said)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return min(math.ceil(seconds), RETRY_AFTER_MAX_S)
    return RETRY_AFTER_DEFAULT_S


def _document(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}

"""One message of one notice or a digest of many, as each kind of channel takes it: bounded, with nothing in it that acts as markup. Pure.

What does not fit is counted, never cut in the middle: the last line says how many more there were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marketbot.domain.notice import SEVERITIES, ChannelKind, Notice, Severity, Spoken
from marketbot.domain.notice_texts import notice_text, severity_title, time_text, word

TELEGRAM_MAX_CHARS = 4_096
DISCORD_MAX_CHARS = 2_000
SLACK_MAX_CHARS = 40_000
EMAIL_MAX_CHARS = 100_000
MAX_WEBHOOK_NOTICES = 100
"""Notices of a digest that a webhook gets with their facts; the rest is counted."""

_DISCORD_MARKUP = re.compile(r"([\\*_~`|>#\-\[\]()<@:.+!])")
_GRAVITY = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Item:
    """One notice that is to be told."""

    notice: Notice
    at: datetime
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.notice]


def plain_text(text: str) -> str:
    """Telegram is sent no parse mode, and letters no HTML: nothing in them is markup."""
    return text


def discord_text(text: str) -> str:
    """Return the text with all of Discord's Markdown, mentions and links made plain."""
    return _DISCORD_MARKUP.sub(r"\\\1", text)


def slack_text(text: str) -> str:
    """Return the text with what begins Slack's links and mentions replaced, as its documentation asks."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


ESCAPES: Mapping[ChannelKind, Callable[[str], str]] = {
    ChannelKind.TELEGRAM: plain_text,
    ChannelKind.EMAIL: plain_text,
    ChannelKind.DISCORD: discord_text,
    ChannelKind.SLACK: slack_text,
}
LIMITS: Mapping[ChannelKind, int] = {
    ChannelKind.TELEGRAM: TELEGRAM_MAX_CHARS,
    ChannelKind.EMAIL: EMAIL_MAX_CHARS,
    ChannelKind.DISCORD: DISCORD_MAX_CHARS,
    ChannelKind.SLACK: SLACK_MAX_CHARS,
}


def gravest(items: Sequence[Item]) -> Severity:
    return max((item.severity for item in items), key=_GRAVITY.index)


def title(items: Sequence[Item], spoken: Spoken, *, simulated: bool) -> str:
    """Return the first line, or a letter's subject: no word of a stranger is in it."""
    text = f"MarketBot: {severity_title(gravest(items), spoken)}"
    if len(items) > 1:
        text += f", {word('digest', spoken, count=len(items))}"
    return f"[{word('simulation', spoken)}] {text}" if simulated else text


def message_text(kind: ChannelKind, items: Sequence[Item], spoken: Spoken, *, simulated: bool) -> str:
    """Return title and notices, the gravest first, in as many characters (UTF-16 units, as Telegram counts) as the channel takes."""
    escape, room = ESCAPES[kind], LIMITS[kind]
    ordered = sorted(items, key=lambda item: (-_GRAVITY.index(item.severity), item.at))
    lines = [escape(title(items, spoken, simulated=simulated))]
    used = _units(lines[0])
    # The longest last line that can become necessary is kept free.
    reserve = _units(escape(word("more", spoken, count=len(ordered)))) + 1
    for number, item in enumerate(ordered):
        line = escape(_line(item, spoken))
        last = number == len(ordered) - 1
        if used + 1 + _units(line) + (0 if last else reserve) > room:
            lines.append(escape(word("more", spoken, count=len(ordered) - number)))
            break
        lines.append(line)
        used += 1 + _units(line)
    return "\n".join(lines)


def webhook_document(message_id: int, items: Sequence[Item], spoken: Spoken, *, simulated: bool) -> dict[str, Any]:
    """Return what a webhook is sent, before it is signed."""
    shown = items[:MAX_WEBHOOK_NOTICES]
    return {
        "id": message_id,
        "simulated": simulated,
        "severity": gravest(items),
        "notices": [
            {
                "notice": item.notice,
                "severity": item.severity,
                "at": item.at,
                "text": notice_text(item.notice, item.facts, spoken),
                "facts": item.facts,
            }
            for item in shown
        ],
        "left_out": len(items) - len(shown),
    }


def _line(item: Item, spoken: Spoken) -> str:
    return f"{time_text(item.at, spoken)}: {notice_text(item.notice, item.facts, spoken)}"


def _units(text: str) -> int:
    """Return UTF-16 code units: never fewer than characters, so whoever counts those has room too."""
    return len(text.encode("utf-16-le")) // 2

"""Which of a channel's notices go now, each by itself; which go now in one digest; and which wait. Pure.

Critical notices never come here: they are messages of their own from the start. What comes here is never lost, only gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketbot.domain.gcra import Rate, decide
from marketbot.domain.notice import ALONE, SEVERITIES, Notice, Severity

CHANNEL_MESSAGES = Rate.per(5, 60)
"""Messages of a single notice that a channel gets: five at once, one more every twelve seconds."""
WARNING_DIGEST = timedelta(seconds=60)
"""What is beyond that is told together after so long."""
INFO_DIGEST = timedelta(minutes=15)
MAX_DIGEST_ITEMS = 500
"""Notices of one digest; what is beyond goes into the next one."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that no message has taken yet."""

    item_id: int
    notice: Notice
    due_at: datetime
    held: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """``messages``: the items of each message that goes now. ``held``: items that wait, and until when. ``tat_us`` is to be remembered."""

    messages: tuple[tuple[int, ...], ...]
    held: tuple[tuple[int, datetime], ...]
    tat_us: int


def pace(waiting: Sequence[Waiting], tat_us: int, now: datetime) -> Pace:
    """Decide for all that waits for one channel, in the order that it happened.

    When one of those that are held is due, everything that waits goes with it: a digest comes once a window, not once an item.
    """
    now_us = round(now.timestamp() * 1_000_000)
    if any(each.held and each.due_at <= now for each in waiting):
        digest = tuple(each.item_id for each in waiting[:MAX_DIGEST_ITEMS])
        return Pace((digest,), (), decide(tat_us, now_us, CHANNEL_MESSAGES).tat_us)
    messages: list[tuple[int, ...]] = []
    held: list[tuple[int, datetime]] = []
    for each in waiting:
        if each.held:
            continue
        if SEVERITIES[each.notice] is Severity.INFO and each.notice not in ALONE:
            held.append((each.item_id, now + INFO_DIGEST))
            continue
        decision = decide(tat_us, now_us, CHANNEL_MESSAGES)
        if decision.allowed:
            tat_us = decision.tat_us
            messages.append((each.item_id,))
        else:
            held.append((each.item_id, now + WARNING_DIGEST))
    return Pace(tuple(messages), tuple(held), tat_us)

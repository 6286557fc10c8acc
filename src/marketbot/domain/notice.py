"""What users and operators can have themselves told of by a webhook, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Notice(StrEnum):
    """The store's statements use the same words."""

    POSITION_UNPROTECTED = "position_unprotected"
    ACCOUNT_QUARANTINED = "account_quarantined"
    TRADING_STOPPED = "trading_stopped"
    TRADING_RESUMED = "trading_resumed"
    BACKUP_FAILED = "backup_failed"
    KEY_EXPIRES = "key_expires"
    TEST = "test"


_TEXTS: Mapping[Notice, str] = {
    Notice.POSITION_UNPROTECTED: (
        "The {side} position in {symbol} of account {label} ({venue}) has no verified stop. It is being seen to; look at the exchange."
    ),
    Notice.ACCOUNT_QUARANTINED: "Account {label} ({venue}) stopped trading until its key is replaced: {reason}",
    Notice.TRADING_STOPPED: "New entries are stopped ({state}) for {scope} {key}: {reason}",
    Notice.TRADING_RESUMED: "New entries are made again for {scope} {key}.",
    Notice.BACKUP_FAILED: "A backup failed: {detail}",
    Notice.KEY_EXPIRES: (
        "The key of account {label} ({venue}) expires in {days} days, at {expires_at}: make another at the venue, and connect that."
    ),
    Notice.TEST: "This is a test: notices arrive here.",
}


def notice_text(notice: Notice, facts: Mapping[str, Any]) -> str:
    """Return one English sentence or two for people; a fact that is missing leaves its place empty."""
    return _TEXTS[notice].format_map(_Facts(facts))


class _Facts(dict[str, Any]):
    def __missing__(self, _key: str) -> str:
        return ""

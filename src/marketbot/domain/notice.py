"""What users and operators can have themselves told of, how grave each of it is, and by what means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Notice(StrEnum):
    """The store's statements use the same words."""

    POSITION_UNPROTECTED = "position_unprotected"
    ACCOUNT_QUARANTINED = "account_quarantined"
    KEY_EXPIRES = "key_expires"
    NEW_LOGIN = "new_login"
    TRADING_STOPPED = "trading_stopped"
    TRADING_RESUMED = "trading_resumed"
    BACKUP_FAILED = "backup_failed"
    ERASURE_ASKED = "erasure_asked"
    POSITION_PROTECTED = "position_protected"
    POSITION_CLOSED = "position_closed"
    ENTRY_NOT_MADE = "entry_not_made"
    DAILY_SUMMARY = "daily_summary"
    OPERATOR_SUMMARY = "operator_summary"
    TEST = "test"


class Severity(StrEnum):
    """From the least to the gravest, as the schema has them."""

    INFO = "info"
    """Told in a digest."""
    WARNING = "warning"
    """Told at once, as long as there is not too much of it; then in a digest."""
    CRITICAL = "critical"
    """Told at once, whatever else is said: nothing throttles, digests or delays it."""


class ChannelKind(StrEnum):
    WEBHOOK = "webhook"
    TELEGRAM = "telegram"
    EMAIL = "email"
    DISCORD = "discord"
    SLACK = "slack"


class Spoken(StrEnum):
    """The language that a channel speaks."""

    PT_BR = "pt-BR"
    EN = "en"


SEVERITIES: Mapping[Notice, Severity] = {
    Notice.POSITION_UNPROTECTED: Severity.CRITICAL,
    Notice.ACCOUNT_QUARANTINED: Severity.WARNING,
    Notice.KEY_EXPIRES: Severity.WARNING,
    Notice.NEW_LOGIN: Severity.WARNING,
    Notice.TRADING_STOPPED: Severity.WARNING,
    Notice.TRADING_RESUMED: Severity.WARNING,
    Notice.BACKUP_FAILED: Severity.WARNING,
    Notice.ERASURE_ASKED: Severity.WARNING,
    Notice.POSITION_PROTECTED: Severity.INFO,
    Notice.POSITION_CLOSED: Severity.INFO,
    Notice.ENTRY_NOT_MADE: Severity.INFO,
    Notice.DAILY_SUMMARY: Severity.INFO,
    Notice.OPERATOR_SUMMARY: Severity.INFO,
    Notice.TEST: Severity.WARNING,
}

ALONE = frozenset({Notice.DAILY_SUMMARY, Notice.OPERATOR_SUMMARY})
"""Summaries already: no digest holds them back."""
USER_NOTICES = frozenset(Notice) - {Notice.TEST, Notice.BACKUP_FAILED, Notice.OPERATOR_SUMMARY}
"""What a user may choose."""
OPERATOR_NOTICES = frozenset(
    {
        Notice.POSITION_UNPROTECTED,
        Notice.ACCOUNT_QUARANTINED,
        Notice.KEY_EXPIRES,
        Notice.NEW_LOGIN,
        Notice.TRADING_STOPPED,
        Notice.TRADING_RESUMED,
        Notice.BACKUP_FAILED,
        Notice.ERASURE_ASKED,
        Notice.OPERATOR_SUMMARY,
    }
)
"""What the operator may choose: of all users, but not what each of them traded."""

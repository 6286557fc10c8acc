"""How a command fails: a closed reason for programs, a sentence for people, an exit code for shells."""

from __future__ import annotations

from enum import StrEnum

from marketbot.domain.errors import MarketBotError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""What a shell reports of a program ended by Ctrl-C."""


class FailureReason(StrEnum):
    USAGE = "USAGE"
    SETTINGS_INVALID = "SETTINGS_INVALID"
    NOTHING_HERE = "NOTHING_HERE"
    """No database has been made yet."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    STORE_OUTDATED = "STORE_OUTDATED"
    SERVICE_NOT_RUNNING = "SERVICE_NOT_RUNNING"
    SERVICE_FAILED = "SERVICE_FAILED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FILE_INVALID = "FILE_INVALID"
    SIGNAL_REFUSED = "SIGNAL_REFUSED"
    UNFINISHED = "UNFINISHED"
    SECRET_MISSING = "SECRET_MISSING"  # noqa: S105 - a reason's name
    REFUSED = "REFUSED"
    INTERRUPTED = "INTERRUPTED"
    INTERNAL = "INTERNAL"


class CommandFailed(MarketBotError):
    """``reason`` is one of FailureReason, or what the service answered."""

    def __init__(self, reason: str, message: str, *, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.reason = str(reason)
        self.message = message
        self.exit_code = exit_code

"""What the audit trail says of a command: who did what to whom, from where."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.money import plain

MAX_FACTS = 32
MAX_FACT_CHARS = 400
MAX_SUBJECT_CHARS = 128

Fact = str | int | bool | None


class Action(StrEnum):
    """Whatever changes something because somebody said so. A word that was written once keeps its meaning for ever."""

    SETUP = "setup"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    SESSION_REVOKED = "session_revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the action's name
    PASSWORD_RESET_ASKED = "password_reset_asked"  # noqa: S105 - the action's name
    SECOND_FACTOR_SET = "second_factor_set"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    INVITED = "invited"
    INVITATION_REVOKED = "invitation_revoked"
    PERSON_MADE = "person_made"
    PERSON_CHANGED = "person_changed"
    PERSON_DISABLED = "person_disabled"
    PERSON_ENABLED = "person_enabled"
    PERSON_ERASED = "person_erased"
    USER_MADE = "user_made"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    TOKEN_MADE = "token_made"  # noqa: S105 - the action's name
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the action's name
    ACCOUNTS_IMPORTED = "accounts_imported"
    ACCOUNT_CONNECTED = "account_connected"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_DISCONNECTED = "account_disconnected"
    KEY_ROTATED = "key_rotated"
    KEY_REVOKED = "key_revoked"
    SETTINGS_CHANGED = "settings_changed"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    HALTED = "halted"
    RESUMED = "resumed"
    CLOSED = "closed"
    POLICY_CHANGED = "policy_changed"
    SOURCE_MADE = "source_made"
    SOURCE_CHANGED = "source_changed"
    SOURCE_ROTATED = "source_rotated"
    TEST_SIGNAL_SENT = "test_signal_sent"
    JOB_RETRIED = "job_retried"
    JOB_DROPPED = "job_dropped"
    NOTICES_SET = "notices_set"
    NOTICES_REMOVED = "notices_removed"
    CHANNEL_ADDED = "channel_added"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_REMOVED = "channel_removed"
    CHANNEL_CONFIRMED = "channel_confirmed"
    BACKUP_MADE = "backup_made"
    RESTORED = "restored"
    EXPORTED = "exported"
    ERASURE_ASKED = "erasure_asked"
    ERASURE_CANCELED = "erasure_canceled"
    ERASED = "erased"


class ActorKind(StrEnum):
    """Who can do something; the schema holds the same words."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105 - a kind of actor
    CLI = "cli"
    """Whoever runs a command on the machine itself: only the number of the system's user is known."""
    SYSTEM = "system"


def fact(value: object) -> Fact:
    """Return a value as an entry states it: a decimal as its plain digits, a list as its words, what is longer cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    text = " ".join(sorted(map(str, value))) if isinstance(value, Collection) and not isinstance(value, str) else str(value)
    return text if len(text) <= MAX_FACT_CHARS else text[: MAX_FACT_CHARS - 1] + "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, and from which address. ``id`` is None for the installation's own token and for the system itself."""

    kind: ActorKind
    id: int | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry to be written. Facts hold numbers, not names: who is erased elsewhere must not stand in a chain that cannot be changed.

    Raises:
        ValueError: it is larger than an entry may be, or a fact is no plain value.
    """

    action: Action
    actor: Actor
    subject_kind: str
    subject_id: str
    facts: Mapping[str, Fact]

    def __post_init__(self) -> None:
        if len(self.facts) > MAX_FACTS or len(self.subject_id) > MAX_SUBJECT_CHARS:
            raise ValueError("an audit entry is small")
        for name, value in self.facts.items():
            if not (value is None or isinstance(value, str | int)) or len(str(value)) > MAX_FACT_CHARS:
                raise ValueError(f"{name} is no plain, short fact")

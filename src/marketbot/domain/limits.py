"""The limits that callers meet, by name. Each is a rate and what it is counted by; docs/LIMITS.md shows them as a table.

They guard our work, not money: every one fails open to the same limit kept by each process alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from marketbot.domain.gcra import US, Decision, Rate

SOURCE_ADDRESSES = 8
"""A source may send this many times what one address of it may: TradingView alone uses four."""


class LimitName(StrEnum):
    USER_COMMANDS = "user_commands"
    TOKEN_READS = "token_reads"  # noqa: S105
    SOURCE = "source"
    SOURCE_ADDRESS = "source_address"
    ADDRESS = "address"
    LOGIN = "login"
    LOGIN_ADDRESS = "login_address"
    LOGIN_EMAIL = "login_email"
    SECOND_FACTOR = "second_factor"
    MAIL_ADDRESS = "mail_address"
    MAIL_EMAIL = "mail_email"
    CHANNEL_CODES = "channel_codes"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: its name goes into keys, headers and metrics."""

    name: LimitName
    rate: Rate


USER_COMMANDS = Limit(LimitName.USER_COMMANDS, Rate.per(10, 60))
"""What a user changes: settings, keys, orders by hand."""
TOKEN_READS = Limit(LimitName.TOKEN_READS, Rate.per(1_200, 60, burst=300))
"""What one API token reads."""
ADDRESS = Limit(LimitName.ADDRESS, Rate.per(100, 1, burst=400))
"""All requests of one address that is not this machine's own. An office or a mobile network is many people behind one address."""
LOGIN = Limit(LimitName.LOGIN, Rate.per(10, 60, burst=20))
"""Credentials that were wrong, by address: guessing is slow."""

LOGIN_ADDRESS = Limit(LimitName.LOGIN_ADDRESS, Rate.per(30, 60))
"""Attempts to log in, and links shown, right or wrong, by address: each may cost 0.15 s of a core."""
LOGIN_EMAIL = Limit(LimitName.LOGIN_EMAIL, Rate.per(6, 60, burst=10))
"""Passwords tried for one e-mail address, from wherever; from an address that the person knows, apart from all others."""
SECOND_FACTOR = Limit(LimitName.SECOND_FACTOR, Rate.per(5, 60))
"""Codes tried for one person; the same applies."""
MAIL_ADDRESS = Limit(LimitName.MAIL_ADDRESS, Rate.per(20, 3600, burst=10))
"""E-mails that somebody who is not logged in has us send, by address."""
MAIL_EMAIL = Limit(LimitName.MAIL_EMAIL, Rate.per(3, 3600))
"""The same to one e-mail address: what comes on top is not sent, for one that holds was sent a moment ago."""
CHANNEL_CODES = Limit(LimitName.CHANNEL_CODES, Rate.per(5, 3600))
"""Letters with a code that a user has sent to an address which may be a stranger's."""


def source_limit(signals_per_hour: int) -> Limit:
    """Return what a source may send over all its addresses."""
    return Limit(LimitName.SOURCE, Rate.per(signals_per_hour * SOURCE_ADDRESSES, 3600))


def source_address_limit(signals_per_hour: int) -> Limit:
    """Return what a source may send from one address: so many at once, and so many an hour from then on."""
    return Limit(LimitName.SOURCE_ADDRESS, Rate.per(signals_per_hour, 3600))


@dataclass(frozen=True, slots=True)
class Check:
    """One limit to be taken from, and whose. ``key`` is an id, an address or a digest: never a secret."""

    limit: Limit
    key: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the strictest of the limits asked said."""

    limit: Limit
    allowed: bool
    remaining: int
    retry_after_us: int

    @property
    def retry_after_s(self) -> int:
        """Whole seconds to wait, at least one after a refusal."""
        return 0 if self.allowed else max(1, math.ceil(self.retry_after_us / US))

    @property
    def more_in_s(self) -> int:
        """Whole seconds until there is surely one more than remains now."""
        return math.ceil(self.limit.rate.interval_us / US) if self.allowed else self.retry_after_s


def strictest(checks: list[Check], decisions: list[Decision]) -> Verdict:
    """Return the longest wait of what was refused, else the least that remains. One of each for every check, at least one."""
    pairs = zip(checks, decisions, strict=True)
    check, decision = max(pairs, key=lambda pair: (not pair[1].allowed, pair[1].retry_after_us, -pair[1].remaining))
    return Verdict(check.limit, decision.allowed, decision.remaining, decision.retry_after_us)

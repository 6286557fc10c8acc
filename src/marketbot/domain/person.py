"""Who logs in: what a session of theirs opens and for how long, and how long a wrong attempt must wait. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from marketbot.domain.reasons import Language
from marketbot.domain.role import ROLE_SCOPES, STAFF, Role
from marketbot.domain.scope import Scope

USER_LIFE = timedelta(days=30)
USER_IDLE = timedelta(days=3)
STAFF_LIFE = timedelta(hours=12)
STAFF_IDLE = timedelta(hours=2)
"""A session ends at the end of its life whatever is done with it, and earlier when nothing is done with it for so long."""
PENDING_LIFE = timedelta(minutes=15)
"""Of a session that opens nothing yet: its person has a code to show, or staff a second factor to set up."""
FAILURES_FREE = 5
"""Wrong attempts in a row before a lock."""
LOCK_FIRST = timedelta(seconds=30)
LOCK_MAX = timedelta(minutes=15)
KNOWN_ADDRESS_FOR = timedelta(days=30)
"""Whoever logged in from an address is not shut out there by what others try elsewhere."""


class Locale(StrEnum):
    """The language somebody reads, as the schema has it."""

    PT_BR = "pt-BR"
    EN = "en"

    @property
    def language(self) -> Language:
        return Language.PT if self is Locale.PT_BR else Language.EN


class SecondFactor(StrEnum):
    """How a session stands towards a second factor."""

    NONE = "none"
    """None is asked for: a user who has not turned it on."""
    SHOWN = "shown"
    OWED = "owed"
    """The person has one, and this session has not seen it."""
    UNENROLLED = "unenrolled"
    """Staff must have one, and this person has none yet."""

    @property
    def opens(self) -> bool:
        return self in (SecondFactor.NONE, SecondFactor.SHOWN)


def second_factor(role: Role, *, enrolled: bool, shown: bool) -> SecondFactor:
    if enrolled:
        return SecondFactor.SHOWN if shown else SecondFactor.OWED
    return SecondFactor.UNENROLLED if role in STAFF else SecondFactor.NONE


def session_scopes(role: Role, factor: SecondFactor) -> frozenset[Scope]:
    """Return what a session opens: everything of its role, or nothing while a second factor is missing."""
    return ROLE_SCOPES[role] if factor.opens else frozenset()


def session_life(role: Role, factor: SecondFactor) -> timedelta:
    if not factor.opens:
        return PENDING_LIFE
    return STAFF_LIFE if role in STAFF else USER_LIFE


def lock_after(failures: int) -> timedelta | None:
    """Return how long strangers' attempts are refused after so many wrong ones in a row.

    It doubles up to a bound that a person can wait for: nobody is locked out for good by what others try.
    """
    if failures < FAILURES_FREE:
        return None
    period = LOCK_FIRST
    for _ in range(failures - FAILURES_FREE):
        if period >= LOCK_MAX:
            break
        period *= 2
    return min(period, LOCK_MAX)

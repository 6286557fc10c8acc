"""What letting people in takes, and what comes of an attempt. The functions of this room are given a ``Reception``; faces call them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from marketbot.domain.ids import PersonId
from marketbot.domain.limits import Verdict
from marketbot.domain.person import SecondFactor, second_factor, session_life
from marketbot.people.bearer import Bearer, make_bearer
from marketbot.people.password_rules import PasswordFault
from marketbot.people.passwords import Passwords
from marketbot.ports import Clock, Limiter
from marketbot.store.people import PersonRow, read_person
from marketbot.store.pool import Connection
from marketbot.store.sessions import create_session
from marketbot.vault.vault import Vault


class Refusal(StrEnum):
    """Why nobody was let in, or nothing was changed."""

    LOGIN_FAILED = "login_failed"
    """The address, the password, or the moment is wrong: which of them is nobody's business."""
    DISABLED = "disabled"
    CODE_INVALID = "code_invalid"
    PASSWORD_WRONG = "password_wrong"  # noqa: S105
    LINK_INVALID = "link_invalid"
    EMAIL_TAKEN = "email_taken"
    ENROLLED = "enrolled"
    NOT_ENROLLED = "not_enrolled"
    MUST_BE_ENROLLED = "must_be_enrolled"
    LAST_ADMIN = "last_admin"
    ROLE_FIXED = "role_fixed"
    """A user stays a user, and staff stay staff: their rows differ."""
    NOBODY = "nobody"
    PASSKEY_INVALID = "passkey_invalid"
    """It is nobody's here, was not made for this, or was not asked for a moment ago."""
    ERASURE_OPEN = "erasure_open"
    """It was asked for already, and waits."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Where somebody comes from, as far as we see it. ``address`` is behind our own proxies already."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session at the one moment when its cookie is known."""

    session_id: int
    person: PersonRow
    factor: SecondFactor
    bearer: Bearer = field(repr=False)

    @property
    def life(self) -> timedelta:
        return session_life(self.person.role, self.factor)


NotDone: TypeAlias = Refusal | PasswordFault | Verdict
"""Why not; a verdict is a limit's that was used up."""


@dataclass(frozen=True, slots=True)
class Reception:
    """One a process. ``connect`` lends a connection and bounds its use; none is held while a password is hashed."""

    connect: Callable[[], AbstractAsyncContextManager[Connection]]
    vault: Vault
    passwords: Passwords
    limits: Limiter
    clock: Clock


async def begin_session(connection: Connection, person_id: PersonId, seen: Seen, *, shown: bool) -> NewSession:
    """Make a session of somebody who proved who they are: always a new one, so that no earlier cookie gains anything (session fixation).

    ``shown``: a second factor was. In the caller's transaction.
    """
    person = await read_person(connection, person_id)
    assert person is not None, "whoever proved who they are is there"
    factor = second_factor(person.role, enrolled=person.totp_confirmed_at is not None, shown=shown)
    bearer = make_bearer()
    life = session_life(person.role, factor)
    session_id = await create_session(connection, person_id, bearer.sha256, life, seen.address, seen.user_agent, shown=shown)
    return NewSession(session_id, person, factor, bearer)

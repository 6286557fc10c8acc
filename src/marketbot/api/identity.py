"""Who calls: the token of a request, looked up by its digest and remembered for a few seconds."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.datastructures import State

from marketbot.accounts.api_token import looks_like_token, token_digest
from marketbot.api.database import LOOKUP_TIMEOUT_S, Database
from marketbot.api.limits import address_of
from marketbot.api.problems import ApiReason
from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.role import Role
from marketbot.domain.scope import OPERATOR_SCOPES, Scope, opened_by
from marketbot.ports import Clock
from marketbot.store.tokens import FoundToken, find_token

TOKEN_AGE_S = 5.0
"""How long a look-up is believed: a token revoked, or a user disabled, elsewhere is refused here after this at the latest."""
MAX_REMEMBERED = 20_000
"""Tokens, unknown ones too; the one looked up first is forgotten first."""
MAX_HEADER_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Caller:
    """A token or a session that was shown and holds. ``user_id`` is None for operators; ``token_id`` for the installation's own token.

    ``person_id``, ``role`` and ``session_id`` are a session's. ``owes``: it opens nothing before a second factor is shown or set up.
    """

    token_id: int | None
    user_id: UserId | None
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    """Of a token: nothing that it makes may outlive it."""
    person_id: PersonId | None = None
    role: Role | None = None
    session_id: int | None = None
    owes: bool = False


@dataclass(frozen=True, slots=True)
class _Remembered:
    answer: Caller | ApiReason
    found: FoundToken | None
    asked_at: float


class TokenRegister:
    """Answers who a token is. The installation's own operator token needs no database, so /metrics works without one."""

    def __init__(
        self, database: Database, clock: Clock, own_sha256: bytes, on_forgotten: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._clock = clock
        self._own_sha256 = own_sha256
        self._on_forgotten = on_forgotten
        self._remembered: dict[bytes, _Remembered] = {}
        self._forgettings = 0

    def __repr__(self) -> str:
        return f"<TokenRegister {len(self._remembered)} of {MAX_REMEMBERED} remembered>"

    async def identify(self, authorization: str) -> Caller | ApiReason:
        """Return the caller, or why the header opens nothing.

        Raises:
            StoreAway: the token is not remembered, and the database cannot be asked.
        """
        scheme, _, text = authorization[:MAX_HEADER_LENGTH].strip().partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            return ApiReason.TOKEN_INVALID
        sha256 = token_digest(text)
        if hmac.compare_digest(sha256, self._own_sha256):
            return Caller(None, None, OPERATOR_SCOPES)
        if not looks_like_token(text):
            return ApiReason.TOKEN_INVALID
        answer = await self._answer(sha256)
        if isinstance(answer, Caller) and answer.expires_at is not None and answer.expires_at <= self._clock.now():
            return ApiReason.TOKEN_INVALID
        return answer

    def forget_token(self, token_id: int) -> None:
        """Look a token up anew when it is shown next: it was revoked here."""
        self._forget(lambda found: found.token_id == token_id)

    def forget_user(self, user_id: UserId) -> None:
        """The same for every token of a user who was disabled or enabled here."""
        self._forget(lambda found: found.user_id == user_id)

    def _forget(self, concerned: Callable[[FoundToken], bool]) -> None:
        # What is being looked up at this moment may have been read before the change: it is answered once, and not remembered.
        self._forgettings += 1
        for sha256 in [sha256 for sha256, kept in self._remembered.items() if kept.found and concerned(kept.found)]:
            del self._remembered[sha256]
        self._on_forgotten()

    async def _answer(self, sha256: bytes) -> Caller | ApiReason:
        kept = self._remembered.get(sha256)
        # The age counts from before the question, so that a revocation that commits while it is asked is not outlived.
        asked_at = self._clock.monotonic()
        if kept is not None and asked_at - kept.asked_at < TOKEN_AGE_S:
            return kept.answer
        forgettings = self._forgettings
        async with self._database.connection(LOOKUP_TIMEOUT_S) as connection:
            found = await find_token(connection, sha256)
        answer = _judge(found)
        self._remembered.pop(sha256, None)
        if forgettings == self._forgettings:
            if len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[sha256] = _Remembered(answer, found, asked_at)
        return answer


def actor_of(request: Request[Any, Any, State]) -> Actor:
    """Return who does what an admitted request asks for, as the audit trail names them."""
    caller: Caller = request.state.caller
    address = address_of(request) or None
    if caller.person_id is not None:
        return Actor(ActorKind.PERSON, caller.person_id, address)
    return Actor(ActorKind.TOKEN, caller.token_id, address)


def _judge(found: FoundToken | None) -> Caller | ApiReason:
    if found is None:
        return ApiReason.TOKEN_INVALID
    if found.disabled:
        return ApiReason.USER_DISABLED
    return Caller(found.token_id, found.user_id, opened_by(found.scopes), found.expires_at)

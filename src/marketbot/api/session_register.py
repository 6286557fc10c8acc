"""Who calls with a cookie: the session, looked up by its digest and remembered for a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marketbot.api.database import LOOKUP_TIMEOUT_S, Database
from marketbot.api.identity import Caller
from marketbot.api.problems import ApiReason
from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.person import second_factor, session_scopes
from marketbot.people.bearer import bearer_digest, csrf_token, looks_like_bearer
from marketbot.ports import Clock
from marketbot.store.sessions import FoundSession, find_session

SESSION_AGE_S = 5.0
"""How long a look-up is believed: a session revoked, or a person disabled, elsewhere is refused here after this at the latest."""
MAX_REMEMBERED = 20_000
"""Sessions, unknown ones too; the one looked up first is forgotten first."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    answer: Caller | ApiReason
    found: FoundSession | None
    asked_at: float


class SessionRegister:
    """Answers who a session's cookie is. What is forgotten here is looked up anew at the next request, so it ends here at once."""

    def __init__(self, database: Database, clock: Clock, on_forgotten: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._clock = clock
        self._on_forgotten = on_forgotten
        self._remembered: dict[bytes, _Remembered] = {}
        self._forgettings = 0

    def __repr__(self) -> str:
        return f"<SessionRegister {len(self._remembered)} of {MAX_REMEMBERED} remembered>"

    async def identify(self, cookie_value: str) -> Caller | ApiReason:
        """Return the caller, or why the cookie opens nothing.

        Raises:
            StoreAway: the session is not remembered, and the database cannot be asked.
        """
        if not looks_like_bearer(cookie_value):
            return ApiReason.SESSION_INVALID
        sha256 = bearer_digest(cookie_value)
        kept = self._remembered.get(sha256)
        # The age counts from before the question, so that a revocation that commits while it is asked is not outlived.
        asked_at = self._clock.monotonic()
        if kept is None or asked_at - kept.asked_at >= SESSION_AGE_S:
            kept = await self._ask(sha256, asked_at)
        if kept.found is not None and kept.found.expires_at <= self._clock.now():
            return ApiReason.SESSION_INVALID
        return kept.answer

    def csrf_of(self, cookie_value: str) -> str:
        """Return what a page of this session sends along when it changes something."""
        return csrf_token(cookie_value)

    def forget_session(self, session_id: int) -> None:
        """Look a session up anew when it is shown next: it ended here."""
        self._forget(lambda found: found.session_id == session_id)

    def forget_person(self, person_id: PersonId) -> None:
        """The same for every session of a person: they were changed, or shut out."""
        self._forget(lambda found: found.person_id == person_id)

    def forget_user(self, user_id: UserId) -> None:
        """The same for whoever is this user: the user was disabled or enabled."""
        self._forget(lambda found: found.user_id == user_id)

    def _forget(self, concerned: Callable[[FoundSession], bool]) -> None:
        # What is being looked up at this moment may have been read before the change: it is answered once, and not remembered.
        self._forgettings += 1
        for sha256 in [sha256 for sha256, kept in self._remembered.items() if kept.found and concerned(kept.found)]:
            del self._remembered[sha256]
        self._on_forgotten()

    async def _ask(self, sha256: bytes, asked_at: float) -> _Remembered:
        forgettings = self._forgettings
        async with self._database.connection(LOOKUP_TIMEOUT_S) as connection:
            found = await find_session(connection, sha256)
        kept = _Remembered(_judge(found), found, asked_at)
        self._remembered.pop(sha256, None)
        if forgettings == self._forgettings:
            if len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[sha256] = kept
        return kept


def _judge(found: FoundSession | None) -> Caller | ApiReason:
    if found is None:
        return ApiReason.SESSION_INVALID
    if found.disabled:
        return ApiReason.USER_DISABLED
    factor = second_factor(found.role, enrolled=found.enrolled, shown=found.shown)
    return Caller(
        token_id=None,
        user_id=found.user_id,
        scopes=session_scopes(found.role, factor),
        person_id=found.person_id,
        role=found.role,
        session_id=found.session_id,
        owes=not factor.opens,
    )

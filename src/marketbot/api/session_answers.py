"""What logging in and its kin answer: a session with its cookie, or why not. Pages and /v1 share it."""

from __future__ import annotations

from typing import Any

from litestar import Response

from marketbot.api.admission import ApiRequest, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.limits import address_of
from marketbot.api.problems import ApiReason, api_problem, limit_problem
from marketbot.api.session_cookie import set_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.domain.limits import Verdict
from marketbot.domain.person import SecondFactor, session_scopes
from marketbot.people.password_rules import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, PasswordFault
from marketbot.people.reception import NewSession, NotDone, Refusal, Seen
from marketbot.store.people import PersonRow

REASONS = {
    Refusal.LOGIN_FAILED: ApiReason.LOGIN_FAILED,
    Refusal.DISABLED: ApiReason.USER_DISABLED,
    Refusal.CODE_INVALID: ApiReason.CODE_INVALID,
    Refusal.PASSWORD_WRONG: ApiReason.PASSWORD_WRONG,
    Refusal.LINK_INVALID: ApiReason.LINK_INVALID,
    Refusal.EMAIL_TAKEN: ApiReason.EMAIL_TAKEN,
    Refusal.ENROLLED: ApiReason.SECOND_FACTOR_ENROLLED,
    Refusal.NOT_ENROLLED: ApiReason.SECOND_FACTOR_ABSENT,
    Refusal.MUST_BE_ENROLLED: ApiReason.SECOND_FACTOR_REQUIRED,
    Refusal.LAST_ADMIN: ApiReason.LAST_ADMIN,
    Refusal.ROLE_FIXED: ApiReason.ROLE_CHANGE_REFUSED,
    Refusal.NOBODY: ApiReason.NOT_FOUND,
    Refusal.PASSKEY_INVALID: ApiReason.PASSKEY_INVALID,
    Refusal.ERASURE_OPEN: ApiReason.ERASURE_OPEN,
}
FAULT_TEXTS = {
    PasswordFault.TOO_SHORT: f"it has fewer than {MIN_PASSWORD_CHARS} characters",
    PasswordFault.TOO_LONG: f"it has more than {MAX_PASSWORD_CHARS} characters",
    PasswordFault.COMMON: "it is one of those that are tried first",
    PasswordFault.LIKE_EMAIL: "it is the e-mail address, or a part of it",
}


def seen_by(request: ApiRequest) -> Seen:
    return Seen(address_of(request), request.headers.get("user-agent", ""))


def refusal_answer(request: ApiRequest, why: NotDone) -> Response[bytes]:
    """Answer what was not done."""
    spoken = spoken_by(request)
    if isinstance(why, Verdict):
        return limit_problem(why, spoken)
    if isinstance(why, PasswordFault):
        errors = [{"field": "password", "reason": why.value}]
        return api_problem(ApiReason.PASSWORD_UNFIT, spoken, FAULT_TEXTS[why], errors)
    return api_problem(REASONS[why], spoken)


def session_answer(request: ApiRequest, new: NewSession, **more: object) -> Response[bytes]:
    """Answer with a session that was just made, and its cookie."""
    sessions: SessionRegister = request.app.state.sessions
    sessions.forget_person(new.person.person_id)
    document = session_document(new.person, new.session_id, new.factor, sessions.csrf_of(new.bearer.text))
    answer = json_answer({**document, **more}, 201)
    set_session_cookie(request, answer, new.bearer.text, new.life)
    return answer


def session_document(person: PersonRow, session_id: int, factor: SecondFactor, csrf: str) -> dict[str, Any]:
    """Return who is logged in, what that opens, and what pages send along with what they change."""
    return {
        "session_id": session_id,
        "person_id": person.person_id,
        "user_id": person.user_id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "language": person.language,
        "time_zone": person.time_zone,
        "second_factor": factor,
        "scopes": sorted(session_scopes(person.role, factor)),
        "csrf_token": csrf,
    }

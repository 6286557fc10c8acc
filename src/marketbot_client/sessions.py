"""Sessions: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from marketbot_client.call import UNSET, Call, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMade:
    """Who is logged in and what that opens; the session itself is in the cookie."""

    session_id: int
    person_id: int
    user_id: int | None
    email: str
    name: str
    role: str
    language: str
    time_zone: str
    second_factor: str
    scopes: tuple[str, ...]
    """What it opens."""
    csrf_token: str = field(repr=False)
    """Goes along as X-CSRF-Token with whatever is changed under the session's cookie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAnswer:
    """Session answer."""

    session_id: int
    person_id: int
    user_id: int | None
    email: str
    name: str
    role: str
    language: str
    time_zone: str
    second_factor: str
    scopes: tuple[str, ...]
    """What it opens."""
    csrf_token: str = field(repr=False)
    """Goes along as X-CSRF-Token with whatever is changed under the session's cookie."""
    simulated: bool
    """true where everything is practice."""
    expires_at: datetime
    """When it ends; null: when it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """Logged out."""

    session: None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpBegun:
    """Shown this once; in force when it was confirmed."""

    secret: str = field(repr=False)
    """Shown this once."""
    otpauth_url: str = field(repr=False)
    qr_svg: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorConfirmed:
    """Second factor confirmed."""

    session_id: int
    person_id: int
    user_id: int | None
    email: str
    name: str
    role: str
    language: str
    time_zone: str
    second_factor: str
    scopes: tuple[str, ...]
    """What it opens."""
    csrf_token: str = field(repr=False)
    """Goes along as X-CSRF-Token with whatever is changed under the session's cookie."""
    recovery_codes: tuple[str, ...] = field(repr=False)
    """Shown this once; each works once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes:
    """Recovery codes."""

    recovery_codes: tuple[str, ...] = field(repr=False)
    """Shown this once; each works once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person as they are shown to themselves and to whoever may see people: nothing that opens anything."""

    person_id: int
    email: str
    name: str
    role: str
    user_id: int | None
    language: str
    time_zone: str
    email_confirmed_at: datetime | None
    totp_confirmed_at: datetime | None
    locked_until: datetime | None
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAnswer:
    """Person answer."""

    person: PersonRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session as its person sees it."""

    session_id: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """When it ends; null: when it is revoked."""
    address: str
    """An address of the network; of an e-mail channel, a mailbox."""
    user_agent: str
    second_factor_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsAnswer:
    """``present`` is the one that asks."""

    sessions: tuple[SessionRow, ...]
    present: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsEnded:
    """Sessions ended."""

    ended: tuple[int, ...]


def log_in(*, email: str, password: str) -> Call[SessionMade]:
    """Log in; the session that the browser had ends."""
    return Call("POST", "/v1/session", {201: SessionMade}, body=given(email=email, password=password))


def show_session() -> Call[SessionAnswer]:
    """Who is logged in, and what that opens."""
    return Call("GET", "/v1/session", {200: SessionAnswer})


def log_out() -> Call[LoggedOut]:
    """Log out."""
    return Call("DELETE", "/v1/session", {200: LoggedOut})


def show_code(*, code: str) -> Call[SessionMade]:
    """Show the code that the session owes; the answer is another session."""
    return Call("POST", "/v1/session/second-factor", {201: SessionMade}, body=given(code=code))


def begin_totp() -> Call[TotpBegun]:
    """Begin to set up a second factor."""
    return Call("POST", "/v1/session/totp", {201: TotpBegun})


def end_totp(*, password: str, code: str) -> Call[SessionMade]:
    """Turn a user's second factor off; the answer is a new session."""
    return Call("DELETE", "/v1/session/totp", {201: SessionMade}, body=given(password=password, code=code))


def confirm_totp(*, code: str) -> Call[SecondFactorConfirmed]:
    """Put the second factor in force by a first code."""
    return Call("POST", "/v1/session/totp/confirm", {201: SecondFactorConfirmed}, body=given(code=code))


def renew_recovery_codes(*, password: str, code: str) -> Call[RecoveryCodes]:
    """Make new recovery codes; earlier ones work no more."""
    return Call("POST", "/v1/session/recovery-codes", {201: RecoveryCodes}, body=given(password=password, code=code))


def change_password(*, present: str, password: str) -> Call[SessionMade]:
    """Change the password; every session ends, and the answer is a new one."""
    return Call("POST", "/v1/session/password", {201: SessionMade}, body=given(present=present, password=password))


def change_profile(
    *, name: str | Unset = UNSET, language: Literal["pt-BR", "en"] | Unset = UNSET, time_zone: str | Unset = UNSET
) -> Call[PersonAnswer]:
    """Change name, language, time zone."""
    return Call(
        "PATCH", "/v1/session/profile", {200: PersonAnswer}, body=given(name=name, language=language, time_zone=time_zone)
    )


def list_sessions() -> Call[SessionsAnswer]:
    """One's live sessions, the latest first."""
    return Call("GET", "/v1/sessions", {200: SessionsAnswer})


def end_other_sessions() -> Call[SessionsEnded]:
    """End all of one's sessions but the one that asks."""
    return Call("DELETE", "/v1/sessions", {200: SessionsEnded})


def end_session(session_id: int) -> Call[SessionsEnded]:
    """End one of one's sessions."""
    return Call("DELETE", "/v1/sessions/{session_id}", {200: SessionsEnded}, places={"session_id": session_id})

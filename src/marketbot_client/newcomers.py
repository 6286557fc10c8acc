"""Newcomers: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from marketbot_client.call import UNSET, Call, Unset, given
from marketbot_client.sessions import SessionMade


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationLook:
    """Invitation look."""

    email: str
    role: str
    language: str
    expires_at: datetime
    """When it ends; null: when it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSent:
    """The same whoever it is: nobody learns who is here."""

    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet:
    """Password set."""

    reset: bool


def set_up(
    *,
    token: str,
    email: str,
    name: str,
    password: str,
    language: Literal["pt-BR", "en"] | Unset = UNSET,
    time_zone: str | Unset = UNSET,
) -> Call[SessionMade]:
    """Make an admin by a set-up link."""
    return Call(
        "POST",
        "/v1/setup",
        {201: SessionMade},
        body=given(token=token, email=email, name=name, password=password, language=language, time_zone=time_zone),
    )


def look_at_invitation(*, token: str) -> Call[InvitationLook]:
    """What a link invites to; it is not used up."""
    return Call("POST", "/v1/invitations/look", {200: InvitationLook}, body=given(token=token))


def accept_invitation(
    *, token: str, name: str, password: str, language: Literal["pt-BR", "en"] | Unset = UNSET, time_zone: str | Unset = UNSET
) -> Call[SessionMade]:
    """Accept an invitation."""
    return Call(
        "POST",
        "/v1/invitations/accept",
        {201: SessionMade},
        body=given(token=token, name=name, password=password, language=language, time_zone=time_zone),
    )


def sign_up(*, email: str, language: Literal["pt-BR", "en"] | Unset = UNSET) -> Call[MailSent]:
    """Have an invitation sent to one's own address, where the operator allows it."""
    return Call("POST", "/v1/sign-up", {202: MailSent}, body=given(email=email, language=language))


def forget_password(*, email: str, language: Literal["pt-BR", "en"] | Unset = UNSET) -> Call[MailSent]:
    """Have a link for a new password sent."""
    return Call("POST", "/v1/password/forgot", {202: MailSent}, body=given(email=email, language=language))


def reset_password(*, token: str, password: str) -> Call[PasswordSet]:
    """Set a new password by a link."""
    return Call("POST", "/v1/password/reset", {200: PasswordSet}, body=given(token=token, password=password))

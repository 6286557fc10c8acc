"""Operator: users and people: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from marketbot_client.accounts import AccountRow
from marketbot_client.call import UNSET, Call, PagedCall, Unset, given, new_key
from marketbot_client.sessions import PersonRow


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A user, and how many accounts are theirs. ``disabled_at`` is None while their tokens are taken."""

    user_id: int
    name: str
    created_at: datetime
    disabled_at: datetime | None
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """Users page."""

    simulated: bool
    """true where everything is practice."""
    users: tuple[UserRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllAccountsPage:
    """Over all users."""

    simulated: bool
    """true where everything is practice."""
    accounts: tuple[AccountRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """People page."""

    simulated: bool
    """true where everything is practice."""
    people: tuple[PersonRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMade:
    """Link made."""

    mailed: bool
    """Whether the link went out by mail."""
    link: str | None = field(repr=False)
    """Shown this once, and only where no mail server is set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRow:
    """An invitation as it is shown: everything but its link. ``person_id`` is who came of it."""

    invitation_id: int
    email: str
    role: str
    language: str
    invited_by: int | None
    created_at: datetime
    expires_at: datetime
    """When it ends; null: when it is revoked."""
    revoked_at: datetime | None
    accepted_at: datetime | None
    person_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationsPage:
    """Invitations page."""

    simulated: bool
    """true where everything is practice."""
    invitations: tuple[InvitationRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMade:
    """Invitation made."""

    invitation_id: int
    email: str
    role: str
    language: str
    invited_by: int | None
    created_at: datetime
    expires_at: datetime
    """When it ends; null: when it is revoked."""
    revoked_at: datetime | None
    accepted_at: datetime | None
    person_id: int | None
    mailed: bool
    """Whether the link went out by mail."""
    link: str | None = field(repr=False)
    """Shown this once, and only where no mail server is set up."""


def list_users(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[UsersPage, UserRow]:
    """Users by ascending number.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET", "/v1/operator/users", {200: UsersPage}, query=given(limit=limit, after=after), rows="users", following="next"
    )


def make_user(*, name: str, idempotency_key: str | None = None) -> Call[UserRow]:
    """Make a user.

    Scope: ``users:write``.
    """
    return Call("POST", "/v1/operator/users", {201: UserRow}, body=given(name=name), key=idempotency_key or new_key())


def change_user(user_id: int, *, enabled: bool) -> Call[UserRow]:
    """Disable or enable a user.

    Scope: ``users:write``.
    """
    return Call("PATCH", "/v1/operator/users/{user_id}", {200: UserRow}, places={"user_id": user_id}, body=given(enabled=enabled))


def list_all_accounts(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[AllAccountsPage, AccountRow]:
    """All accounts by ascending number.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET",
        "/v1/operator/accounts",
        {200: AllAccountsPage},
        query=given(limit=limit, after=after),
        rows="accounts",
        following="next",
    )


def list_people(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[PeoplePage, PersonRow]:
    """Everybody who can log in, by ascending number.

    Scope: ``audit:read``.
    """
    return PagedCall(
        "GET", "/v1/operator/people", {200: PeoplePage}, query=given(limit=limit, after=after), rows="people", following="next"
    )


def change_person(
    person_id: int,
    *,
    role: Literal["admin", "manager", "operator", "auditor", "user"] | Unset = UNSET,
    disabled: bool | Unset | None = UNSET,
    without_second_factor: bool | Unset | None = UNSET,
    unlocked: bool | Unset | None = UNSET,
) -> Call[PersonRow]:
    """Change a role, shut somebody out, help somebody back in.

    Scope: ``people:write``.
    """
    return Call(
        "PATCH",
        "/v1/operator/people/{person_id}",
        {200: PersonRow},
        places={"person_id": person_id},
        body=given(role=role, disabled=disabled, without_second_factor=without_second_factor, unlocked=unlocked),
    )


def make_reset_link(person_id: int) -> Call[LinkMade]:
    """Have somebody sent a link for a new password.

    Scope: ``people:write``.
    """
    return Call("POST", "/v1/operator/people/{person_id}/reset-link", {201: LinkMade}, places={"person_id": person_id})


def list_invitations(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[InvitationsPage, InvitationRow]:
    """All invitations by ascending number, without their links.

    Scope: ``users:write``.
    """
    return PagedCall(
        "GET",
        "/v1/operator/invitations",
        {200: InvitationsPage},
        query=given(limit=limit, after=after),
        rows="invitations",
        following="next",
    )


def invite(
    *,
    email: str,
    role: Literal["admin", "manager", "operator", "auditor", "user"],
    language: Literal["pt-BR", "en"] | Unset = UNSET,
) -> Call[InvitationMade]:
    """Invite somebody as a role.

    Scope: ``users:write``.
    """
    return Call("POST", "/v1/operator/invitations", {201: InvitationMade}, body=given(email=email, role=role, language=language))


def revoke_invitation(invitation_id: int) -> Call[InvitationRow]:
    """Take an open invitation back.

    Scope: ``users:write``.
    """
    return Call(
        "DELETE", "/v1/operator/invitations/{invitation_id}", {200: InvitationRow}, places={"invitation_id": invitation_id}
    )

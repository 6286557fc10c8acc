"""Tokens: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token as it is shown: everything but the token. An operator's has no ``user_id``."""

    token_id: int
    user_id: int | None
    name: str
    scopes: tuple[str, ...]
    """What it opens."""
    prefix: str
    """How the token begins, to know it by."""
    created_at: datetime
    expires_at: datetime | None
    """When it ends; null: when it is revoked."""
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensPage:
    """Tokens page."""

    simulated: bool
    """true where everything is practice."""
    tokens: tuple[TokenRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade:
    """The token itself is shown this once."""

    token_id: int
    user_id: int | None
    name: str
    scopes: tuple[str, ...]
    """What it opens."""
    prefix: str
    """How the token begins, to know it by."""
    created_at: datetime
    expires_at: datetime | None
    """When it ends; null: when it is revoked."""
    revoked_at: datetime | None
    last_used_at: datetime | None
    token: str = field(repr=False)
    """Shown this once."""


Scope = Literal[
    "accounts:read",
    "accounts:write",
    "orders:read",
    "settings:write",
    "close:write",
    "tokens:write",
    "operator:read",
    "operator:write",
    "controls:write",
    "jobs:write",
    "signals:write",
    "users:write",
    "policy:write",
    "sources:write",
    "people:write",
    "keys:revoke",
    "audit:read",
]


def list_tokens(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[TokensPage, TokenRow]:
    """The user's tokens, without the tokens themselves.

    Scope: ``accounts:read``.
    """
    return PagedCall(
        "GET", "/v1/tokens", {200: TokensPage}, query=given(limit=limit, after=after), rows="tokens", following="next"
    )


def make_token(*, name: str, scopes: Sequence[Scope], expires_at: datetime | Unset | None = UNSET) -> Call[TokenMade]:
    """Make a token that opens no more than the one that asks.

    Scope: ``tokens:write``.
    """
    return Call("POST", "/v1/tokens", {201: TokenMade}, body=given(name=name, scopes=scopes, expires_at=expires_at))


def revoke_token(token_id: int) -> Call[TokenRow]:
    """Revoke one of the user's tokens.

    Scope: ``tokens:write``.
    """
    return Call("DELETE", "/v1/tokens/{token_id}", {200: TokenRow}, places={"token_id": token_id})


def list_all_tokens(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[TokensPage, TokenRow]:
    """Everybody's tokens, without the tokens themselves.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET", "/v1/operator/tokens", {200: TokensPage}, query=given(limit=limit, after=after), rows="tokens", following="next"
    )


def make_any_token(
    *, name: str, scopes: Sequence[Scope], expires_at: datetime | Unset | None = UNSET, user_id: int | Unset | None = UNSET
) -> Call[TokenMade]:
    """Make a token for a user, or for operators.

    Scope: ``operator:write``.
    """
    return Call(
        "POST",
        "/v1/operator/tokens",
        {201: TokenMade},
        body=given(name=name, scopes=scopes, expires_at=expires_at, user_id=user_id),
    )


def revoke_any_token(token_id: int) -> Call[TokenRow]:
    """Revoke anybody's token.

    Scope: ``operator:write``.
    """
    return Call("DELETE", "/v1/operator/tokens/{token_id}", {200: TokenRow}, places={"token_id": token_id})

"""Me: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot_client.call import UNSET, Call, Unset, given, new_key


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedRow:
    """A switch that stops entries of this user, or of everybody."""

    scope: str
    key: str
    state: str
    changed_at: datetime
    effective_at: datetime | None
    took_ms: int | None
    """Milliseconds until it held; null: not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """A user as they see themselves. ``accounts`` counts by status; ``stopped`` is what halts or reduces their trading now."""

    user_id: int
    name: str
    created_at: datetime
    accounts: dict[str, int]
    stopped: tuple[StoppedRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnToken:
    """The token that asked; without a number where a session did."""

    token_id: int | None
    scopes: tuple[str, ...]
    """What it opens."""
    expires_at: datetime | None
    """When it ends; null: when it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeAnswer:
    """Me answer."""

    simulated: bool
    """true where everything is practice."""
    user: Me
    token: OwnToken
    """Shown this once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """``accounts``: how many were changed."""

    paused: bool
    """No entries; closes, stops and targets go on."""
    accounts: int


def show_me() -> Call[MeAnswer]:
    """Who the token's user is, what it opens, what stops their trading.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/me", {200: MeAnswer})


def pause_me(*, paused: bool | Unset = UNSET, idempotency_key: str | None = None) -> Call[Paused]:
    """Pause all of the user's accounts, or let them trade again.

    Scope: ``settings:write``.
    """
    return Call("POST", "/v1/me/pause", {200: Paused}, body=given(paused=paused), key=idempotency_key or new_key())

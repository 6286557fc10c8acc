"""Notices: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from marketbot_client.call import Call, given


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRow:
    """An address as its owner sees it; the rest of it is sealed."""

    hook_id: int
    user_id: int | None
    host: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """Hook answer."""

    simulated: bool
    """true where everything is practice."""
    hook: HookRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookMade:
    """Hook made."""

    simulated: bool
    """true where everything is practice."""
    hook: HookRow
    secret: str = field(repr=False)
    """Shown this once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRemoved:
    """Hook removed."""

    hook: None


def show_hook() -> Call[HookAnswer]:
    """Where notices are sent, or null.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/notices", {200: HookAnswer})


def set_hook(*, url: str) -> Call[HookMade]:
    """Have notices sent to an https address, under a new secret.

    Scope: ``settings:write``.
    """
    return Call("PUT", "/v1/notices", {200: HookMade}, body=given(url=url))


def remove_hook() -> Call[HookRemoved]:
    """Have nothing sent any more.

    Scope: ``settings:write``.
    """
    return Call("DELETE", "/v1/notices", {200: HookRemoved})

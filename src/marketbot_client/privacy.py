"""Privacy: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot_client.accounts import Holdings
from marketbot_client.call import UNSET, Call, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One as it stands. ``positions`` and ``orders`` are what was held when it was last looked at."""

    erasure_id: int
    person_id: int | None
    user_id: int | None
    asked_by: str
    asked_at: datetime
    due_at: datetime
    forced: bool
    canceled_at: datetime | None
    done_at: datetime | None
    positions: int
    orders: int
    tried_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnErasure:
    """``holdings`` are what would stand in its way; null for staff."""

    erasure: Erasure | None
    holdings: Holdings | None
    wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureAsked:
    """Erasure asked."""

    erasure: Erasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Kept."""

    kept: bool


def export_own_data(*, password: str) -> Call[bytes]:
    """Everything that is kept about whoever is logged in, as a ZIP that is made while it is sent."""
    return Call("POST", "/v1/me/export", {200: bytes}, body=given(password=password))


def show_own_erasure() -> Call[OwnErasure]:
    """The erasure that waits, and what would stand in its way."""
    return Call("GET", "/v1/me/erasure", {200: OwnErasure})


def ask_own_erasure(*, password: str, code: str | Unset = UNSET, force: bool | Unset = UNSET) -> Call[ErasureAsked]:
    """Ask to be erased; it waits seven days, and for what is open."""
    return Call("POST", "/v1/me/erasure", {202: ErasureAsked}, body=given(password=password, code=code, force=force))


def keep_oneself() -> Call[Kept]:
    """Take one's erasure back."""
    return Call("DELETE", "/v1/me/erasure", {200: Kept})


def keep_by_link(*, token: str) -> Call[Kept]:
    """Take an erasure back by the link that its person was sent."""
    return Call("POST", "/v1/erasure/keep", {200: Kept}, body=given(token=token))

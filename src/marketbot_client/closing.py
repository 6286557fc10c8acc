"""Closing: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot_client.call import UNSET, Call, Unset, given, new_key


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseMade:
    """A close that was written down; ``signals`` is one an instrument."""

    command_id: int
    accounts: int
    open_positions: int
    signals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseProgress:
    """How far a close has come: ``closed`` by an order of ours, ``gone`` without one, ``denied`` for a reason of the account's."""

    signals: int
    unplanned: int
    exits: int
    denied: int
    closed: int
    gone: int
    done: bool
    took_ms: int | None
    """Milliseconds until it held; null: not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """When a halt or resume took effect. ``effective_at`` is None while an engine that lives has not read it."""

    engines: int
    acknowledged: int
    waiting: int
    effective_at: datetime | None
    took_ms: int | None
    """Milliseconds until it held; null: not yet."""
    last_entry_sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """``progress`` of a close, ``effect`` of the others."""

    command_id: int
    kind: str
    scope: str
    key: str
    symbol: str | None
    state: str | None
    reason: str
    """Why, as a word for programs."""
    user_id: int | None
    accounts: int
    open_positions: int
    queued_chunks: int
    asked_at: datetime
    progress: CloseProgress | None = None
    effect: Effect | None = None


def close_account(account_id: int, *, idempotency_key: str | None = None) -> Call[CloseMade]:
    """Close at the market whatever one account holds.

    Scope: ``close:write``.
    """
    return Call(
        "POST",
        "/v1/accounts/{account_id}/close",
        {202: CloseMade},
        places={"account_id": account_id},
        key=idempotency_key or new_key(),
    )


def close_positions(
    *,
    account_id: int | Unset | None = UNSET,
    symbol: str | Unset | None = UNSET,
    reason: str | Unset = UNSET,
    idempotency_key: str | None = None,
) -> Call[CloseMade]:
    """Close what is held: everywhere, of one account, of one instrument.

    Scope: ``close:write``.
    """
    return Call(
        "POST",
        "/v1/positions/close",
        {202: CloseMade},
        body=given(account_id=account_id, symbol=symbol, reason=reason),
        key=idempotency_key or new_key(),
    )


def show_close(command_id: int) -> Call[CommandAnswer]:
    """How far a close of the user's own has come.

    Scope: ``orders:read``.
    """
    return Call("GET", "/v1/closes/{command_id}", {200: CommandAnswer}, places={"command_id": command_id})

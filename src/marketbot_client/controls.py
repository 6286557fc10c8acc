"""Operator: controls: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given, new_key
from marketbot_client.closing import CloseMade, CommandAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What stays open at the venues: positions whose verified stop rests there, and positions without one."""

    protected_positions: int
    unprotected_positions: int
    accounts_with_positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCount:
    """Venue count."""

    venue: str
    environment: str
    """``mainnet`` is real money, ``testnet`` practice."""
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What was taken away, or in a drill would have been. ``took_ms``: until it was done, locks and all."""

    scope: str
    key: int | None
    drill: bool
    """true: do it, measure, and take it back."""
    accounts: int
    users: int
    data_keys: int
    exposure: Exposure
    venues: tuple[VenueCount, ...]
    took_ms: int
    """Milliseconds until it held; null: not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRevoked:
    """Keys revoked."""

    revoked: Revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRow:
    """One switch as it is shown."""

    scope: str
    key: str
    state: str
    reason: str
    """Why, as a word for programs."""
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command as it was asked for, and what it covered then."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlsPage:
    """Controls page."""

    simulated: bool
    """true where everything is practice."""
    switches: tuple[SwitchRow, ...]
    commands: tuple[Command, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a command would touch at this moment."""

    scope: str
    key: str
    accounts: int
    holding_accounts: int
    open_positions: int
    queued_chunks: int
    notional_at_entry: Decimal
    """What the positions were worth when they were opened, quote currencies taken as one."""


Scope = Literal["everything", "environment", "venue", "instrument", "user", "account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchMade:
    """``queued_chunks`` hold at least one covered account's entry: what of them is not on the wire yet lapses."""

    command_id: int
    scope: str
    key: str
    state: str
    accounts: int
    open_positions: int
    queued_chunks: int


def revoke_keys(*, scope: Literal["all", "user", "account"], drill: bool, key: int | Unset | None = UNSET) -> Call[KeysRevoked]:
    """Wipe keys of all, of a user, of an account; or drill it.

    Scope: ``keys:revoke``.
    """
    return Call("POST", "/v1/operator/keys/revoke", {200: KeysRevoked}, body=given(scope=scope, drill=drill, key=key))


def list_controls(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[ControlsPage, Command]:
    """The switches that are set, and commands, the newest first.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET",
        "/v1/operator/controls",
        {200: ControlsPage},
        query=given(limit=limit, after=after),
        rows="commands",
        following="next",
    )


def show_command(command_id: int) -> Call[CommandAnswer]:
    """One command, how far it has come, and how long it took.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/operator/controls/{command_id}", {200: CommandAnswer}, places={"command_id": command_id})


def preview_control(*, scope: Scope, key: str | int | Unset = UNSET, symbol: str | Unset = UNSET) -> Call[Coverage]:
    """What a command would touch now; changes nothing.

    Scope: ``controls:write``.
    """
    return Call("POST", "/v1/operator/controls/preview", {200: Coverage}, body=given(scope=scope, key=key, symbol=symbol))


def halt(
    *,
    scope: Scope,
    key: str | int | Unset = UNSET,
    state: Literal["halted", "reducing"] | Unset = UNSET,
    reason: str | Unset = UNSET,
    idempotency_key: str | None = None,
) -> Call[SwitchMade]:
    """Stop entries in a scope.

    Scope: ``controls:write``.
    """
    return Call(
        "POST",
        "/v1/operator/controls/halt",
        {202: SwitchMade},
        body=given(scope=scope, key=key, state=state, reason=reason),
        key=idempotency_key or new_key(),
    )


def resume(
    *, scope: Scope, key: str | int | Unset = UNSET, reason: str | Unset = UNSET, idempotency_key: str | None = None
) -> Call[SwitchMade]:
    """Take one switch away.

    Scope: ``controls:write``.
    """
    return Call(
        "POST",
        "/v1/operator/controls/resume",
        {202: SwitchMade},
        body=given(scope=scope, key=key, reason=reason),
        key=idempotency_key or new_key(),
    )


def close_scope(
    *,
    scope: Scope,
    key: str | int | Unset = UNSET,
    symbol: str | Unset = UNSET,
    reason: str | Unset = UNSET,
    idempotency_key: str | None = None,
) -> Call[CloseMade]:
    """Close at the market what is held in a scope.

    Scope: ``controls:write``.
    """
    return Call(
        "POST",
        "/v1/operator/controls/close",
        {202: CloseMade},
        body=given(scope=scope, key=key, symbol=symbol, reason=reason),
        key=idempotency_key or new_key(),
    )

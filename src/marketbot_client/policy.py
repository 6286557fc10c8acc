"""Operator: policy and sources: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAnswer:
    """``limits`` are the numbers that each setting may lie between."""

    policy: dict[str, Any]
    changed_at: datetime | None
    limits: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """Policy changed."""

    policy: dict[str, Any]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSource:
    """A source as operators see it, without its secret."""

    source_id: int
    name: str
    kind: str
    enabled: bool
    signals_per_hour: int
    dedup_window_s: int
    chart_interval_s: int | None
    allowed_addresses: tuple[str, ...]
    """Networks that the source may send from; empty: any."""
    followers: int
    signals: int
    last_signal_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesPage:
    """Sources page."""

    simulated: bool
    """true where everything is practice."""
    sources: tuple[ShownSource, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMade:
    """The secret is shown this once."""

    source_id: int
    name: str
    kind: str
    enabled: bool
    signals_per_hour: int
    dedup_window_s: int
    chart_interval_s: int | None
    allowed_addresses: tuple[str, ...]
    """Networks that the source may send from; empty: any."""
    followers: int
    signals: int
    last_signal_at: datetime | None
    secret: str = field(repr=False)
    """Shown this once."""


def show_policy() -> Call[PolicyAnswer]:
    """The policy in force, and how far each setting may reach.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/operator/policy", {200: PolicyAnswer})


def change_policy(
    *,
    leverage: Mapping[str, Decimal | int] | Unset = UNSET,
    stop_multiplier: Mapping[str, Decimal | int] | Unset = UNSET,
    target_multiplier: Mapping[str, Decimal | int] | Unset = UNSET,
    position_size_pct: Mapping[str, Decimal | int] | Unset = UNSET,
    max_positions: Mapping[str, Decimal | int] | Unset = UNSET,
    cooldown_min: Mapping[str, Decimal | int] | Unset = UNSET,
    validation_window_s: Decimal | int | Unset = UNSET,
    execution_window_s: Decimal | int | Unset = UNSET,
    operations_per_minute: Decimal | int | Unset = UNSET,
    price_collar_pct: Decimal | int | Unset = UNSET,
    reference_max_age_s: Decimal | int | Unset = UNSET,
    max_order_notional: Decimal | int | Unset = UNSET,
    max_account_notional: Decimal | int | Unset = UNSET,
    restricted_symbols: Sequence[str] | Unset = UNSET,
) -> Call[PolicyChanged]:
    """Change the policy, all that is named or nothing.

    Scope: ``policy:write``.
    """
    return Call(
        "PATCH",
        "/v1/operator/policy",
        {200: PolicyChanged},
        body=given(
            leverage=leverage,
            stop_multiplier=stop_multiplier,
            target_multiplier=target_multiplier,
            position_size_pct=position_size_pct,
            max_positions=max_positions,
            cooldown_min=cooldown_min,
            validation_window_s=validation_window_s,
            execution_window_s=execution_window_s,
            operations_per_minute=operations_per_minute,
            price_collar_pct=price_collar_pct,
            reference_max_age_s=reference_max_age_s,
            max_order_notional=max_order_notional,
            max_account_notional=max_account_notional,
            restricted_symbols=restricted_symbols,
        ),
    )


def list_sources(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[SourcesPage, ShownSource]:
    """Sources by ascending number, without their secrets.

    Scope: ``operator:read``.
    """
    return PagedCall(
        "GET", "/v1/operator/sources", {200: SourcesPage}, query=given(limit=limit, after=after), rows="sources", following="next"
    )


def make_source(
    *, name: str, kind: Literal["webhook", "program"] | Unset = UNSET, signals_per_hour: int | Unset = UNSET
) -> Call[SourceMade]:
    """Make a source; its secret is shown this once.

    Scope: ``sources:write``.
    """
    return Call(
        "POST", "/v1/operator/sources", {201: SourceMade}, body=given(name=name, kind=kind, signals_per_hour=signals_per_hour)
    )


def change_source(
    source_id: int,
    *,
    enabled: bool | Unset = UNSET,
    signals_per_hour: int | Unset = UNSET,
    allowed_addresses: Sequence[str] | Unset = UNSET,
    chart_interval: str | Unset | None = UNSET,
) -> Call[ShownSource]:
    """Change what a source may do.

    Scope: ``sources:write``.
    """
    return Call(
        "PATCH",
        "/v1/operator/sources/{source_id}",
        {200: ShownSource},
        places={"source_id": source_id},
        body=given(
            enabled=enabled, signals_per_hour=signals_per_hour, allowed_addresses=allowed_addresses, chart_interval=chart_interval
        ),
    )


def rotate_source(source_id: int) -> Call[SourceMade]:
    """Give a source another secret, shown this once.

    Scope: ``sources:write``.
    """
    return Call("POST", "/v1/operator/sources/{source_id}/rotate", {200: SourceMade}, places={"source_id": source_id})

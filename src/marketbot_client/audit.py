"""Operator: audit: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry as it is shown. ``hash`` is written in hexadecimal."""

    entry_id: int
    at: datetime
    action: str
    actor_kind: str
    """``person``, ``token``, ``cli`` or ``system``."""
    actor_id: int | None
    address: str | None
    """An address of the network; of an e-mail channel, a mailbox."""
    subject_kind: str
    subject_id: str
    facts: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Audit page."""

    simulated: bool
    """true where everything is practice."""
    entries: tuple[AuditRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


Action = Literal[
    "setup",
    "login",
    "login_failed",
    "logout",
    "session_revoked",
    "password_changed",
    "password_reset_asked",
    "second_factor_set",
    "second_factor_removed",
    "recovery_codes_made",
    "invited",
    "invitation_revoked",
    "person_made",
    "person_changed",
    "person_disabled",
    "person_enabled",
    "person_erased",
    "user_made",
    "user_disabled",
    "user_enabled",
    "token_made",
    "token_revoked",
    "accounts_imported",
    "account_connected",
    "account_changed",
    "account_disconnected",
    "key_rotated",
    "key_revoked",
    "settings_changed",
    "paused",
    "unpaused",
    "halted",
    "resumed",
    "closed",
    "policy_changed",
    "source_made",
    "source_changed",
    "source_rotated",
    "test_signal_sent",
    "job_retried",
    "job_dropped",
    "notices_set",
    "notices_removed",
    "channel_added",
    "channel_changed",
    "channel_removed",
    "channel_confirmed",
    "backup_made",
    "restored",
    "exported",
    "erased",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProof:
    """What a walk along the chain found. ``broken_at`` is the first entry that is not as it was written, and ``fault`` says why."""

    entries: int
    last_id: int
    last_hash: str
    broken_at: int | None
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailProof:
    """``next`` is the ``after`` to go on with; null at the end or a break."""

    proof: ChainProof
    holds: bool
    next: int | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReport:
    """One period. Lists are the newest first and bounded; ``cut`` names those that had more."""

    since: datetime
    until: datetime
    limits: dict[str, Any]
    switches: tuple[dict[str, Any], ...]
    commands: tuple[dict[str, Any], ...]
    policy_changes: tuple[dict[str, Any], ...]
    failed_logins: tuple[dict[str, Any], ...]
    tokens: tuple[dict[str, Any], ...]
    actions: dict[str, int]
    denials: dict[str, int]
    refusals: dict[str, int]
    findings: dict[str, int]
    cut: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReportAnswer:
    """Control report answer."""

    simulated: bool
    """true where everything is practice."""
    report: ControlReport


def list_audit(
    *,
    limit: int | Unset = UNSET,
    after: str | Unset = UNSET,
    action: Action | Unset = UNSET,
    actor_kind: Literal["person", "token", "cli", "system"] | Unset = UNSET,
    actor_id: int | Unset = UNSET,
    subject_kind: str | Unset = UNSET,
    subject_id: str | Unset = UNSET,
    since: datetime | Unset = UNSET,
    until: datetime | Unset = UNSET,
) -> PagedCall[AuditPage, AuditRow]:
    """Entries of the trail, the newest first.

    Scope: ``audit:read``.
    """
    return PagedCall(
        "GET",
        "/v1/operator/audit",
        {200: AuditPage},
        query=given(
            limit=limit,
            after=after,
            action=action,
            actor_kind=actor_kind,
            actor_id=actor_id,
            subject_kind=subject_kind,
            subject_id=subject_id,
            since=since,
            until=until,
        ),
        rows="entries",
        following="next",
    )


def verify_audit(*, after: int | Unset = UNSET) -> Call[TrailProof]:
    """Prove up to 10,000 entries of the chain.

    Scope: ``audit:read``.
    """
    return Call("GET", "/v1/operator/audit/verify", {200: TrailProof}, query=given(after=after))


def show_control_report(*, since: datetime | Unset = UNSET, until: datetime | Unset = UNSET) -> Call[ControlReportAnswer]:
    """The market-access controls over a period.

    Scope: ``audit:read``.
    """
    return Call("GET", "/v1/operator/control-report", {200: ControlReportAnswer}, query=given(since=since, until=until))


def show_control_report_markdown(*, since: datetime | Unset = UNSET, until: datetime | Unset = UNSET) -> Call[str]:
    """The market-access controls over a period.

    Scope: ``audit:read``.
    """
    return Call("GET", "/v1/operator/control-report", {200: str}, query=given(since=since, until=until, format="markdown"))

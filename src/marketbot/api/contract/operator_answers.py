"""What operators are answered that is put together from rows: the rows' own types stand in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from marketbot.accounts.revoking import Revoked
from marketbot.api.contract.schema import Maybe
from marketbot.controls.commanding import Coverage
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.audit_trail import AuditRow, ChainProof
from marketbot.store.control_commands import CloseMade, CloseProgress, Command, Effect
from marketbot.store.control_report import ControlReport
from marketbot.store.invitations import InvitationRow
from marketbot.store.jobs import JobRow
from marketbot.store.people import PersonRow
from marketbot.store.signals import SignalAccount, SignalSummary
from marketbot.store.sources import ShownSource
from marketbot.store.switches import SwitchRow
from marketbot.store.tokens import TokenRow
from marketbot.store.user_accounts import AccountRow
from marketbot.store.users import UserRow

__all__ = ["CloseMade", "Coverage", "InvitationRow", "PersonRow", "ShownSource", "TokenRow", "UserRow"]
"""Rows that are an answer by themselves."""


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    simulated: bool
    signal: SignalSummary


@dataclass(frozen=True, slots=True)
class SignalAtAccount:
    account: SignalAccount
    text: str


@dataclass(frozen=True, slots=True)
class SignalAccountsPage:
    """``next_after`` is a number; null on the last page."""

    simulated: bool
    accounts: list[SignalAtAccount]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class UsersPage:
    simulated: bool
    users: list[UserRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class AllAccountsPage:
    """Over all users."""

    simulated: bool
    accounts: list[AccountRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class JobsPage:
    simulated: bool
    jobs: list[JobRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class JobNumber:
    job_id: int


@dataclass(frozen=True, slots=True)
class ControlsPage:
    simulated: bool
    switches: list[SwitchRow]
    commands: list[Command]
    next: str | None


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """``progress`` of a close, ``effect`` of the others."""

    command_id: int
    kind: str
    scope: Scope
    key: str
    symbol: str | None
    state: TradingState | None
    reason: str
    user_id: int | None
    accounts: int
    open_positions: int
    queued_chunks: int
    asked_at: datetime
    progress: Maybe[CloseProgress]
    effect: Maybe[Effect]


@dataclass(frozen=True, slots=True)
class SwitchMade:
    """``queued_chunks`` hold at least one covered account's entry: what of them is not on the wire yet lapses."""

    command_id: int
    scope: Scope
    key: str
    state: TradingState
    accounts: int
    open_positions: int
    queued_chunks: int


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """``limits`` are the numbers that each setting may lie between."""

    policy: dict[str, Any]
    changed_at: datetime | None
    limits: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    policy: dict[str, Any]
    changed: list[str]


@dataclass(frozen=True, slots=True)
class SourcesPage:
    simulated: bool
    sources: list[ShownSource]
    next: str | None


@dataclass(frozen=True, slots=True)
class SourceMade(ShownSource):
    """The secret is shown this once."""

    secret: str


@dataclass(frozen=True, slots=True)
class TestSignalTaken:
    signal_id: int
    repeated: bool
    test: Literal[True]


@dataclass(frozen=True, slots=True)
class PeoplePage:
    simulated: bool
    people: list[PersonRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class LinkMade:
    mailed: bool
    link: str | None


@dataclass(frozen=True, slots=True)
class InvitationsPage:
    simulated: bool
    invitations: list[InvitationRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class InvitationMade(InvitationRow):
    mailed: bool
    link: str | None


@dataclass(frozen=True, slots=True)
class KeysRevoked:
    revoked: Revoked


@dataclass(frozen=True, slots=True)
class AuditPage:
    simulated: bool
    entries: list[AuditRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class TrailProof:
    """``next`` is the ``after`` to go on with; null at the end or a break."""

    proof: ChainProof
    holds: bool
    next: int | None


@dataclass(frozen=True, slots=True)
class ControlReportAnswer:
    simulated: bool
    report: ControlReport

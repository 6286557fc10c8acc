"""What answers hold that are put together from rows: the rows' own types stand in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from marketbot.api.contract.schema import Maybe
from marketbot.domain.notice import ChannelKind, Severity, Spoken
from marketbot.domain.person import Locale, SecondFactor
from marketbot.domain.role import Role
from marketbot.domain.scope import Scope as Right
from marketbot.store.control_commands import CloseMade
from marketbot.store.notices import HookRow
from marketbot.store.own_keys import Holdings
from marketbot.store.people import PersonRow
from marketbot.store.sessions import SessionRow
from marketbot.store.tokens import TokenRow
from marketbot.store.user_accounts import AccountRow, Me
from marketbot.store.user_trades import OrdersRow, PositionRow, ResultRow, SignalRow

__all__ = ["CloseMade", "TokenRow"]
"""Rows that are an answer by themselves."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, of several."""

    field: str
    reason: Maybe[str]
    range: Maybe[str]
    detail: Maybe[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was not done: RFC 9457, with a reason for programs and a title in the caller's language."""

    type: Literal["about:blank"]
    title: str
    status: int
    reason: str
    detail: Maybe[str]
    errors: Maybe[list[Fault]]


@dataclass(frozen=True, slots=True)
class SignalTaken:
    """The signal is committed. ``duplicate`` is there for one that was answered before, and says true."""

    signal_id: int
    status: Literal["accepted"]
    duplicate: Maybe[bool]


@dataclass(frozen=True, slots=True)
class Health:
    """``degraded`` names what is away that the service does without."""

    status: Literal["live", "ready", "draining", "store_unavailable", "migrations_pending"]
    degraded: Maybe[list[str]]


@dataclass(frozen=True, slots=True)
class OwnToken:
    """The token that asked; without a number where a session did."""

    token_id: int | None
    scopes: list[Right]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class MeAnswer:
    simulated: bool
    user: Me
    token: OwnToken


@dataclass(frozen=True, slots=True)
class AccountsPage:
    simulated: bool
    accounts: list[AccountRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """An account, with why it stands still and what is known of its key in the language asked for."""

    simulated: bool
    account: AccountRow
    status_text: str | None
    key_text: str | None


@dataclass(frozen=True, slots=True)
class AccountChanged:
    simulated: bool
    account: AccountRow
    changed: bool


@dataclass(frozen=True, slots=True)
class AccountDisconnected:
    """``left_at_the_venue`` is then its owner's to watch."""

    simulated: bool
    account: AccountRow
    status_text: str | None
    key_text: str | None
    left_at_the_venue: Holdings


@dataclass(frozen=True, slots=True)
class EgressAddress:
    """``proxy``: what the venue sees may be another address."""

    address: str
    proxy: bool


@dataclass(frozen=True, slots=True)
class AccountEgress:
    account_id: int
    label: str
    address: str | None


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    simulated: bool
    addresses: list[EgressAddress]
    accounts: list[AccountEgress]


@dataclass(frozen=True, slots=True)
class VenueOffer:
    """How to make a key at a venue: what to tick, what to leave empty."""

    venue: str
    name: str
    environments: list[str]
    passphrase: bool
    page: str
    practice_page: str
    tick: list[str]
    leave_empty: list[str]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class VenuesAnswer:
    venues: list[VenueOffer]


@dataclass(frozen=True, slots=True)
class SourcesAnswer:
    """Names of sources that accounts may follow, the first by the alphabet."""

    sources: list[str]


@dataclass(frozen=True, slots=True)
class SignalOutcome(SignalRow):
    """What became of a signal at one account, and why, in the language asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class SignalsPage:
    simulated: bool
    signals: list[SignalOutcome]
    next: str | None


@dataclass(frozen=True, slots=True)
class OrdersPage:
    simulated: bool
    orders: list[OrdersRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class PositionsPage:
    simulated: bool
    positions: list[PositionRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class ResultsPage:
    simulated: bool
    results: list[ResultRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class Paused:
    """``accounts``: how many were changed."""

    paused: bool
    accounts: int


@dataclass(frozen=True, slots=True)
class TokensPage:
    simulated: bool
    tokens: list[TokenRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class TokenMade(TokenRow):
    """The token itself is shown this once."""

    token: str


@dataclass(frozen=True, slots=True)
class HookAnswer:
    simulated: bool
    hook: HookRow | None


@dataclass(frozen=True, slots=True)
class HookMade:
    simulated: bool
    hook: HookRow
    secret: str


@dataclass(frozen=True, slots=True)
class HookRemoved:
    hook: None


@dataclass(frozen=True, slots=True)
class ShownChannel:
    """``name`` is a host, a chat's name, an address with most of it hidden; ``failed``: why its receiver will have no more."""

    channel_id: int
    kind: ChannelKind
    name: str
    language: Spoken
    minimum: Severity
    notices: list[str] | None
    confirmed_at: datetime | None
    failed: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelsAnswer:
    simulated: bool
    channels: list[ShownChannel]
    offered: list[ChannelKind]


@dataclass(frozen=True, slots=True)
class ChannelAnswer:
    channel: ShownChannel


@dataclass(frozen=True, slots=True)
class ChannelMade:
    """``secret`` of a webhook, ``code`` and ``send`` of a chat: shown this once."""

    channel: ShownChannel
    secret: Maybe[str]
    code: Maybe[str]
    send: Maybe[str]


@dataclass(frozen=True, slots=True)
class ChannelNumber:
    channel_id: int


@dataclass(frozen=True, slots=True)
class SessionMade:
    """Who is logged in and what that opens; the session itself is in the cookie."""

    session_id: int
    person_id: int
    user_id: int | None
    email: str
    name: str
    role: Role
    language: Locale
    time_zone: str
    second_factor: SecondFactor
    scopes: list[Right]
    csrf_token: str


@dataclass(frozen=True, slots=True)
class SessionAnswer(SessionMade):
    simulated: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SecondFactorConfirmed(SessionMade):
    recovery_codes: list[str]


@dataclass(frozen=True, slots=True)
class LoggedOut:
    session: None


@dataclass(frozen=True, slots=True)
class SessionsAnswer:
    """``present`` is the one that asks."""

    sessions: list[SessionRow]
    present: int


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    ended: list[int]


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    person: PersonRow


@dataclass(frozen=True, slots=True)
class TotpBegun:
    """Shown this once; in force when it was confirmed."""

    secret: str
    otpauth_url: str
    qr_svg: str


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    recovery_codes: list[str]


@dataclass(frozen=True, slots=True)
class InvitationLook:
    email: str
    role: Role
    language: Locale
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MailSent:
    """The same whoever it is: nobody learns who is here."""

    sent: Literal[True]


@dataclass(frozen=True, slots=True)
class PasswordSet:
    reset: Literal[True]

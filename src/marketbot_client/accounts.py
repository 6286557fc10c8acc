"""Accounts: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketbot_client.call import UNSET, Call, PagedCall, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account without its keys. Settings are the owner's wishes; None means the operator's default."""

    account_id: int
    """The account's number."""
    user_id: int
    label: str
    venue: str
    environment: str
    """``mainnet`` is real money, ``testnet`` practice."""
    egress: int
    status: str
    status_reason: str | None
    status_code: str | None
    """Why the account stands still, as a word for programs."""
    status_facts: dict[str, Any] | None
    key_pending: bool
    """A key was handed in, and no engine has taken it yet."""
    key_asked_at: datetime | None
    key_checked_at: datetime | None
    key_code: str | None
    """What the venue last told about the key; null: all is well."""
    key_facts: dict[str, Any] | None
    key_ip_restricted: bool | None
    key_expires_at: datetime | None
    hedge_mode: bool
    paused: bool
    """No entries; closes, stops and targets go on."""
    reduce_only: bool
    """Only what makes positions smaller."""
    leverage: Decimal | None
    """Of entries; null: the operator's default."""
    stop_multiplier: Decimal | None
    """The stop lies so many per cent of the price away; null: the operator's default."""
    target_multiplier: Decimal | None
    """The target lies so many per cent of the price away; null: the operator's default."""
    position_size_pct: Decimal | None
    """Per cent of the balance used as margin; null: the operator's default."""
    max_positions: int | None
    cooldown_min: int | None
    """Minutes without a new entry after a position of the symbol closed."""
    daily_loss_limit: Decimal | None
    """Above 0, in quote currency; entries stop when the day lost as much."""
    allowed_symbols: tuple[str, ...] | None
    """Only these are traded; null: all."""
    denied_symbols: tuple[str, ...]
    """These are never traded."""
    wallet_balance: Decimal | None
    """In quote currency, as the venue last told."""
    available_balance: Decimal | None
    """What is free, in quote currency."""
    balance_read_at: datetime | None
    created_at: datetime
    changed_at: datetime
    follows: tuple[str, ...]
    """Names of the sources whose signals the account trades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsPage:
    """Accounts page."""

    simulated: bool
    """true where everything is practice."""
    accounts: tuple[AccountRow, ...]
    next: str | None
    """The cursor of what follows, for ``after``; null: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAnswer:
    """An account, with why it stands still and what is known of its key in the language asked for."""

    simulated: bool
    """true where everything is practice."""
    account: AccountRow
    status_text: str | None
    key_text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What an account holds by our books: positions with a verified stop, others, and orders that are not over."""

    protected_positions: int
    unprotected_positions: int
    working_orders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDisconnected:
    """``left_at_the_venue`` is then its owner's to watch."""

    simulated: bool
    """true where everything is practice."""
    account: AccountRow
    status_text: str | None
    key_text: str | None
    left_at_the_venue: Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged:
    """Account changed."""

    simulated: bool
    """true where everything is practice."""
    account: AccountRow
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressAddress:
    """``proxy``: what the venue sees may be another address."""

    address: str
    """An address of the network; of an e-mail channel, a mailbox."""
    proxy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEgress:
    """Account egress."""

    account_id: int
    """The account's number."""
    label: str
    address: str | None
    """An address of the network; of an e-mail channel, a mailbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressAnswer:
    """Egress answer."""

    simulated: bool
    """true where everything is practice."""
    addresses: tuple[EgressAddress, ...]
    accounts: tuple[AccountEgress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOffer:
    """How to make a key at a venue: what to tick, what to leave empty."""

    venue: str
    name: str
    environments: tuple[str, ...]
    passphrase: bool
    page: str
    practice_page: str
    tick: tuple[str, ...]
    leave_empty: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuesAnswer:
    """Venues answer."""

    venues: tuple[VenueOffer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesAnswer:
    """Names of sources that accounts may follow, the first by the alphabet."""

    sources: tuple[str, ...]


def list_accounts(*, limit: int | Unset = UNSET, after: str | Unset = UNSET) -> PagedCall[AccountsPage, AccountRow]:
    """The user's accounts by ascending number.

    Scope: ``accounts:read``.
    """
    return PagedCall(
        "GET", "/v1/accounts", {200: AccountsPage}, query=given(limit=limit, after=after), rows="accounts", following="next"
    )


def connect_account(
    *,
    label: str,
    venue: str,
    api_key: str,
    api_secret: str,
    environment: str | Unset | None = UNSET,
    passphrase: str | Unset | None = UNSET,
    follows: Sequence[str] | str | Unset | None = UNSET,
) -> Call[AccountAnswer]:
    """Connect an account.

    Scope: ``accounts:write``.
    """
    return Call(
        "POST",
        "/v1/accounts",
        {202: AccountAnswer},
        body=given(
            label=label,
            venue=venue,
            api_key=api_key,
            api_secret=api_secret,
            environment=environment,
            passphrase=passphrase,
            follows=follows,
        ),
    )


def show_account(account_id: int) -> Call[AccountAnswer]:
    """One account.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/accounts/{account_id}", {200: AccountAnswer}, places={"account_id": account_id})


def disconnect_account(account_id: int, *, force: bool | Unset = UNSET) -> Call[AccountDisconnected]:
    """Take an account's key away; its books stay.

    Scope: ``accounts:write``.
    """
    return Call(
        "DELETE",
        "/v1/accounts/{account_id}",
        {200: AccountDisconnected},
        places={"account_id": account_id},
        query=given(force=force),
    )


def replace_key(account_id: int, *, api_key: str, api_secret: str, passphrase: str | Unset | None = UNSET) -> Call[AccountAnswer]:
    """Give an account another key.

    Scope: ``accounts:write``.
    """
    return Call(
        "PUT",
        "/v1/accounts/{account_id}/key",
        {202: AccountAnswer},
        places={"account_id": account_id},
        body=given(api_key=api_key, api_secret=api_secret, passphrase=passphrase),
    )


def follow_sources(account_id: int, *, follows: Sequence[str] | str | None) -> Call[AccountAnswer]:
    """Let an account follow exactly the sources that are named.

    Scope: ``settings:write``.
    """
    return Call(
        "PUT",
        "/v1/accounts/{account_id}/follows",
        {200: AccountAnswer},
        places={"account_id": account_id},
        body=given(follows=follows),
    )


def test_account(account_id: int) -> Call[AccountAnswer]:
    """Have the venue asked anew about the key.

    Scope: ``accounts:write``.
    """
    return Call("POST", "/v1/accounts/{account_id}/test", {202: AccountAnswer}, places={"account_id": account_id})


def change_settings(
    account_id: int,
    *,
    paused: bool | Unset = UNSET,
    reduce_only: bool | Unset = UNSET,
    leverage: Decimal | int | Unset | None = UNSET,
    stop_multiplier: Decimal | int | Unset | None = UNSET,
    target_multiplier: Decimal | int | Unset | None = UNSET,
    position_size_pct: Decimal | int | Unset | None = UNSET,
    max_positions: Decimal | int | Unset | None = UNSET,
    cooldown_min: Decimal | int | Unset | None = UNSET,
    daily_loss_limit: Decimal | int | Unset | None = UNSET,
    allowed_symbols: Sequence[str] | Unset | None = UNSET,
    denied_symbols: Sequence[str] | Unset | None = UNSET,
) -> Call[AccountChanged]:
    """Change an account's settings, all that are named or none.

    Scope: ``settings:write``.
    """
    return Call(
        "PATCH",
        "/v1/accounts/{account_id}/settings",
        {200: AccountChanged},
        places={"account_id": account_id},
        body=given(
            paused=paused,
            reduce_only=reduce_only,
            leverage=leverage,
            stop_multiplier=stop_multiplier,
            target_multiplier=target_multiplier,
            position_size_pct=position_size_pct,
            max_positions=max_positions,
            cooldown_min=cooldown_min,
            daily_loss_limit=daily_loss_limit,
            allowed_symbols=allowed_symbols,
            denied_symbols=denied_symbols,
        ),
    )


def show_egress() -> Call[EgressAnswer]:
    """The addresses that requests leave from, for a key's list.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/egress", {200: EgressAnswer})


def show_venues() -> Call[VenuesAnswer]:
    """The venues on offer, and how to make a key at each.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/venues", {200: VenuesAnswer})


def show_sources() -> Call[SourcesAnswer]:
    """The sources that an account may follow, by name.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/sources", {200: SourcesAnswer})

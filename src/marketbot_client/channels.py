"""Channels: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from marketbot_client.call import UNSET, Call, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChannel:
    """``name`` is a host, a chat's name, an address with most of it hidden; ``failed``: why its receiver will have no more."""

    channel_id: int
    kind: str
    name: str
    language: str
    minimum: str
    notices: tuple[str, ...] | None
    confirmed_at: datetime | None
    failed: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsAnswer:
    """Channels answer."""

    simulated: bool
    """true where everything is practice."""
    channels: tuple[ShownChannel, ...]
    offered: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMade:
    """``secret`` of a webhook, ``code`` and ``send`` of a chat: shown this once."""

    channel: ShownChannel
    secret: str | None = field(default=None, repr=False)
    """Shown this once."""
    code: str | None = field(default=None, repr=False)
    send: str | None = field(default=None, repr=False)


Notice = Literal[
    "position_unprotected",
    "account_quarantined",
    "key_expires",
    "new_login",
    "trading_stopped",
    "trading_resumed",
    "backup_failed",
    "position_protected",
    "position_closed",
    "entry_not_made",
    "daily_summary",
    "operator_summary",
    "test",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAnswer:
    """Channel answer."""

    channel: ShownChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNumber:
    """Channel number."""

    channel_id: int


def list_channels() -> Call[ChannelsAnswer]:
    """The user's channels, and the kinds on offer.

    Scope: ``accounts:read``.
    """
    return Call("GET", "/v1/channels", {200: ChannelsAnswer})


def add_channel(
    *,
    kind: Literal["webhook", "telegram", "email", "discord", "slack"],
    url: str | Unset = UNSET,
    address: str | Unset = UNSET,
    language: Literal["pt-BR", "en"] | Unset | None = UNSET,
    minimum: Literal["info", "warning", "critical"] | Unset | None = UNSET,
    notices: Sequence[Notice] | Unset | None = UNSET,
) -> Call[ChannelMade]:
    """Add to the user's channels, of which there are five at most.

    Scope: ``settings:write``.
    """
    return Call(
        "POST",
        "/v1/channels",
        {201: ChannelMade},
        body=given(kind=kind, url=url, address=address, language=language, minimum=minimum, notices=notices),
    )


def change_channel(
    channel_id: int,
    *,
    language: Literal["pt-BR", "en"] | Unset | None = UNSET,
    minimum: Literal["info", "warning", "critical"] | Unset | None = UNSET,
    notices: Sequence[Notice] | Unset | None = UNSET,
) -> Call[ChannelAnswer]:
    """Change language, minimum severity, or which notices.

    Scope: ``settings:write``.
    """
    return Call(
        "PATCH",
        "/v1/channels/{channel_id}",
        {200: ChannelAnswer},
        places={"channel_id": channel_id},
        body=given(language=language, minimum=minimum, notices=notices),
    )


def remove_channel(channel_id: int) -> Call[ChannelNumber]:
    """Remove a channel, with what waits for it.

    Scope: ``settings:write``.
    """
    return Call("DELETE", "/v1/channels/{channel_id}", {200: ChannelNumber}, places={"channel_id": channel_id})


def test_channel(channel_id: int) -> Call[ChannelNumber]:
    """Have a message sent that says nothing.

    Scope: ``settings:write``.
    """
    return Call("POST", "/v1/channels/{channel_id}/test", {202: ChannelNumber}, places={"channel_id": channel_id})


def renew_channel_code(channel_id: int) -> Call[ChannelMade | ChannelAnswer]:
    """A new code in place of any other: a chat's is answered, a mailbox's is sent (202).

    Scope: ``settings:write``.
    """
    return Call(
        "POST", "/v1/channels/{channel_id}/code", {200: ChannelMade, 202: ChannelAnswer}, places={"channel_id": channel_id}
    )


def confirm_channel(channel_id: int, *, code: str) -> Call[ChannelAnswer]:
    """Show the code that a mailbox was sent.

    Scope: ``settings:write``.
    """
    return Call(
        "POST",
        "/v1/channels/{channel_id}/confirm",
        {200: ChannelAnswer},
        places={"channel_id": channel_id},
        body=given(code=code),
    )


def list_operator_channels() -> Call[ChannelsAnswer]:
    """The operator's channels, and the kinds on offer.

    Scope: ``operator:read``.
    """
    return Call("GET", "/v1/operator/channels", {200: ChannelsAnswer})


def add_operator_channel(
    *,
    kind: Literal["webhook", "telegram", "email", "discord", "slack"],
    url: str | Unset = UNSET,
    address: str | Unset = UNSET,
    language: Literal["pt-BR", "en"] | Unset | None = UNSET,
    minimum: Literal["info", "warning", "critical"] | Unset | None = UNSET,
    notices: Sequence[Notice] | Unset | None = UNSET,
) -> Call[ChannelMade]:
    """Add to the operator's channels, of which there are five at most.

    Scope: ``operator:write``.
    """
    return Call(
        "POST",
        "/v1/operator/channels",
        {201: ChannelMade},
        body=given(kind=kind, url=url, address=address, language=language, minimum=minimum, notices=notices),
    )


def change_operator_channel(
    channel_id: int,
    *,
    language: Literal["pt-BR", "en"] | Unset | None = UNSET,
    minimum: Literal["info", "warning", "critical"] | Unset | None = UNSET,
    notices: Sequence[Notice] | Unset | None = UNSET,
) -> Call[ChannelAnswer]:
    """Change language, minimum severity, or which notices.

    Scope: ``operator:write``.
    """
    return Call(
        "PATCH",
        "/v1/operator/channels/{channel_id}",
        {200: ChannelAnswer},
        places={"channel_id": channel_id},
        body=given(language=language, minimum=minimum, notices=notices),
    )


def remove_operator_channel(channel_id: int) -> Call[ChannelNumber]:
    """Remove a channel, with what waits for it.

    Scope: ``operator:write``.
    """
    return Call("DELETE", "/v1/operator/channels/{channel_id}", {200: ChannelNumber}, places={"channel_id": channel_id})


def test_operator_channel(channel_id: int) -> Call[ChannelNumber]:
    """Have a message sent that says nothing.

    Scope: ``operator:write``.
    """
    return Call("POST", "/v1/operator/channels/{channel_id}/test", {202: ChannelNumber}, places={"channel_id": channel_id})


def renew_operator_channel_code(channel_id: int) -> Call[ChannelMade | ChannelAnswer]:
    """A new code in place of any other: a chat's is answered, a mailbox's is sent (202).

    Scope: ``operator:write``.
    """
    return Call(
        "POST",
        "/v1/operator/channels/{channel_id}/code",
        {200: ChannelMade, 202: ChannelAnswer},
        places={"channel_id": channel_id},
    )


def confirm_operator_channel(channel_id: int, *, code: str) -> Call[ChannelAnswer]:
    """Show the code that a mailbox was sent.

    Scope: ``operator:write``.
    """
    return Call(
        "POST",
        "/v1/operator/channels/{channel_id}/confirm",
        {200: ChannelAnswer},
        places={"channel_id": channel_id},
        body=given(code=code),
    )

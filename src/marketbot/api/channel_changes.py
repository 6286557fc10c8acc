"""What an owner does about channels, a user and the operator alike: each in a transaction of theirs, with its entry in the audit trail.

Behind ``/v1`` and behind the console's forms. What cannot be done is an ``ApiReason``; a limit that is used up is the answer that says so.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from litestar import Response

from marketbot.api.admission import ApiRequest, caller_of
from marketbot.api.channel_wishes import ChannelWish
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.limits import limit
from marketbot.api.problems import ApiReason
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import UserId
from marketbot.domain.limits import CHANNEL_CODES
from marketbot.domain.notice import OPERATOR_NOTICES, USER_NOTICES, ChannelKind, Notice
from marketbot.notices.codes import CODE_LIFE, CODE_TRIES_MAX, code_sha256, make_link_code
from marketbot.notices.signing import make_secret
from marketbot.observability.logs import logger
from marketbot.store import channels
from marketbot.store.audit_trail import record
from marketbot.store.channels import ChannelChange, ChannelRow, NewChannel, channel_aad, channel_entry
from marketbot.store.notice_items import put
from marketbot.store.pool import Connection
from marketbot.vault.vault import Vault

MAX_CODE_CHARS = 64

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """A channel, and what of it is told this once: a webhook's secret, or the code that links a chat."""

    row: ChannelRow
    secret: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)


def owner_of(request: ApiRequest) -> UserId | None:
    """Return the user who asks, or none for an operator: the route's scope has let in one or the other."""
    return caller_of(request).user_id


def allowed_to(owner: UserId | None) -> frozenset[Notice]:
    return OPERATOR_NOTICES if owner is None else USER_NOTICES


async def list_own(request: ApiRequest) -> tuple[list[ChannelRow], bool]:
    """Return the owner's channels, and whether everything here is practice."""
    door: UserDoor = request.app.state.door
    owner = owner_of(request)
    if owner is not None:
        return await door.read(owner, lambda connection: channels.list_channels(connection, owner))
    async with _writing(request) as connection:
        return await channels.list_channels(connection, None), await door.simulated(connection)


async def add(request: ApiRequest, wish: ChannelWish) -> ShownOnce | ApiReason | Response[bytes]:
    owner = owner_of(request)
    if wish.kind not in request.app.state.channel_kinds:
        return ApiReason.CHANNEL_NOT_OFFERED
    if wish.kind is ChannelKind.EMAIL and (refused := await _limit_codes(request)) is not None:
        return refused
    secret = make_secret() if wish.kind is ChannelKind.WEBHOOK else None
    code = make_link_code() if wish.kind is ChannelKind.TELEGRAM else None
    async with _writing(request) as connection:
        row = await channels.create_channel(connection, owner, _sealed(request.app.state.vault, owner, wish, secret))
        if row is not None and code is not None:
            await channels.set_code(connection, owner, row.channel_id, code_sha256(None, code), CODE_LIFE)
        if row is not None:
            await _note(request, connection, Action.CHANNEL_ADDED, row)
    if row is None:
        return ApiReason.CHANNEL_LIMIT_REACHED
    if row.kind is ChannelKind.EMAIL:
        await _send_code(request, row.channel_id)
    log.info("channel_added", user_id=owner, channel_id=row.channel_id, kind=row.kind.value)
    return ShownOnce(row, secret, code)


async def change(request: ApiRequest, channel_id: int, wanted: ChannelChange) -> ChannelRow | ApiReason:
    owner = owner_of(request)
    async with _writing(request) as connection:
        row = await channels.change_channel(connection, owner, channel_id, wanted)
        if row is not None:
            await _note(request, connection, Action.CHANNEL_CHANGED, row)
    if row is None:
        return ApiReason.NOT_FOUND
    log.info("channel_changed", user_id=owner, channel_id=channel_id)
    return row


async def remove(request: ApiRequest, channel_id: int) -> bool:
    """Remove a channel; what waits for it goes too. False where the owner has no such one."""
    owner = owner_of(request)
    async with _writing(request) as connection:
        row = await channels.read_channel(connection, owner, channel_id)
        removed = row is not None and await channels.remove_channel(connection, owner, channel_id)
        if row is not None and removed:
            await _note(request, connection, Action.CHANNEL_REMOVED, row)
    if removed:
        log.info("channel_removed", user_id=owner, channel_id=channel_id)
    return removed


async def send_test(request: ApiRequest, channel_id: int) -> ChannelRow | ApiReason:
    """Have a message sent that says nothing."""
    row = await _read(request, channel_id)
    if row is None:
        return ApiReason.NOT_FOUND
    if row.confirmed_at is None:
        return ApiReason.CHANNEL_UNCONFIRMED
    database: Database = request.app.state.database
    # Jobs are nobody's own rows: a user's transaction could not write one.
    async with database.connection() as connection, connection.transaction():
        await put(connection, row.user_id, row.channel_id, Notice.TEST, str(time.time_ns()), {})
    return row


async def renew_code(request: ApiRequest, channel_id: int) -> ShownOnce | ApiReason | Response[bytes]:
    """Give an unconfirmed channel a new code: a chat's is told, a mailbox's is sent."""
    row = await _read(request, channel_id)
    if row is None or row.confirmed_at is not None or row.kind not in (ChannelKind.TELEGRAM, ChannelKind.EMAIL):
        return ApiReason.NOT_FOUND
    if row.kind is ChannelKind.EMAIL:
        if (refused := await _limit_codes(request)) is not None:
            return refused
        await _send_code(request, row.channel_id)
        return ShownOnce(row)
    code = make_link_code()
    async with _writing(request) as connection:
        given = await channels.set_code(connection, row.user_id, row.channel_id, code_sha256(None, code), CODE_LIFE)
    return ShownOnce(row, code=code) if given else ApiReason.NOT_FOUND


async def confirm(request: ApiRequest, channel_id: int, code: str) -> ChannelRow | ApiReason:
    """Take the code that was sent to a mailbox."""
    owner = owner_of(request)
    sha256 = code_sha256(channel_id, code.strip().upper())
    async with _writing(request) as connection:
        found = await channels.read_channel(connection, owner, channel_id)
        row = None
        if found is not None and found.kind is ChannelKind.EMAIL:
            row = await channels.confirm_channel(connection, owner, channel_id, sha256, CODE_TRIES_MAX)
        if row is not None:
            await _note(request, connection, Action.CHANNEL_CONFIRMED, row)
    if row is None:
        return ApiReason.NOT_FOUND if found is None else ApiReason.CODE_WRONG
    log.info("channel_confirmed", user_id=owner, channel_id=channel_id)
    return row


async def _read(request: ApiRequest, channel_id: int) -> ChannelRow | None:
    async with _writing(request) as connection:
        return await channels.read_channel(connection, owner_of(request), channel_id)


async def _note(request: ApiRequest, connection: Connection, action: Action, row: ChannelRow) -> None:
    await record(connection, channel_entry(action, actor_of(request), row.channel_id, row.user_id, row.kind))


async def _limit_codes(request: ApiRequest) -> Response[bytes] | None:
    owner = owner_of(request)
    return await limit(request, CHANNEL_CODES, "operator" if owner is None else str(owner))


async def _send_code(request: ApiRequest, channel_id: int) -> None:
    database: Database = request.app.state.database
    async with database.connection() as connection:
        await channels.ask_code(connection, channel_id)


def _sealed(vault: Vault, owner: UserId | None, wish: ChannelWish, secret: str | None) -> NewChannel:
    def seal(text: str | None, what: str) -> bytes | None:
        return None if text is None else vault.seal(text.encode(), aad=channel_aad(owner, wish.kind, what))

    return NewChannel(
        wish.kind,
        wish.name,
        wish.language,
        wish.minimum,
        wish.notices,
        seal(wish.target, "target"),
        seal(secret, "secret"),
        # Who knows a webhook's address was given it; a chat and a mailbox must be shown to be one's own.
        confirmed=wish.kind not in (ChannelKind.TELEGRAM, ChannelKind.EMAIL),
    )


@asynccontextmanager
async def _writing(request: ApiRequest) -> AsyncIterator[Connection]:
    """Lend a transaction: a user's behind the wall, the operator's before it."""
    owner = owner_of(request)
    if owner is not None:
        door: UserDoor = request.app.state.door
        async with door.writing(owner) as connection:
            yield connection
        return
    database: Database = request.app.state.database
    async with database.connection() as connection, connection.transaction():
        yield connection

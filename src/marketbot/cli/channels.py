"""``notices channels``, ``add``, ``change``, ``try`` and ``drop``: by what means the operator, or a user, is told."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from rich.console import Console

from marketbot.api.channel_wishes import ChannelInvalid, read_channel_change, read_channel_wish
from marketbot.cli.actor import command_actor
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.cli.users import named_user
from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import UserId
from marketbot.domain.notice import OPERATOR_NOTICES, USER_NOTICES, ChannelKind, Notice, Spoken
from marketbot.notices.codes import CODE_LIFE, code_sha256, make_link_code
from marketbot.notices.signing import make_secret
from marketbot.settings import Settings
from marketbot.store import channels
from marketbot.store.audit_trail import record
from marketbot.store.channels import ChannelRow, NewChannel, channel_aad, channel_entry
from marketbot.store.notice_items import put
from marketbot.vault.vault import Vault


async def show_channels(output: Output, settings: Settings, user: str | None) -> None:
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await channels.list_channels(store.connection, await _whose(store, user))

    def human(console: Console) -> None:
        if not rows:
            console.print(f"{user or 'The operator'} has no channel: marketbot notices add.", markup=False)
        for row in rows:
            console.print(_line(row), markup=False)

    output.show({"channels": [asdict(row) for row in rows]}, human)


async def add_channel(output: Output, settings: Settings, document: dict[str, Any], user: str | None) -> None:
    """Add a channel; a webhook's secret and a chat's code are shown once."""
    allowed = OPERATOR_NOTICES if user is None else USER_NOTICES
    try:
        wish = read_channel_wish(document, allowed, Spoken.EN, loopback=settings.notices_to_loopback)
    except ChannelInvalid as invalid:
        raise CommandFailed(FailureReason.USAGE, f"The channel cannot be used: {invalid}.", exit_code=EXIT_USAGE) from None
    if wish.kind not in settings.channel_kinds:
        missing = "MARKETBOT_TELEGRAM_TOKEN" if wish.kind is ChannelKind.TELEGRAM else "MARKETBOT_SMTP_URL"
        raise CommandFailed(FailureReason.USAGE, f"This installation has no {wish.kind}: set {missing}.", exit_code=EXIT_USAGE)
    secret = make_secret() if wish.kind is ChannelKind.WEBHOOK else None
    code = make_link_code() if wish.kind is ChannelKind.TELEGRAM else None
    vault = Vault.from_file(settings.vault_key_file)
    async with open_store(settings) as store:
        output.mark(store.profile)
        owner = await _whose(store, user)

        def seal(text: str | None, what: str) -> bytes | None:
            return None if text is None else vault.seal(text.encode(), aad=channel_aad(owner, wish.kind, what))

        new = NewChannel(
            wish.kind,
            wish.name,
            wish.language,
            wish.minimum,
            wish.notices,
            seal(wish.target, "target"),
            seal(secret, "secret"),
            # Who may run this owns the machine, and says whose mailbox it is.
            confirmed=wish.kind is not ChannelKind.TELEGRAM,
        )
        async with store.connection.transaction():
            row = await channels.create_channel(store.connection, owner, new)
            if row is not None and code is not None:
                await channels.set_code(store.connection, owner, row.channel_id, code_sha256(None, code), CODE_LIFE)
            if row is not None:
                await _note(store, Action.CHANNEL_ADDED, row)
    if row is None:
        raise CommandFailed(FailureReason.ALREADY_EXISTS, f"There are {channels.CHANNELS_MAX} channels already.")
    added = row

    def human(console: Console) -> None:
        console.print(_line(added), markup=False)
        if secret is not None:
            console.print(f"  secret  {secret} (shown once)", soft_wrap=True, markup=False)
        if code is not None:
            console.print(f"  Send this to the bot within fifteen minutes:  /start {code}", soft_wrap=True, markup=False)

    once = {"secret": secret} if secret else {"code": code} if code else {}
    output.show({**asdict(added), **once}, human)


async def change_channel(output: Output, settings: Settings, channel_id: int, document: dict[str, Any], user: str | None) -> None:
    try:
        change = read_channel_change(document, OPERATOR_NOTICES if user is None else USER_NOTICES)
    except ChannelInvalid as invalid:
        raise CommandFailed(FailureReason.USAGE, f"Nothing was changed: {invalid}.", exit_code=EXIT_USAGE) from None
    async with open_store(settings) as store:
        output.mark(store.profile)
        owner = await _whose(store, user)
        async with store.connection.transaction():
            row = await channels.change_channel(store.connection, owner, channel_id, change)
            if row is not None:
                await _note(store, Action.CHANNEL_CHANGED, row)
    if row is None:
        raise CommandFailed(FailureReason.NOT_FOUND, "There is no such channel.")
    changed = row
    output.show(asdict(changed), lambda console: console.print(_line(changed), markup=False))


async def try_channel(output: Output, settings: Settings, channel_id: int, user: str | None) -> None:
    """Ask for a message that says nothing; a keeper sends it within seconds."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        owner = await _whose(store, user)
        async with store.connection.transaction():
            asked = await put(store.connection, owner, channel_id, Notice.TEST, str(time.time_ns()), {})
    if not asked:
        raise CommandFailed(FailureReason.NOT_FOUND, "There is no such channel, or it is not confirmed.")
    output.show(
        {"result": "asked for"},
        lambda console: console.print("It is sent within seconds; marketbot jobs list --kind tell shows one that failed."),
    )


async def drop_channel(output: Output, settings: Settings, channel_id: int, user: str | None) -> None:
    async with open_store(settings) as store:
        output.mark(store.profile)
        owner = await _whose(store, user)
        async with store.connection.transaction():
            row = await channels.read_channel(store.connection, owner, channel_id)
            if row is None or not await channels.remove_channel(store.connection, owner, channel_id):
                raise CommandFailed(FailureReason.NOT_FOUND, "There is no such channel.")
            await _note(store, Action.CHANNEL_REMOVED, row)
    output.show({"result": "removed"}, lambda console: console.print("Nothing is sent there any more."))


async def _note(store: StoreSession, action: Action, row: ChannelRow) -> None:
    await record(store.connection, channel_entry(action, command_actor(), row.channel_id, row.user_id, row.kind))


def _line(row: ChannelRow) -> str:
    what = "everything" if row.notices is None else ", ".join(row.notices)
    state = row.failed or ("" if row.confirmed_at else "not confirmed yet")
    return f"{row.channel_id}  {row.kind}  {row.name}  {row.language}  from {row.minimum} on: {what}  {state}".rstrip()


async def _whose(store: StoreSession, user: str | None) -> UserId | None:
    return None if user is None else await named_user(store.connection, user)

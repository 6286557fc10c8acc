"""``notices set``, ``show``, ``test`` and ``remove``: where the operator, or a user, is told of what they should not have to look for."""

from __future__ import annotations

import time
from dataclasses import asdict

from rich.console import Console

from marketbot.cli.actor import note
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.cli.users import named_user
from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import UserId
from marketbot.domain.notice import Notice
from marketbot.notices.address import Hook, HookInvalid
from marketbot.notices.signing import make_secret
from marketbot.settings import Settings
from marketbot.store.notices import ask, hook_aad, read_hook, remove_hook, replace_hook
from marketbot.vault.vault import Vault


async def set_hook(output: Output, settings: Settings, url: str, user: str | None) -> None:
    """Have notices sent to an address; the secret that signs them is shown once."""
    try:
        hook = Hook.parse(url, loopback=settings.notices_to_loopback)
    except HookInvalid as invalid:
        raise CommandFailed(FailureReason.USAGE, f"The address cannot be used: {invalid}.", exit_code=EXIT_USAGE) from None
    secret, vault = make_secret(), Vault.from_file(settings.vault_key_file)
    async with open_store(settings) as store:
        output.mark(store.profile)
        user_id = await _whose(store, user)
        async with store.connection.transaction():
            row = await replace_hook(
                store.connection,
                user_id,
                hook.authority,
                vault.seal(url.encode(), aad=hook_aad(user_id, "url")),
                vault.seal(secret.encode(), aad=hook_aad(user_id, "secret")),
            )
            await note(store.connection, Action.NOTICES_SET, *_subject(user_id), hook_id=row.hook_id)

    def human(console: Console) -> None:
        console.print(f"Notices of {user or 'the operator'} go to {row.host}. The secret is shown once:", markup=False)
        console.print(f"  secret  {secret}", soft_wrap=True, markup=False)
        console.print("  X-MarketBot-Signature is v1=HMAC-SHA256(secret, X-MarketBot-Timestamp + '.' + body), in hexadecimal")

    output.show({**asdict(row), "secret": secret}, human)


async def show_hook(output: Output, settings: Settings, user: str | None) -> None:
    async with open_store(settings) as store:
        output.mark(store.profile)
        row = await read_hook(store.connection, await _whose(store, user))
    whose = user or "the operator"
    told = (
        f"Nothing is sent to {whose}."
        if row is None
        else f"Notices of {whose} go to {row.host}, since {row.created_at:%Y-%m-%d}."
    )
    output.show({"hook": None if row is None else asdict(row)}, lambda console: console.print(told, markup=False))


async def test_hook(output: Output, settings: Settings, user: str | None) -> None:
    """Ask for a notice that says nothing; a keeper sends it within seconds."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        user_id = await _whose(store, user)
        if await read_hook(store.connection, user_id) is None:
            raise CommandFailed(FailureReason.NOT_FOUND, "There is no address yet: marketbot notices set.")
        await ask(store.connection, user_id, Notice.TEST, str(time.time_ns()), {})
    output.show(
        {"result": "asked for"},
        lambda console: console.print("It is sent within seconds; marketbot jobs list --kind notice shows one that failed."),
    )


async def remove_hook_of(output: Output, settings: Settings, user: str | None) -> None:
    async with open_store(settings) as store:
        output.mark(store.profile)
        user_id = await _whose(store, user)
        async with store.connection.transaction():
            if not await remove_hook(store.connection, user_id):
                raise CommandFailed(FailureReason.NOT_FOUND, "There is no address.")
            await note(store.connection, Action.NOTICES_REMOVED, *_subject(user_id))
    output.show({"result": "removed"}, lambda console: console.print("Nothing is sent any more."))


def _subject(user_id: UserId | None) -> tuple[str, str]:
    return ("operator", "") if user_id is None else ("user", str(user_id))


async def _whose(store: StoreSession, user: str | None) -> UserId | None:
    return None if user is None else await named_user(store.connection, user)

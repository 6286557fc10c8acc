"""``keys``: what seals accounts' keys, its rotation, and the mass revocation."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from rich.console import Console

from marketbot.accounts import resealing
from marketbot.accounts.revoking import Revoked, RevokeScope, revoke
from marketbot.accounts.safe import Safe, ensure_kek
from marketbot.cli.actor import command_actor
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.settings import KEK_VARIABLE, Settings
from marketbot.store import data_keys
from marketbot.vault.kek import Kek, add_key, drop_key, kek_file, open_kek
from marketbot.vault.vault import Vault, VaultError

_COUNTS = """
SELECT (SELECT count(*) FROM account WHERE api_secret_sealed <> '') AS sealed,
       (SELECT count(*) FROM account WHERE api_secret_sealed <> '' AND data_key_of(api_secret_sealed) IS NULL) AS sealed_by_the_vault,
       (SELECT count(*) FROM data_key) AS data_keys,
       (SELECT count(*) FROM data_key WHERE retired_at IS NOT NULL) AS retired_data_keys,
       (SELECT count(*) FROM key_box) AS waiting_boxes
"""
_USER = "SELECT user_id FROM app_user WHERE name = $1 OR user_id::text = $1 ORDER BY name = $1 DESC LIMIT 1"
_ACCOUNT = "SELECT account_id FROM account WHERE account_id::text = $1"


async def init_keys(output: Output, settings: Settings) -> None:
    """Make the first key-encryption key of an installation, where nothing is wrapped by another."""
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        try:
            made = await ensure_kek(store.connection, settings.data_dir)
        except VaultError as error:
            raise CommandFailed(FailureReason.REFUSED, f"{error}.") from error
    told = (
        "There is a key-encryption key already."
        if made is None
        else f"Made {made}: give it to every engine, and keep a copy apart."
    )
    output.show({"made": None if made is None else str(made)}, lambda console: console.print(told))


async def show_keys(output: Output, settings: Settings) -> None:
    """Show which key-encryption keys are known here, what each wraps, and what is sealed by what."""
    async with _opened(output, settings) as (store, kek, _safe):
        used = await data_keys.keks_in_use(store.connection)
        row = await store.connection.fetchrow(_COUNTS)
    assert row is not None
    known = {name: used.get(name, 0) for name in kek.known}
    missing = {name: count for name, count in used.items() if name not in known}
    document = {"current": kek.current, "known": known, "missing": missing, **dict(row)}

    def human(console: Console) -> None:
        for name, count in known.items():
            console.print(f"{name} wraps {count} keys" + (" (current)" if name == kek.current else ""))
        for name, count in missing.items():
            console.print(f"{name} wraps {count} keys, and is NOT here: their accounts cannot trade.")
        console.print(
            f"{row['sealed']} accounts have a key; {row['sealed_by_the_vault']} are still sealed as in earlier versions."
            f" {row['data_keys']} data keys ({row['retired_data_keys']} retired), {row['waiting_boxes']} boxes wait."
        )

    output.show(document, human)


async def rotate_kek(output: Output, settings: Settings) -> None:
    """Wrap every data key by a new key-encryption key, while engines trade. Begun again, it goes on where it was broken off."""
    async with _opened(output, settings) as (store, kek, safe):
        used = await data_keys.keks_in_use(store.connection)
        unfinished = any(name != kek.current for name in used)
        made = None
        if not unfinished and not os.environ.get(KEK_VARIABLE):
            made = await asyncio.to_thread(add_key, kek_file(settings.data_dir))
            kek.reload()
        done = 0
        while page := await resealing.rewrap_page(store.connection, safe):
            done += page
    document = {
        "current": kek.current,
        "made": made,
        "rewrapped": done,
        "older": [name for name in kek.known if name != kek.current],
    }

    def human(console: Console) -> None:
        console.print(f"{done} keys are wrapped by {kek.current} now.")
        if made is None and not done:
            console.print(f"Nothing to do. To rotate keys that {KEK_VARIABLE} gives, put a new one first in it for every engine.")
        if made is not None:
            console.print(
                f"The new key is the first line of {kek_file(settings.data_dir)}: put a copy where the old one has its own."
            )
        console.print("Older backups need the older keys. `marketbot keys retire-kek ID` drops one that nothing needs.")

    output.show(document, human)


async def retire_kek(output: Output, settings: Settings, kek_id: str) -> None:
    """Take a key-encryption key that wraps nothing any more out of the key file."""
    async with _opened(output, settings) as (store, _kek, _safe):
        if (await data_keys.keks_in_use(store.connection)).get(kek_id):
            raise CommandFailed(FailureReason.REFUSED, f"{kek_id} still wraps keys: `marketbot keys rotate-kek` first.")
        if os.environ.get(KEK_VARIABLE):
            raise CommandFailed(
                FailureReason.REFUSED, f"{KEK_VARIABLE} gives the keys here: take it out of that, for every engine."
            )
        await asyncio.to_thread(drop_key, kek_file(settings.data_dir), kek_id)
    output.show(
        {"retired": kek_id}, lambda console: console.print(f"{kek_id} is gone: backups that need it cannot be opened here.")
    )


async def rotate_data_keys(output: Output, settings: Settings) -> None:
    """Give every user a new data key and seal their accounts by it, while engines trade. Begun again, it goes on."""
    async with _opened(output, settings) as (store, _kek, safe):
        await resealing.renew_box_key(store.connection, safe)
        users = 0
        while page := await resealing.renew_page(store.connection, safe):
            users += page
        accounts = await resealing.reseal_all(store.connection, safe)
        dropped = await resealing.drop_unused(store.connection)
    document = {"users": users, "accounts": accounts, "dropped": dropped}

    def human(console: Console) -> None:
        console.print(f"{users} users have a new data key; {accounts} accounts are sealed by it; {dropped} old keys are deleted.")

    output.show(document, human)


async def revoke_keys(
    output: Output, settings: Settings, *, everything: bool, user: str | None, account: str | None, drill: bool, yes: bool
) -> None:
    """Wipe keys that may have leaked, and say what their owners must do."""
    if sum((everything, user is not None, account is not None)) != 1:
        raise CommandFailed(FailureReason.USAGE, "Say one of --all, --user and --account.", exit_code=EXIT_USAGE)
    if not drill and not yes:
        raise CommandFailed(
            FailureReason.USAGE,
            "This cannot be taken back: every account concerned needs a new key. Look at it with --drill, then do it with --yes.",
            exit_code=EXIT_USAGE,
        )
    async with open_store(settings) as store:
        output.mark(store.profile)
        scope, key = await _scope(store, user, account)
        started_s = time.monotonic()
        done = await revoke(store.connection, scope, key, command_actor(), drill=drill)
    if done is None:
        raise CommandFailed(FailureReason.NOT_FOUND, "There is no such user or account.")
    took_s = time.monotonic() - started_s
    output.show(asdict(done), lambda console: _tell(console, done, took_s))


async def _scope(store: StoreSession, user: str | None, account: str | None) -> tuple[RevokeScope, int | None]:
    if user is None and account is None:
        return RevokeScope.ALL, None
    scope, question, name = (RevokeScope.USER, _USER, user) if user is not None else (RevokeScope.ACCOUNT, _ACCOUNT, account)
    key = await store.connection.fetchval(question, name)
    if key is None:
        raise CommandFailed(FailureReason.NOT_FOUND, "There is no such user or account.")
    return scope, key


def _tell(console: Console, done: Revoked, took_s: float) -> None:
    would = "would be" if done.drill else "are"
    console.print(
        f"{done.accounts} keys of {done.users} users {would} wiped, and their accounts stopped; {done.data_keys} data keys with them."
        f" It took {took_s:.1f} s."
    )
    for each in done.venues:
        console.print(f"  {each.venue}/{each.environment}: {each.accounts}")
    left = done.exposure
    console.print(
        f"Left at the venues: {left.protected_positions} positions whose stop rests there, {left.unprotected_positions} without a"
        f" verified stop, at {left.accounts_with_positions} accounts. Nothing here can see to them any more."
    )
    console.print(
        "Every owner must now, at the venue: delete the key, look for orders and withdrawals that are not theirs, close or"
    )
    console.print("watch what is open; then make a new key and connect it here.")
    if done.drill:
        console.print("This was a drill: nothing was changed.")


@asynccontextmanager
async def _opened(output: Output, settings: Settings) -> AsyncIterator[tuple[StoreSession, Kek, Safe]]:
    """Open the store and the keys that this machine holds."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        try:
            kek = await asyncio.to_thread(open_kek, settings.data_dir)
            yield store, kek, Safe(await asyncio.to_thread(Vault.from_file, settings.vault_key_file), kek)
        except VaultError as error:
            raise CommandFailed(FailureReason.REFUSED, f"{error}.") from error

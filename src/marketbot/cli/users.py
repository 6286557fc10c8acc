"""``users add``, ``list``, ``disable`` and ``enable``."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from marketbot.cli.actor import note
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import UserId
from marketbot.settings import Settings
from marketbot.store.pool import Connection
from marketbot.store.users import create_user, find_user, list_users, read_user, set_enabled

MAX_NAME_CHARS = 100


async def add_user(output: Output, settings: Settings, name: str) -> None:
    """Make a user."""
    if not 0 < len(name.strip()) <= MAX_NAME_CHARS or not name.isprintable():
        raise CommandFailed(
            FailureReason.USAGE, f"A user's name has 1 to {MAX_NAME_CHARS} printable characters.", exit_code=EXIT_USAGE
        )
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        async with store.connection.transaction():
            user_id = await create_user(store.connection, name.strip())
            if user_id is None:
                raise CommandFailed(FailureReason.ALREADY_EXISTS, f"There is a user named {name.strip()} already.")
            await note(store.connection, Action.USER_MADE, "user", user_id)
        user = await read_user(store.connection, user_id)
    assert user is not None

    def human(console: Console) -> None:
        console.print(f"User {user.user_id} is {user.name}.", markup=False)
        console.print(f"  marketbot tokens create --user '{user.name}'   lets them in", markup=False)

    output.show(asdict(user), human)


async def show_users(output: Output, settings: Settings, limit: int) -> None:
    """Show users by number."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await list_users(store.connection, UserId(0), limit)
    columns = ("user", "name", "accounts", "enabled", "created_at")
    cells = [(row.user_id, row.name, row.accounts, row.disabled_at is None, row.created_at) for row in rows]
    output.show({"users": [asdict(row) for row in rows]}, output.table("Users", columns, cells))


async def enable_user(output: Output, settings: Settings, name: str, *, enabled: bool) -> None:
    """Take a user's tokens, or refuse them."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        user_id = await named_user(store.connection, name)
        async with store.connection.transaction():
            await set_enabled(store.connection, user_id, enabled=enabled)
            await note(store.connection, Action.USER_ENABLED if enabled else Action.USER_DISABLED, "user", user_id)
        user = await read_user(store.connection, user_id)
    assert user is not None

    def human(console: Console) -> None:
        console.print(f"{user.name} is {'enabled' if enabled else 'disabled'}.", markup=False)
        if not enabled and user.accounts:
            console.print(f"Their {user.accounts} accounts trade on; `marketbot halt user {user.user_id}` stops new entries.")

    output.show(asdict(user), human)


async def named_user(connection: Connection, name: str) -> UserId:
    """Return the user of a name, or fail with a sentence."""
    user_id = await find_user(connection, name)
    if user_id is None:
        raise CommandFailed(FailureReason.NOT_FOUND, f"There is no user named {name}.")
    return user_id

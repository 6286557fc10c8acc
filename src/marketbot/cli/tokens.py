"""``tokens create``, ``list`` and ``revoke``. A token is made here, shown once, and stored as a digest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console

from marketbot.accounts.api_token import make_token
from marketbot.cli.actor import command_actor, note
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.cli.users import MAX_NAME_CHARS, named_user
from marketbot.domain.audit_entry import Action
from marketbot.domain.scope import OPERATOR_TOKEN_SCOPES, READING_SCOPES, USER_SCOPES, Scope, read_scopes
from marketbot.settings import Settings
from marketbot.store.audit_trail import record
from marketbot.store.tokens import (
    LIVE_TOKENS_MAX,
    create_token,
    list_all_tokens,
    list_own_tokens,
    revoke_any_token,
    token_made,
)

EVERYTHING = ["all"]


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """What ``tokens create`` was asked for; no user means an operator's token, no scopes those that only read."""

    user: str | None
    name: str
    scopes: list[str] | None
    days: int | None


async def make_api_token(output: Output, settings: Settings, options: TokenOptions) -> None:
    """Make a token and show it, this once."""
    scopes = _scopes(options)
    if not 0 < len(options.name) <= MAX_NAME_CHARS or not options.name.isprintable():
        raise CommandFailed(
            FailureReason.USAGE, f"A token's name has 1 to {MAX_NAME_CHARS} printable characters.", exit_code=EXIT_USAGE
        )
    expires_at = None if options.days is None else datetime.now(UTC) + timedelta(days=options.days)
    token = make_token(operator=options.user is None)
    async with open_store(settings, create=options.user is None) as store:
        output.mark(store.profile)
        user_id = None if options.user is None else await named_user(store.connection, options.user)
        async with store.connection.transaction():
            row = await create_token(store.connection, user_id, options.name, scopes, token, expires_at)
            if row is not None:
                await record(store.connection, token_made(command_actor(), row))
    if row is None:
        raise CommandFailed(FailureReason.REFUSED, f"There are {LIVE_TOKENS_MAX} tokens already; revoke one first.")

    def human(console: Console) -> None:
        console.print(
            f"Token {row.token_id} of {options.user or 'operators'}. This is shown once, and cannot be read back:", markup=False
        )
        console.print(f"  token    {token.text}", soft_wrap=True, markup=False)
        console.print(f"  opens    {', '.join(row.scopes)}", markup=False)
        console.print(
            f"  holds    {'until it is revoked' if row.expires_at is None else f'until {row.expires_at:%Y-%m-%d %H:%M} UTC'}"
        )
        console.print("  send as  Authorization: Bearer TOKEN")

    output.show({**asdict(row), "scopes": list(row.scopes), "token": token.text}, human)


async def show_tokens(output: Output, settings: Settings, user: str | None, limit: int) -> None:
    """Show tokens by number, everybody's or one user's."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        if user is None:
            rows = await list_all_tokens(store.connection, 0, limit)
        else:
            rows = await list_own_tokens(store.connection, await named_user(store.connection, user), 0, limit)
    columns = ("token", "user", "name", "begins with", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    cells = [
        (
            row.token_id,
            "operator" if row.user_id is None else str(row.user_id),
            row.name,
            row.prefix,
            ", ".join(row.scopes),
            row.created_at,
            row.expires_at,
            row.revoked_at,
            row.last_used_at,
        )
        for row in rows
    ]
    output.show({"tokens": [{**asdict(row), "scopes": list(row.scopes)} for row in rows]}, output.table("Tokens", columns, cells))


async def revoke_token(output: Output, settings: Settings, token_id: int) -> None:
    """End a token."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        async with store.connection.transaction():
            row = await revoke_any_token(store.connection, token_id)
            if row is not None:
                await note(store.connection, Action.TOKEN_REVOKED, "token", token_id, user_id=row.user_id)
    if row is None:
        raise CommandFailed(FailureReason.NOT_FOUND, f"There is no token {token_id}.")
    output.show(
        {**asdict(row), "scopes": list(row.scopes)}, lambda console: console.print(f"Token {token_id} opens nothing any more.")
    )


def _scopes(options: TokenOptions) -> frozenset[Scope]:
    allowed = OPERATOR_TOKEN_SCOPES if options.user is None else USER_SCOPES
    if options.scopes == EVERYTHING:
        return allowed
    if not options.scopes:
        return frozenset({Scope.OPERATOR_READ}) if options.user is None else READING_SCOPES
    scopes = read_scopes(options.scopes, allowed)
    if scopes is None:
        raise CommandFailed(FailureReason.USAGE, f"--scope takes all, or: {', '.join(sorted(allowed))}.", exit_code=EXIT_USAGE)
    return scopes

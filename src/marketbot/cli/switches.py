"""``halt`` and ``resume``: the kill switch, by scope."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from marketbot.cli.actor import command_actor
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.controls.commanding import command_halt, command_resume
from marketbot.controls.errors import ControlRefused
from marketbot.controls.halt import Switched
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.settings import Settings


async def halt_scope(output: Output, settings: Settings, scope: str, key: str, *, reason: str, reducing: bool) -> None:
    """Stop entries in a scope, and say how much of the world that covers."""
    state = TradingState.REDUCING if reducing else TradingState.HALTED
    wanted = scope_of(scope)
    async with open_store(settings) as store:
        output.mark(store.profile)
        try:
            async with store.connection.transaction():
                _, done = await command_halt(store.connection, command_actor(), wanted, key, state, reason)
        except ControlRefused as error:
            raise CommandFailed(FailureReason.REFUSED, str(error)) from None
    output.show(asdict(done), lambda console: _tell(console, done))


async def resume_scope(output: Output, settings: Settings, scope: str, key: str) -> None:
    """Take one switch away."""
    wanted = scope_of(scope)
    async with open_store(settings) as store:
        output.mark(store.profile)
        try:
            async with store.connection.transaction():
                _, done = await command_resume(store.connection, command_actor(), wanted, key)
        except ControlRefused as error:
            raise CommandFailed(FailureReason.REFUSED, str(error)) from None
    output.show(asdict(done), lambda console: _tell(console, done))


def scope_of(text: str) -> Scope:
    """Return the scope of this name, or fail with those there are."""
    try:
        return Scope(text.lower())
    except ValueError:
        scopes = ", ".join(Scope)
        raise CommandFailed(FailureReason.USAGE, f"The scopes are {scopes}.", exit_code=EXIT_USAGE) from None


def _tell(console: Console, done: Switched) -> None:
    what = "everything" if done.scope is Scope.EVERYTHING else f"{done.scope} {done.key}"
    console.print(f"{what} is {done.state} now.")
    console.print(
        f"It covers {done.accounts} accounts, {done.open_positions} open positions and {done.queued_chunks} queued pieces of work."
    )
    if done.state is not TradingState.ACTIVE:
        console.print("Closes, stops and targets go on; no new entry is made.")

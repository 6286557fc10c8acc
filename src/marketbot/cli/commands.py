"""``controls``: what a command would touch, a close by scope, what was commanded and when it took effect, the report about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from marketbot.cli.actor import command_actor
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.cli.switches import scope_of
from marketbot.controls.commanding import command_close, preview
from marketbot.controls.errors import ControlRefused
from marketbot.controls.report_text import report_markdown
from marketbot.settings import Settings
from marketbot.store.audit_trail import NEWEST
from marketbot.store.control_commands import Command, effect_of, list_commands, progress_of, read_command
from marketbot.store.control_report import read_control_report
from marketbot.store.pool import Connection


async def preview_scope(output: Output, settings: Settings, scope: str, key: str, *, symbol: str | None) -> None:
    """Show what a command would touch now."""
    wanted = scope_of(scope)
    async with open_store(settings) as store:
        output.mark(store.profile)
        with _refused():
            covered = await preview(store.connection, wanted, key, symbol)

    def human(console: Console) -> None:
        console.print(
            f"{covered.accounts} accounts; {covered.holding_accounts} of them hold {covered.open_positions} positions worth"
            f" {covered.notional_at_entry:f} when they were opened; {covered.queued_chunks} queued pieces of work."
        )

    output.show(asdict(covered), human)


async def close_scope(output: Output, settings: Settings, scope: str, key: str, *, symbol: str | None, reason: str) -> None:
    """Have what is held in a scope closed by the running service."""
    wanted = scope_of(scope)
    async with open_store(settings) as store:
        output.mark(store.profile)
        with _refused():
            async with store.connection.transaction():
                made = await command_close(store.connection, command_actor(), wanted, key, symbol, reason)
    assert made is not None, "an operator's close is nobody else's"

    def human(console: Console) -> None:
        console.print(f"{made.open_positions} positions of {made.accounts} accounts are being closed; command {made.command_id}.")
        console.print(f"  marketbot controls show {made.command_id}   tells how far it has come")

    output.show(asdict(made), human)


async def list_controls(output: Output, settings: Settings, limit: int) -> None:
    """Show the latest commands."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        told = [await _told(store.connection, command) for command in await list_commands(store.connection, NEWEST, limit)]
    columns = ("command_id", "asked_at", "kind", "scope", "key", "symbol", "state", "accounts", "open_positions", "took_ms")
    cells = [[{**row, **row["result"]}.get(column) for column in columns] for row in told]
    output.show({"commands": told}, output.table("Commands", columns, cells))


async def show_control(output: Output, settings: Settings, command_id: int) -> None:
    """Show one command and how far it has come."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        command = await read_command(store.connection, command_id)
        if command is None:
            raise CommandFailed(FailureReason.NOT_FOUND, f"There is no command {command_id}.")
        told = await _told(store.connection, command)

    def human(console: Console) -> None:
        for name, value in {**told, **told["result"]}.items():
            if name != "result" and value is not None:
                console.print(f"  {name:<18} {value}", markup=False)

    output.show(told, human)


async def report_controls(output: Output, settings: Settings, days: int) -> None:
    """Show the control report of the last days."""
    until = datetime.now(UTC)
    async with open_store(settings) as store:
        output.mark(store.profile)
        report = asdict(await read_control_report(store.connection, until - timedelta(days=days), until))
    text = report_markdown(report)
    output.show(report, lambda console: console.print(text, markup=False, soft_wrap=True, highlight=False))


async def _told(connection: Connection, command: Command) -> dict[str, Any]:
    came_of_it = await progress_of(connection, command) if command.kind == "close" else await effect_of(connection, command)
    return {**asdict(command), "result": asdict(came_of_it)}


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except ControlRefused as error:
        raise CommandFailed(FailureReason.REFUSED, str(error)) from None

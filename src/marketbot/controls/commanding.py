"""Halt, resume and close, whoever asks: the change, what it covered, and who asked for it, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.controls.errors import ControlRefused
from marketbot.controls.halt import KEY_MAX_CHARS, REASON_MAX_CHARS, Switched, entry_of, existing_key, halt, normalize_key, resume
from marketbot.domain.audit_entry import Action, Actor, AuditEntry
from marketbot.domain.ids import Symbol, UserId
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.audit_trail import record
from marketbot.store.control_commands import CloseMade, held_in, write_close, write_switch
from marketbot.store.pool import Connection
from marketbot.store.switches import PostgresSwitchboard


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a command would touch at this moment.

    ``accounts`` are all that the scope covers, ``holding_accounts`` those that hold something there (of one instrument, where one was
    named). ``notional_at_entry`` is the open positions' worth when they were opened, in their quote currencies taken as one.
    """

    scope: Scope
    key: str
    accounts: int
    holding_accounts: int
    open_positions: int
    queued_chunks: int
    notional_at_entry: Decimal


async def preview(connection: Connection, scope: Scope, key: str, symbol: str | None = None) -> Coverage:
    """Say what a command would touch, and change nothing.

    Raises:
        ControlRefused: the scope has no such name.
    """
    board = PostgresSwitchboard(connection)
    key = await existing_key(board, scope, key)
    accounts, _, queued_chunks = await board.covered(scope, key)
    holding, positions, notional = await held_in(connection, scope, key, normalize_symbol(symbol))
    return Coverage(scope, key, accounts, holding, positions, queued_chunks, notional)


async def command_halt(
    connection: Connection, actor: Actor, scope: Scope, key: str, state: TradingState, reason: str
) -> tuple[int, Switched]:
    """Stop entries in a scope; return the command's number and what it covered.

    Raises:
        ControlRefused: see ``halt``.
    """
    done = await halt(PostgresSwitchboard(connection), scope, key, state, reason)
    return await _written(connection, actor, done, reason), done


async def command_resume(connection: Connection, actor: Actor, scope: Scope, key: str, reason: str = "") -> tuple[int, Switched]:
    """Take one switch away; return the command's number and what it covered.

    Raises:
        ControlRefused: see ``resume``.
    """
    if len(reason) > REASON_MAX_CHARS:
        raise ControlRefused(f"The reason may have {REASON_MAX_CHARS} characters.")
    done = await resume(PostgresSwitchboard(connection), scope, key)
    return await _written(connection, actor, done, reason), done


async def command_close(
    connection: Connection,
    actor: Actor,
    scope: Scope,
    key: str,
    symbol: str | None,
    reason: str,
    *,
    user_id: UserId | None = None,
) -> CloseMade | None:
    """Have the positions of a scope closed, of one instrument where ``symbol`` names it; None when a user asks about another's.

    What is held is closed the way of a close signal: planned, written down, sent in the first lane. It stops no entry that comes later:
    whoever wants that halts first.

    Raises:
        ControlRefused: the command makes no sense as it was given.
    """
    if len(reason) > REASON_MAX_CHARS:
        raise ControlRefused(f"The reason may have {REASON_MAX_CHARS} characters.")
    key, instrument = normalize_key(scope, key), normalize_symbol(symbol)
    made = await write_close(connection, user_id, scope, key, instrument, reason)
    if made is not None:
        facts = {
            "symbol": instrument,
            "reason": reason,
            "accounts": made.accounts,
            "open_positions": made.open_positions,
            "command_id": made.command_id,
        }
        await record(connection, AuditEntry(Action.CLOSED, actor, scope.value, key, facts))
    return made


def normalize_symbol(symbol: str | None) -> Symbol | None:
    """Return an instrument's name as it is stored; None where none is given.

    Raises:
        ControlRefused: it can name nothing.
    """
    if symbol is None:
        return None
    name = symbol.strip().upper()
    if not name or len(name) > KEY_MAX_CHARS or not name.isprintable():
        raise ControlRefused("Which instrument? Give its name.")
    return Symbol(name)


async def _written(connection: Connection, actor: Actor, done: Switched, reason: str) -> int:
    covered = (done.accounts, done.open_positions, done.queued_chunks)
    command_id = await write_switch(connection, done.scope, done.key, done.state, reason, covered)
    await record(connection, entry_of(actor, done, reason, command_id))
    return command_id

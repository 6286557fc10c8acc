"""Halt and resume: the kill switch, by scope. The caller's transaction makes a command take effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, assert_never

from marketbot.controls.errors import ControlRefused
from marketbot.domain.audit_entry import Action, Actor, AuditEntry
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.domain.venue import BINANCE, BYBIT, Environment

REASON_MAX_CHARS = 200
KEY_MAX_CHARS = 100
_ID_MAX = 2**63 - 1


class Switchboard(Protocol):
    """The stored switches, within one transaction."""

    async def exists(self, scope: Scope, key: str) -> bool: ...

    async def set(self, scope: Scope, key: str, state: TradingState, reason: str) -> None: ...

    async def clear(self, scope: Scope, key: str) -> TradingState: ...

    async def covered(self, scope: Scope, key: str) -> tuple[int, int, int]:
        """Count accounts, open positions, and chunks of entries that wait or are in work."""
        ...


@dataclass(frozen=True, slots=True)
class Switched:
    """What a command did, and how much of the world it covers at this moment.

    ``queued_chunks`` counts those that hold at least one covered account's entry: what of them is not on the wire yet lapses.
    """

    scope: Scope
    key: str
    state: TradingState
    accounts: int
    open_positions: int
    queued_chunks: int


async def halt(
    switchboard: Switchboard, scope: Scope, key: str = "", state: TradingState = TradingState.HALTED, reason: str = ""
) -> Switched:
    """Stop entries in ``scope``, queued ones too. Closes and stops always pass.

    Raises:
        ControlRefused: there is nothing of that name, or the command makes no sense.
    """
    if state is TradingState.ACTIVE:
        raise ControlRefused("A halt sets halted or reducing; to set a scope active, resume it.")
    if len(reason) > REASON_MAX_CHARS:
        raise ControlRefused(f"The reason may have {REASON_MAX_CHARS} characters.")
    key = await existing_key(switchboard, scope, key)
    await switchboard.set(scope, key, state, reason)
    return Switched(scope, key, state, *await switchboard.covered(scope, key))


async def resume(switchboard: Switchboard, scope: Scope, key: str = "") -> Switched:
    """Take one switch away. Others that cover the same accounts stay: resuming a venue does not resume a halted account.

    Raises:
        ControlRefused: the scope was not halted, so whoever resumes it is mistaken about something.
    """
    key = normalize_key(scope, key)
    if await switchboard.clear(scope, key) is TradingState.ACTIVE:
        raise ControlRefused(f"{_named(scope, key)} is not halted.")
    return Switched(scope, key, TradingState.ACTIVE, *await switchboard.covered(scope, key))


def entry_of(actor: Actor, done: Switched, reason: str = "", command_id: int | None = None) -> AuditEntry:
    """Return what the audit trail says of a halt or a resume."""
    facts = {
        "state": done.state.value,
        "reason": reason,
        "accounts": done.accounts,
        "open_positions": done.open_positions,
        "queued_chunks": done.queued_chunks,
        "command_id": command_id,
    }
    action = Action.RESUMED if done.state is TradingState.ACTIVE else Action.HALTED
    return AuditEntry(action, actor, done.scope.value, done.key, facts)


async def existing_key(switchboard: Switchboard, scope: Scope, key: str) -> str:
    """Return ``key`` as it is stored.

    Raises:
        ControlRefused: it is malformed, or there is nothing of that name.
    """
    key = normalize_key(scope, key)
    if not _is_always_there(scope, key) and not await switchboard.exists(scope, key):
        raise ControlRefused(f"There is no {scope} {key}.")
    return key


def normalize_key(scope: Scope, key: str) -> str:
    """Return ``key`` as it is stored, or refuse what can name nothing in ``scope``.

    Raises:
        ControlRefused: the key is missing, superfluous or malformed.
    """
    key = key.strip()
    if scope is Scope.EVERYTHING:
        if key:
            raise ControlRefused("The scope everything takes no name.")
        return key
    if not key or len(key) > KEY_MAX_CHARS or not key.isprintable():
        raise ControlRefused(f"Which {scope}? Give its name.")
    match scope:
        case Scope.ENVIRONMENT:
            if key.lower() not in set(Environment):
                raise ControlRefused("The environments are mainnet and testnet.")
            return key.lower()
        case Scope.VENUE:
            return key.lower()
        case Scope.INSTRUMENT:
            return key.upper()
        case Scope.USER | Scope.ACCOUNT:
            if not (key.isascii() and key.isdigit()) or not 0 < int(key) <= _ID_MAX:
                raise ControlRefused(f"A {scope} is named by its number.")
            return str(int(key))
        case _:
            assert_never(scope)


def _is_always_there(scope: Scope, key: str) -> bool:
    """A native venue can be halted before anybody has an account there."""
    return scope in (Scope.EVERYTHING, Scope.ENVIRONMENT) or (scope is Scope.VENUE and key in (BINANCE, BYBIT))


def _named(scope: Scope, key: str) -> str:
    return "Everything" if scope is Scope.EVERYTHING else f"The {scope} {key}"

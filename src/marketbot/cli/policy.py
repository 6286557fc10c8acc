"""``policy show`` and ``policy set``: the operator's defaults and bounds, which rule every page that is planned from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from rich.console import Console

from marketbot.cli.actor import command_actor
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.controls.errors import ControlRefused
from marketbot.controls.policy import PolicyChange, edit_policy, policy_entry
from marketbot.domain.money import plain
from marketbot.domain.policy import Bound, Policy
from marketbot.settings import Settings
from marketbot.store.audit_trail import record
from marketbot.store.policy import PolicyInvalid, PostgresPolicyBook, encode_policy, read_policy

SYMBOLS = "restricted_symbols"
"""The one setting that is a list; written with commas, and empty for none."""


async def show_policy(output: Output, settings: Settings) -> None:
    """Show the policy in force, every setting under the name that ``set`` takes."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        policy = await read_policy(store.connection)
        changed_at = await store.connection.fetchval("SELECT changed_at FROM policy")
    document = encode_policy(policy)
    rows = [(name, _plain(document[part]) if whole else _plain(document[part][inner])) for name, whole, part, inner in _names()]
    output.show({"policy": document, "changed_at": changed_at}, output.table("Policy", ("setting", "value"), rows))


async def set_policy(output: Output, settings: Settings, wanted: Sequence[str]) -> None:
    """Change settings, all of them or none, and show what is different now."""
    changes = _read(wanted)
    async with open_store(settings) as store:
        output.mark(store.profile)
        try:
            async with store.connection.transaction():
                done = await edit_policy(PostgresPolicyBook(store.connection), changes)
                if done.changed:
                    await record(store.connection, policy_entry(command_actor(), done))
        except (ControlRefused, PolicyInvalid) as error:
            raise CommandFailed(FailureReason.REFUSED, str(error)) from None
    document = {name: {"before": _shown(before), "after": _shown(after)} for name, (before, after) in done.changed.items()}
    output.show({"changed": document, "policy": encode_policy(done.policy)}, lambda console: _tell(console, done))


def _names() -> list[tuple[str, bool, str, str]]:
    """Return what can be set: its name, whether it is a setting by itself, the setting, and of a bound the part."""
    found = []
    for field in fields(Policy):
        if isinstance(getattr(_DEFAULTS, field.name), Bound):
            found += [(f"{field.name}.{part.name}", False, field.name, part.name) for part in fields(Bound)]
        else:
            found.append((field.name, True, field.name, ""))
    return found


def _read(wanted: Sequence[str]) -> dict[str, Any]:
    """Turn ``leverage.high=8`` and ``max_order_notional=50000`` into a document of changes."""
    known = {name: (whole, setting, part) for name, whole, setting, part in _names()}
    changes: dict[str, Any] = {}
    seen: set[str] = set()
    for each in wanted:
        name, equals, value = each.partition("=")
        if not equals or name not in known or name in seen:
            why = "is given twice" if name in seen else "is no setting; marketbot policy show names them"
            raise CommandFailed(FailureReason.USAGE, f"{name} {why}. Write NAME=VALUE.", exit_code=EXIT_USAGE)
        seen.add(name)
        whole, setting, part = known[name]
        if not whole:
            changes.setdefault(setting, {})[part] = value
        elif setting == SYMBOLS:
            changes[setting] = [symbol.strip().upper() for symbol in value.split(",") if symbol.strip()]
        else:
            changes[setting] = value
    return changes


def _tell(console: Console, done: PolicyChange) -> None:
    if not done.changed:
        console.print("Nothing is different: that was in force already.")
        return
    for name, (before, after) in done.changed.items():
        console.print(f"{name}: {_plain(_shown(before))} -> {_plain(_shown(after))}", markup=False)
    console.print("It rules what is planned from now on; what is queued stays as it was sized.")


def _shown(value: Any) -> Any:
    if isinstance(value, Bound):
        return {part.name: plain(getattr(value, part.name)) for part in fields(Bound)}
    if isinstance(value, frozenset):
        return sorted(value)
    return plain(value) if isinstance(value, Decimal) else value


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "(none)"
    return str(value)


_DEFAULTS = Policy()

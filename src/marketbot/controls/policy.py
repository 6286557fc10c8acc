"""Change the operator's policy, and say what is different now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from marketbot.controls.errors import ControlRefused
from marketbot.domain.audit_entry import MAX_FACT_CHARS, Action, Actor, AuditEntry, fact
from marketbot.domain.policy import Bound, Policy


class PolicyBook(Protocol):
    """The stored policy, within one transaction."""

    async def change(self, changes: Mapping[str, Any]) -> tuple[Policy, Policy]:
        """Merge the changes in; return the policy before and after. Raises MarketBotError when the result cannot rule."""
        ...


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """The policy now in force, and of each setting that differs the value before and after."""

    policy: Policy
    changed: dict[str, tuple[Any, Any]]


async def edit_policy(book: PolicyBook, changes: Mapping[str, Any]) -> PolicyChange:
    """Change settings of the policy: ``{"leverage": {"high": "8"}, "operations_per_minute": 20}``.

    It rules every page that is planned after the caller commits; what is queued stays as it was sized.

    Raises:
        ControlRefused: there is nothing to change.
    """
    if not changes:
        raise ControlRefused("Say which setting to change.")
    before, after = await book.change(changes)
    names = [field.name for field in fields(Policy)]
    changed = {name: (getattr(before, name), getattr(after, name)) for name in names}
    return PolicyChange(after, {name: pair for name, pair in changed.items() if pair[0] != pair[1]})


def policy_entry(actor: Actor, done: PolicyChange) -> AuditEntry:
    """Return what the audit trail says of a change: each setting that differs, before and after."""
    facts = {name: fact(f"{_words(before)} -> {_words(after)}") for name, (before, after) in done.changed.items()}
    return AuditEntry(Action.POLICY_CHANGED, actor, "policy", "", facts)


def _words(value: object) -> str:
    """Write a setting so that two of them fit into one fact: a bound as low/default/high, of a long list the beginning."""
    if isinstance(value, Bound):
        return "/".join(str(fact(part)) for part in (value.low, value.default, value.high))
    return str(fact(value))[: MAX_FACT_CHARS // 2 - len(" -> ")]

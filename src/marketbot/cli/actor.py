"""Who runs a command on this machine, as the audit trail names them."""

from __future__ import annotations

import os

from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry, Fact
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection


def command_actor() -> Actor:
    """Return the system user by number: a name would be somebody's."""
    return Actor(ActorKind.CLI, os.getuid())


async def note(connection: Connection, action: Action, subject_kind: str, subject_id: object, **facts: Fact) -> None:
    """Record what a command did, as the last statement of the transaction that does it."""
    await record(connection, AuditEntry(action, command_actor(), subject_kind, str(subject_id), facts))

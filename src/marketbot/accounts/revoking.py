"""The mass revocation: keys that may have leaked are taken away, of everybody, of a user, or of an account.

Here they are wiped; only their owners can delete them at the venues, and until they do, whoever has a copy can use it. What rests at a
venue (stops, targets) rests on: nobody cancels it, and nobody here can see to it any more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from marketbot.domain.audit_entry import Action, Actor, AuditEntry
from marketbot.domain.key_reason import KeyReason, key_text
from marketbot.domain.reasons import Language
from marketbot.store import data_keys, revocation
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection
from marketbot.store.revocation import Exposure, VenueCount


class RevokeScope(StrEnum):
    ALL = "all"
    USER = "user"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken away, or in a drill would have been. ``took_ms``: until it was done, locks and all."""

    scope: RevokeScope
    key: int | None
    drill: bool
    accounts: int
    users: int
    data_keys: int
    exposure: Exposure
    venues: tuple[VenueCount, ...]
    took_ms: int


class _Drilled(Exception):
    """Ends a drill's transaction, which leaves everything as it was."""


async def revoke(connection: Connection, scope: RevokeScope, key: int | None, actor: Actor, *, drill: bool) -> Revoked | None:
    """Wipe every key in a scope and stop its accounts; None where there is no such user or account.

    ``key`` is the user's or the account's number. A drill does all of it and takes it back: it measures what the real thing takes. The
    connection is an operator's, outside a transaction. Doing it twice is doing it once.
    """
    if scope is not RevokeScope.ALL and (key is None or not await revocation.exists(connection, scope.value, key)):
        return None
    started_s = time.monotonic()
    try:
        async with connection.transaction():
            await data_keys.lock_keys(connection)
            exposure = await revocation.exposure(connection, scope.value, key)
            code = KeyReason.KEY_REVOKED
            venues = await revocation.wipe(connection, scope.value, key, code, key_text(code, {}, Language.EN))
            shredded = await revocation.drop_data_keys(connection)
            took_ms = round((time.monotonic() - started_s) * 1000)
            done = Revoked(
                scope,
                key,
                drill,
                accounts=sum(each.accounts for each in venues),
                users=await revocation.users(connection, scope.value, key),
                data_keys=shredded,
                exposure=exposure,
                venues=tuple(venues),
                took_ms=took_ms,
            )
            if drill:
                raise _Drilled
            await record(connection, _entry(done, actor))
    except _Drilled:
        pass
    return done


def _entry(done: Revoked, actor: Actor) -> AuditEntry:
    facts = {"accounts": done.accounts, "users": done.users, "data_keys": done.data_keys}
    return AuditEntry(Action.KEY_REVOKED, actor, done.scope.value, "" if done.key is None else str(done.key), facts)

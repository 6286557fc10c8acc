"""The audit trail's rows: added with what they tell of, read by page, and proven to be the ones that were written.

``hash`` of a row is SHA-256 over the hash before it (nothing before the first) and the row's content as one JSON text. The content is put
together here a second time, apart from the database's own function, so that neither can lie for the other.

From which address an entry came stands beside the chain, which holds its salted digest: it can be deleted (privacy), and not be replaced.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from marketbot.domain.audit_entry import Action, ActorKind, AuditEntry
from marketbot.store.pool import Connection

VERIFY_PAGE = 1_000
"""Rows that a proof reads at once."""
NEWEST = 2**63 - 1
"""Above every entry's number."""

_RECORD = "SELECT record_audit($1, $2, $3, $4, $5, $6, $7)"
_COLUMNS = """
e.entry_id, e.at, e.action, e.actor_kind, e.actor_id, e.address AS address_digest, a.address, e.subject_kind, e.subject_id, e.facts,
e.hash
"""
_ENTRIES = "audit_entry e LEFT JOIN audit_address a USING (entry_id)"
_CHAIN = f"SELECT {_COLUMNS}, a.salt FROM {_ENTRIES} WHERE e.entry_id > $1 ORDER BY e.entry_id LIMIT $2"
_HASH_AT = "SELECT hash FROM audit_entry WHERE entry_id = $1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FILTERS = {
    "action": "action = {}",
    "actor_kind": "actor_kind = {}",
    "actor_id": "actor_id = {}",
    "subject_kind": "subject_kind = {}",
    "subject_id": "subject_id = {}",
    "since": "e.at >= {}",
    "until": "e.at < {}",
}


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None leaves a thing open. ``until`` is not part of the period."""

    action: Action | None = None
    actor_kind: ActorKind | None = None
    actor_id: int | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry as it is shown. ``hash`` and ``address_digest``, which is part of what it covers, are written in hexadecimal.

    ``address`` is None where there was none, and where it is kept no longer; the digest is there in the latter case.
    """

    entry_id: int
    at: datetime
    action: str
    actor_kind: str
    actor_id: int | None
    address_digest: str | None
    address: str | None
    subject_kind: str
    subject_id: str
    facts: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class ChainProof:
    """What a walk along the chain found. ``broken_at`` is the first entry that is not as it was written, and ``fault`` says why."""

    entries: int
    last_id: int
    last_hash: str
    broken_at: int | None = None
    fault: str = ""

    @property
    def holds(self) -> bool:
        return self.broken_at is None


async def record(connection: Connection, entry: AuditEntry) -> int:
    """Add an entry in the caller's transaction, as its last statement; return its number.

    The chain is locked until the commit: what is locked after it could wait for somebody who waits for the chain.
    """
    actor = entry.actor
    number: int = await connection.fetchval(
        _RECORD,
        entry.action.value,
        actor.kind.value,
        actor.id,
        actor.address,
        entry.subject_kind,
        entry.subject_id,
        dict(entry.facts),
    )
    return number


async def list_entries(connection: Connection, wanted: AuditFilter, below: int, limit: int) -> list[AuditRow]:
    """Return a page of the entries numbered below ``below``, the newest first."""
    conditions: list[str] = ["e.entry_id < $1"]
    values: list[object] = [below]
    for name, condition in _FILTERS.items():
        value = getattr(wanted, name)
        if value is not None:
            values.append(value.value if isinstance(value, Action | ActorKind) else value)
            conditions.append(condition.format(f"${len(values)}"))
    where = " AND ".join(conditions)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM {_ENTRIES} WHERE {where} ORDER BY e.entry_id DESC LIMIT {limit:d}",
        *values,
    )
    return [AuditRow(**{**dict(row), "hash": row["hash"].hex()}) for row in rows]


async def verify(connection: Connection, after: int = 0, limit: int | None = None) -> ChainProof:
    """Walk the chain behind entry ``after`` in pages of ``VERIFY_PAGE``, at most ``limit`` entries; stop at the first break.

    A part proves that it follows from the entry before it as that stands. Rows cut off at the end leave a chain that holds: whoever noted
    a later entry's number and hash elsewhere finds that with ``hash_of``.
    """
    last_id, count = after, 0
    last_hash = await hash_of(connection, after) if after else b""
    if last_hash is None:
        return ChainProof(0, after, "", after, "it is missing")
    while limit is None or count < limit:
        size = VERIFY_PAGE if limit is None else min(VERIFY_PAGE, limit - count)
        rows = await connection.fetch(_CHAIN, last_id, size)
        for row in rows:
            fault = _fault(row, last_id, last_hash)
            if fault:
                return ChainProof(count, last_id, last_hash.hex(), last_id + 1, fault)
            last_id, last_hash, count = row["entry_id"], row["hash"], count + 1
        if len(rows) < size:
            break
    return ChainProof(count, last_id, last_hash.hex())


async def hash_of(connection: Connection, entry_id: int) -> bytes | None:
    """Return an entry's hash; None where there is none of this number."""
    found: bytes | None = await connection.fetchval(_HASH_AT, entry_id)
    return found


def _fault(row: Any, last_id: int, last_hash: bytes) -> str:
    if row["entry_id"] != last_id + 1:
        return "it is missing"
    if hashlib.sha256(last_hash + content_of(row)).digest() != row["hash"]:
        return "its content, or what came before it, is not what was written"
    if row["salt"] is not None and address_digest(row["salt"], row["address"]) != row["address_digest"]:
        return "its address is not what was written"
    return ""


def address_digest(salt: bytes, address: str) -> str:
    """Return what the chain holds of an address."""
    return hashlib.sha256(salt + address.encode()).hexdigest()


def content_of(row: Any) -> bytes:
    """Return what an entry's hash covers, as Postgres writes a jsonb array: keys by length and then by bytes, no escapes but JSON's own."""
    facts: Mapping[str, Any] = row["facts"]
    ordered = {name: facts[name] for name in sorted(facts, key=lambda name: (len(name.encode()), name.encode()))}
    content = [
        row["entry_id"],
        (row["at"] - _EPOCH) // timedelta(microseconds=1),
        row["action"],
        row["actor_kind"],
        row["actor_id"],
        row["address_digest"],
        row["subject_kind"],
        row["subject_id"],
        ordered,
    ]
    return json.dumps(content, ensure_ascii=False, separators=(", ", ": ")).encode()

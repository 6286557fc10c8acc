"""Which tables a database has, what they depend on, and its sequences: asked of the catalogue, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from marketbot.backup.errors import BackupError
from marketbot.store.pool import Connection

SCHEMA_TABLE = "schema_migration"
"""Written by the migrations themselves; the manifest carries what it says."""

# Generated columns are computed anew; partitions are read and written through their parent.
_TABLES = """
SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relpersistence = 'p' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname
ORDER BY c.relname
"""
_REFERENCES = """
SELECT f.relname::text AS name, t.relname::text AS needs
FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND f.relnamespace = current_schema()::regnamespace AND f.oid <> t.oid
"""
_SEQUENCES = """
SELECT sequencename::text AS name, coalesce(last_value, 0) AS last_value FROM pg_sequences
WHERE schemaname = current_schema() ORDER BY sequencename
"""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[str, ...]


async def tables(connection: Connection) -> list[Table]:
    """Return every table with rows of its own, apart from the migrations'."""
    rows = await connection.fetch(_TABLES)
    return [Table(row["name"], tuple(row["columns"])) for row in rows if row["name"] != SCHEMA_TABLE]


async def loading_order(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return tables so that each comes after those it refers to."""
    sorter = TopologicalSorter({name: set[str]() for name in names})
    for row in await connection.fetch(_REFERENCES):
        if row["name"] in names and row["needs"] in names:
            sorter.add(row["name"], row["needs"])
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise BackupError("Tables refer to each other in a circle; they cannot be loaded one after the other.") from error


async def sequences(connection: Connection) -> list[tuple[str, int]]:
    """Return the last number that each sequence gave out, 0 where it gave none."""
    return [(row["name"], row["last_value"]) for row in await connection.fetch(_SEQUENCES)]


async def migrations(connection: Connection) -> list[tuple[int, str]]:
    """Return what the schema is made of; nothing where there is no schema of ours."""
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", SCHEMA_TABLE):
        return []
    rows = await connection.fetch(f"SELECT version, checksum FROM {SCHEMA_TABLE} ORDER BY version")
    return [(row["version"], row["checksum"]) for row in rows]


def quoted(name: str) -> str:
    """Write a name of the catalogue as an identifier."""
    return '"' + name.replace('"', '""') + '"'

"""Users' data keys and the engines' box key as rows: wrapped, numbered, and replaced one after the other.

Whoever writes what is sealed holds ``lock_keys`` for that transaction, so nothing is sealed by a key that is just being taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from marketbot.domain.ids import UserId
from marketbot.ports import Wrapped
from marketbot.store.accounts import DataKey
from marketbot.store.accounts import lock_imports as lock_keys
from marketbot.store.pool import Connection, Pool

__all__ = ["BoxKey", "DataKey", "lock_keys"]


@dataclass(frozen=True, slots=True)
class BoxKey:
    """The pair that boxes are sealed to; the public half as the vault sealed it."""

    box_key_id: int
    public_sealed: bytes = field(repr=False)
    private: Wrapped


async def current_key(connection: Connection, user_id: UserId) -> DataKey | None:
    row = await connection.fetchrow(
        "SELECT key_id, user_id, kek_id, wrapped FROM data_key WHERE user_id = $1 AND retired_at IS NULL", user_id
    )
    return None if row is None else _data_key(row)


async def current_keys(connection: Connection, users: Sequence[UserId]) -> dict[UserId, DataKey]:
    rows = await connection.fetch(
        "SELECT key_id, user_id, kek_id, wrapped FROM data_key WHERE user_id = ANY ($1::bigint[]) AND retired_at IS NULL",
        list(users),
    )
    return {UserId(row["user_id"]): _data_key(row) for row in rows}


async def keys_by_id(connection: Connection, key_ids: Sequence[int]) -> dict[int, DataKey]:
    rows = await connection.fetch(
        "SELECT key_id, user_id, kek_id, wrapped FROM data_key WHERE key_id = ANY ($1::bigint[])", list(key_ids)
    )
    return {row["key_id"]: _data_key(row) for row in rows}


async def add_keys(connection: Connection, wrapped: Sequence[tuple[UserId, Wrapped]]) -> dict[UserId, DataKey]:
    """Give users their current key in place of the one they have, which is retired."""
    users = [user_id for user_id, _ in wrapped]
    await connection.execute(
        "UPDATE data_key SET retired_at = clock_timestamp() WHERE user_id = ANY ($1::bigint[]) AND retired_at IS NULL", users
    )
    rows = await connection.fetch(
        """INSERT INTO data_key (user_id, kek_id, wrapped) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])
           RETURNING key_id, user_id, kek_id, wrapped""",
        users,
        [each.kek_id for _, each in wrapped],
        [each.sealed for _, each in wrapped],
    )
    return {UserId(row["user_id"]): _data_key(row) for row in rows}


async def drop_unused(connection: Connection) -> int:
    """Delete retired keys that nothing is sealed by any more, and box keys without a box; return how many."""
    gone = await connection.fetch(
        """DELETE FROM data_key k WHERE retired_at IS NOT NULL AND NOT EXISTS (
               SELECT FROM account a WHERE a.user_id = k.user_id AND k.key_id IN
                   (data_key_of(a.api_key_sealed), data_key_of(a.api_secret_sealed), data_key_of(a.api_passphrase_sealed)))
           RETURNING key_id"""
    )
    boxes = await connection.fetch(
        """DELETE FROM box_key k WHERE retired_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM key_box b WHERE b.box_key_id = k.box_key_id) RETURNING box_key_id"""
    )
    return len(gone) + len(boxes)


async def not_wrapped_by(connection: Connection, kek_id: str, limit: int) -> list[DataKey]:
    """Return a page of data keys that another key-encryption key wraps, locked until the transaction ends."""
    rows = await connection.fetch(
        "SELECT key_id, user_id, kek_id, wrapped FROM data_key WHERE kek_id <> $1 ORDER BY key_id LIMIT $2 FOR UPDATE",
        kek_id,
        limit,
    )
    return [_data_key(row) for row in rows]


async def rewrap(connection: Connection, key_id: int, wrapped: Wrapped) -> None:
    await connection.execute(
        "UPDATE data_key SET kek_id = $2, wrapped = $3, rewrapped_at = clock_timestamp() WHERE key_id = $1",
        key_id,
        wrapped.kek_id,
        wrapped.sealed,
    )


async def current_box_key(connection: Connection) -> BoxKey | None:
    row = await connection.fetchrow(
        """SELECT box_key_id, public_sealed, kek_id, private_wrapped FROM box_key WHERE retired_at IS NULL
           ORDER BY box_key_id DESC LIMIT 1"""
    )
    return None if row is None else _box_key(row)


async def public_half(connection: Connection) -> tuple[int, bytes] | None:
    """Return the current pair's number and public half, as the vault sealed it; of what the API may read, all."""
    row = await connection.fetchrow(
        "SELECT box_key_id, public_sealed FROM box_key WHERE retired_at IS NULL ORDER BY box_key_id DESC LIMIT 1"
    )
    return None if row is None else (row["box_key_id"], row["public_sealed"])


async def box_keys(connection: Connection) -> list[BoxKey]:
    rows = await connection.fetch("SELECT box_key_id, public_sealed, kek_id, private_wrapped FROM box_key ORDER BY box_key_id")
    return [_box_key(row) for row in rows]


async def add_box_key(connection: Connection, public_sealed: bytes, private: Wrapped) -> None:
    """Let this be the pair that new boxes are sealed to."""
    await connection.execute("UPDATE box_key SET retired_at = clock_timestamp() WHERE retired_at IS NULL")
    await connection.execute(
        "INSERT INTO box_key (public_sealed, kek_id, private_wrapped) VALUES ($1, $2, $3)",
        public_sealed,
        private.kek_id,
        private.sealed,
    )


async def rewrap_box_key(connection: Connection, box_key_id: int, private: Wrapped) -> None:
    await connection.execute(
        "UPDATE box_key SET kek_id = $2, private_wrapped = $3 WHERE box_key_id = $1", box_key_id, private.kek_id, private.sealed
    )


async def any_wrapped(connection: Connection | Pool) -> bool:
    """Tell whether there is anything that a key-encryption key is needed for."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM data_key) OR EXISTS (SELECT FROM box_key)"))


async def keks_in_use(connection: Connection) -> dict[str, int]:
    """Return how many keys each key-encryption key wraps."""
    rows = await connection.fetch(
        "SELECT kek_id, count(*) AS keys FROM (SELECT kek_id FROM data_key UNION ALL SELECT kek_id FROM box_key) k GROUP BY 1"
    )
    return {row["kek_id"]: row["keys"] for row in rows}


def _data_key(row: Any) -> DataKey:
    return DataKey(row["key_id"], UserId(row["user_id"]), Wrapped(row["kek_id"], row["wrapped"]))


def _box_key(row: Any) -> BoxKey:
    return BoxKey(row["box_key_id"], row["public_sealed"], Wrapped(row["kek_id"], row["private_wrapped"]))

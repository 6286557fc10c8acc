"""Erasures as rows: asked for, taken back, due, done. They hold numbers and times alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from marketbot.domain.ids import PersonId, UserId
from marketbot.store.own_keys import Holdings
from marketbot.store.pool import Connection

DUE_PAGE = 20
"""Erasures of one round; the next takes the next."""
DONE_PAGE = 1_000
"""Erasures that are read at once for the ledger beside the backups."""

_COLUMNS = "erasure_id, person_id, user_id, asked_by, asked_at, due_at, forced, canceled_at, done_at, positions, orders, tried_at"
_OPEN = "canceled_at IS NULL AND done_at IS NULL"
_ASK = f"""
INSERT INTO erasure (person_id, user_id, asked_by, due_at, forced, positions, orders)
VALUES ($1, $2, $3, clock_timestamp() + $4::interval, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""
_OF_PERSON = f"SELECT {_COLUMNS} FROM erasure WHERE person_id = $1 AND {_OPEN}"
_OF_USER = f"SELECT {_COLUMNS} FROM erasure WHERE user_id = $1 AND {_OPEN}"
_LIST = f"SELECT {_COLUMNS} FROM erasure WHERE erasure_id < $1 ORDER BY erasure_id DESC LIMIT $2"
_READ = f"SELECT {_COLUMNS} FROM erasure WHERE erasure_id = $1"
# One that waits for what is held comes behind those that were not tried yet.
_DUE = f"""
SELECT {_COLUMNS} FROM erasure WHERE {_OPEN} AND due_at <= clock_timestamp() ORDER BY tried_at NULLS FIRST, due_at LIMIT {DUE_PAGE}
"""
_HOLD = f"SELECT {_COLUMNS} FROM erasure WHERE erasure_id = $1 AND {_OPEN} FOR UPDATE SKIP LOCKED"
_CANCEL = f"UPDATE erasure SET canceled_at = clock_timestamp() WHERE erasure_id = $1 AND {_OPEN} RETURNING 1"
_TRIED = "UPDATE erasure SET tried_at = clock_timestamp(), positions = $2, orders = $3 WHERE erasure_id = $1"
_DONE = """
UPDATE erasure SET tried_at = clock_timestamp(), done_at = clock_timestamp(), positions = $2, orders = $3 WHERE erasure_id = $1
"""
_ALL_DONE = f"""
SELECT erasure_id, person_id, user_id, done_at FROM erasure WHERE done_at IS NOT NULL AND erasure_id > $1
ORDER BY erasure_id LIMIT {DONE_PAGE}
"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One as it stands. ``positions`` and ``orders`` are what was held when it was last looked at."""

    erasure_id: int
    person_id: PersonId | None
    user_id: UserId | None
    asked_by: str
    asked_at: datetime
    due_at: datetime
    forced: bool
    canceled_at: datetime | None
    done_at: datetime | None
    positions: int
    orders: int
    tried_at: datetime | None


@dataclass(frozen=True, slots=True)
class Erased:
    """Who is gone, by number."""

    person_id: int | None
    user_id: int | None
    done_at: datetime


async def ask(
    connection: Connection,
    person_id: PersonId | None,
    user_id: UserId | None,
    asked_by: str,
    wait: timedelta,
    held: Holdings,
    *,
    forced: bool,
) -> Erasure | None:
    """Write an erasure down; None while one is open already."""
    counts = (held.protected_positions + held.unprotected_positions, held.working_orders)
    row = await connection.fetchrow(_ASK, person_id, user_id, asked_by, wait, forced, *counts)
    return None if row is None else Erasure(**dict(row))


async def find_open(connection: Connection, person_id: PersonId | None, user_id: UserId | None) -> Erasure | None:
    """Return the open erasure of a person, or of a user who is no person."""
    row = await (connection.fetchrow(_OF_USER, user_id) if person_id is None else connection.fetchrow(_OF_PERSON, person_id))
    return None if row is None else Erasure(**dict(row))


async def read_erasure(connection: Connection, erasure_id: int) -> Erasure | None:
    row = await connection.fetchrow(_READ, erasure_id)
    return None if row is None else Erasure(**dict(row))


async def list_erasures(connection: Connection, below: int, limit: int) -> list[Erasure]:
    """Return a page of all erasures, the newest first; for whoever may see people."""
    return [Erasure(**dict(row)) for row in await connection.fetch(_LIST, below, limit)]


async def due_erasures(connection: Connection) -> list[Erasure]:
    return [Erasure(**dict(row)) for row in await connection.fetch(_DUE)]


async def hold_open(connection: Connection, erasure_id: int) -> Erasure | None:
    """Hold an open erasure until the transaction ends; None when it is over, or another has it."""
    row = await connection.fetchrow(_HOLD, erasure_id)
    return None if row is None else Erasure(**dict(row))


async def cancel(connection: Connection, erasure_id: int) -> bool:
    return await connection.fetchval(_CANCEL, erasure_id) is not None


async def note_tried(connection: Connection, erasure_id: int, held: Holdings, *, done: bool) -> None:
    """Write down what was held; ``done``: nothing stood in the way, or it was forced."""
    positions = held.protected_positions + held.unprotected_positions
    await connection.execute(_DONE if done else _TRIED, erasure_id, positions, held.working_orders)


async def all_done(connection: Connection) -> list[Erased]:
    """Return everybody who was erased, in the order of asking."""
    found: list[Erased] = []
    after = 0
    while True:
        rows = await connection.fetch(_ALL_DONE, after)
        found += [Erased(row["person_id"], row["user_id"], row["done_at"]) for row in rows]
        if len(rows) < DONE_PAGE:
            return found
        after = rows[-1]["erasure_id"]

"""Links that work once: the one that makes the first admin, those that set a new password or take an erasure back. Stored by digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from marketbot.domain.ids import PersonId
from marketbot.store.pool import Connection


class LinkKind(StrEnum):
    SETUP = "setup"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a kind
    KEEP_PERSON = "keep_person"
    """It takes an erasure back."""


LIVES = {
    LinkKind.SETUP: timedelta(hours=24),
    LinkKind.RESET_PASSWORD: timedelta(hours=1),
    LinkKind.KEEP_PERSON: timedelta(days=30),
}
"""A link that keeps somebody outlives the wait: an erasure may wait longer for what is still open at a venue."""

_CREATE = """
INSERT INTO one_time_link (kind, person_id, sha256, expires_at) VALUES ($1, $2, $3, clock_timestamp() + $4::interval)
"""
_FIND = """
SELECT link_id, person_id FROM one_time_link
WHERE kind = $1 AND sha256 = $2 AND used_at IS NULL AND expires_at > clock_timestamp()
"""
_TAKE = """
UPDATE one_time_link SET used_at = clock_timestamp() WHERE link_id = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
RETURNING 1
"""
_END = "UPDATE one_time_link SET used_at = clock_timestamp() WHERE kind = $1 AND person_id IS NOT DISTINCT FROM $2 AND used_at IS NULL"


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link that works. Only the one for the set-up is nobody's."""

    link_id: int
    person_id: PersonId | None


async def create_link(connection: Connection, kind: LinkKind, person_id: PersonId | None, sha256: bytes) -> None:
    """Store a link; earlier ones of its kind and person work no more. Run it in a transaction."""
    await end_links(connection, kind, person_id)
    await connection.execute(_CREATE, kind, person_id, sha256, LIVES[kind])


async def find_link(connection: Connection, kind: LinkKind, sha256: bytes) -> FoundLink | None:
    """Return a link that would work now, without using it."""
    row = await connection.fetchrow(_FIND, kind, sha256)
    return None if row is None else FoundLink(**dict(row))


async def take_link(connection: Connection, link: FoundLink) -> bool:
    """Use a link up; False when somebody was faster, or it is over."""
    return await connection.fetchval(_TAKE, link.link_id) is not None


async def end_links(connection: Connection, kind: LinkKind, person_id: PersonId | None) -> None:
    await connection.execute(_END, kind, person_id)

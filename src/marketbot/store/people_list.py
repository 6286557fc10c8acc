"""People for whoever may see them: a page by id, narrowed by role and by how a name or an address begins, with the last login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.role import Role
from marketbot.store.pool import Connection

PAGE = """
SELECT p.person_id, p.email, p.name, p.role, p.totp_confirmed_at, p.disabled_at, p.erased_at, p.created_at,
       CASE WHEN p.locked_until > clock_timestamp() THEN p.locked_until END AS locked_until, l.created_at AS logged_in_at
FROM person p LEFT JOIN LATERAL (
    SELECT s.created_at FROM login_session s
    WHERE s.person_id = p.person_id AND (s.second_factor_at IS NOT NULL OR p.totp_confirmed_at IS NULL)
    ORDER BY s.session_id DESC LIMIT 1) l ON true
WHERE p.person_id > $1 AND ($2::text IS NULL OR p.role = $2)
  AND ($3::text IS NULL OR starts_with(lower(p.name), lower($3)) OR starts_with(lower(p.email), lower($3)))
ORDER BY p.person_id LIMIT $4
"""
OF_USER = "SELECT person_id FROM person WHERE user_id = $1"
_NAMES = "SELECT person_id, name FROM person WHERE person_id = ANY($1::bigint[])"


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """None narrows nothing. ``begins`` is how the name or the address begins, in any case."""

    role: Role | None = None
    begins: str | None = None


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """``locked_until`` only while it lasts; ``logged_in_at`` is the last login that was let in wholly, as far as sessions are kept."""

    person_id: PersonId
    email: str
    name: str
    role: Role
    totp_confirmed_at: datetime | None
    disabled_at: datetime | None
    erased_at: datetime | None
    """What is left is a number, for the books."""
    created_at: datetime
    locked_until: datetime | None
    logged_in_at: datetime | None

    @property
    def standing(self) -> str:
        if self.erased_at:
            return "erased"
        return "disabled" if self.disabled_at else "locked" if self.locked_until else "active"


async def list_people_seen(connection: Connection, wanted: PersonFilter, after: int, limit: int) -> list[ListedPerson]:
    """Return so many people above an id."""
    rows = await connection.fetch(PAGE, after, wanted.role, wanted.begins, limit)
    return [ListedPerson(**{**dict(row), "role": Role(row["role"])}) for row in rows]


async def person_names(connection: Connection, ids: list[int]) -> dict[int, str]:
    """Return the names of those who are still there; the caller bounds how many it asks for."""
    return {row["person_id"]: row["name"] for row in await connection.fetch(_NAMES, ids)}


async def person_of_user(connection: Connection, user_id: UserId) -> PersonId | None:
    """Return who logs in as a user; None for one whose rows were made before people were, or over ``/v1``."""
    found = await connection.fetchval(OF_USER, user_id)
    return None if found is None else PersonId(found)

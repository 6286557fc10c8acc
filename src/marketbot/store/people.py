"""People who log in: made, found, changed, shut out. A statement here names the person it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.store.pool import Connection
from marketbot.store.users import create_user, set_enabled

ADMIN_LOCK = 0x6D62_0008
"""One change of who the admins are at a time, so that two cannot remove each other."""
NAMESAKES_MAX = 100
"""Users' names are unique: the second Ana is called "Ana 2", up to this many."""

_COLUMNS = """
p.person_id, p.email, p.name, p.role, p.user_id, p.language, p.time_zone, p.email_confirmed_at, p.totp_confirmed_at, p.locked_until,
p.disabled_at, p.erased_at, p.created_at
"""
_READ = f"SELECT {_COLUMNS} FROM person p WHERE p.person_id = $1"
_LIST = f"SELECT {_COLUMNS} FROM person p WHERE p.person_id > $1 ORDER BY p.person_id LIMIT $2"
_NAMES = "SELECT person_id, name FROM person WHERE person_id = ANY ($1::bigint[])"
_BY_EMAIL = f"SELECT {_COLUMNS} FROM person p WHERE lower(p.email) = lower($1)"
_CREATE = """
INSERT INTO person (email, name, role, user_id, password_hash, language, time_zone, email_confirmed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING person_id
"""
_CREDENTIALS = """
SELECT p.person_id, p.email, p.role, p.password_hash, p.totp_confirmed_at IS NOT NULL AS enrolled, p.totp_sealed,
       coalesce(p.locked_until > clock_timestamp(), false) AS locked,
       p.disabled_at IS NOT NULL OR u.disabled_at IS NOT NULL AS disabled
FROM person p LEFT JOIN app_user u USING (user_id)
"""
_CREDENTIALS_BY_EMAIL = f"{_CREDENTIALS} WHERE lower(p.email) = lower($1) AND p.erased_at IS NULL"
_CREDENTIALS_BY_ID = f"{_CREDENTIALS} WHERE p.person_id = $1 AND p.erased_at IS NULL"
_NOTE_FAILURE = "UPDATE person SET failed_logins = failed_logins + 1 WHERE person_id = $1 RETURNING failed_logins"
_OTHER_ADMIN = "SELECT 1 FROM person WHERE role = 'admin' AND disabled_at IS NULL AND person_id <> $1 LIMIT 1"
_SET_DISABLED = """
UPDATE person SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, clock_timestamp()) END WHERE person_id = $1 RETURNING user_id
"""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as they are shown to themselves and to whoever may see people: nothing that opens anything."""

    person_id: PersonId
    email: str
    name: str
    role: Role
    user_id: UserId | None
    language: Locale
    time_zone: str
    email_confirmed_at: datetime | None
    totp_confirmed_at: datetime | None
    locked_until: datetime | None
    disabled_at: datetime | None
    erased_at: datetime | None
    """What is left is a number, for the books."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is checked against. ``locked`` and ``disabled`` are as of the reading."""

    person_id: PersonId
    email: str
    role: Role
    password_hash: str = field(repr=False)
    enrolled: bool
    totp_sealed: bytes | None = field(repr=False)
    locked: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody whose address is confirmed: they came by a link that was sent there, or that an operator handed over."""

    email: str
    name: str
    role: Role
    password_hash: str = field(repr=False)
    language: Locale = Locale.PT_BR
    time_zone: str = "UTC"


async def create_person(connection: Connection, new: NewPerson) -> PersonId | None:
    """Make a person and, for the role ``user``, the user whose rows are theirs; None when the address is taken. Run it in a transaction."""
    if await read_person_by_email(connection, new.email) is not None:
        return None
    user_id = await _create_namesake(connection, new.name) if new.role is Role.USER else None
    found = await connection.fetchval(
        _CREATE, new.email, new.name, new.role, user_id, new.password_hash, new.language, new.time_zone
    )
    if found is None and user_id is not None:
        # Somebody with the same address was a moment faster.
        await connection.execute("DELETE FROM app_user WHERE user_id = $1", user_id)
    return None if found is None else PersonId(found)


async def _create_namesake(connection: Connection, name: str) -> UserId:
    for number in range(1, NAMESAKES_MAX + 1):
        user_id = await create_user(connection, name if number == 1 else f"{name} {number}")
        if user_id is not None:
            return user_id
    raise ValueError("there are too many users of this name")


async def read_person(connection: Connection, person_id: PersonId) -> PersonRow | None:
    row = await connection.fetchrow(_READ, person_id)
    return None if row is None else _row(row)


async def read_person_by_email(connection: Connection, email: str) -> PersonRow | None:
    row = await connection.fetchrow(_BY_EMAIL, email)
    return None if row is None else _row(row)


async def list_people(connection: Connection, after: int, limit: int) -> list[PersonRow]:
    """Return a page of everybody by ascending id; for whoever may see people."""
    return [_row(row) for row in await connection.fetch(_LIST, after, limit)]


async def names_of(connection: Connection, person_ids: Sequence[int]) -> dict[int, str]:
    """Return what people are called, by number; who is not there any more is left out."""
    return {row["person_id"]: row["name"] for row in await connection.fetch(_NAMES, person_ids)}


async def is_anybody_there(connection: Connection) -> bool:
    """Tell whether anybody has ever been made."""
    return bool(await connection.fetchval("SELECT 1 FROM person ORDER BY person_id LIMIT 1"))


async def find_credentials(connection: Connection, email: str) -> Credentials | None:
    row = await connection.fetchrow(_CREDENTIALS_BY_EMAIL, email)
    return None if row is None else _credentials(row)


async def read_credentials(connection: Connection, person_id: PersonId) -> Credentials | None:
    row = await connection.fetchrow(_CREDENTIALS_BY_ID, person_id)
    return None if row is None else _credentials(row)


async def note_failure(connection: Connection, person_id: PersonId) -> int:
    """Count a wrong attempt; return how many there were in a row."""
    failures = await connection.fetchval(_NOTE_FAILURE, person_id)
    return int(failures or 0)


async def lock(connection: Connection, person_id: PersonId, period: timedelta) -> None:
    await connection.execute("UPDATE person SET locked_until = clock_timestamp() + $2 WHERE person_id = $1", person_id, period)


async def unlock(connection: Connection, person_id: PersonId) -> None:
    """Forget wrong attempts: the right ones came, or an operator says so."""
    await connection.execute("UPDATE person SET failed_logins = 0, locked_until = NULL WHERE person_id = $1", person_id)


async def set_password(connection: Connection, person_id: PersonId, password_hash: str) -> None:
    await connection.execute(
        "UPDATE person SET password_hash = $2, password_changed_at = clock_timestamp() WHERE person_id = $1",
        person_id,
        password_hash,
    )


async def renew_hash(connection: Connection, person_id: PersonId, old_hash: str, password_hash: str) -> None:
    """Store the same password hashed as strongly as is usual now, unless it was changed meanwhile."""
    await connection.execute(
        "UPDATE person SET password_hash = $3 WHERE person_id = $1 AND password_hash = $2", person_id, old_hash, password_hash
    )


async def set_profile(connection: Connection, person_id: PersonId, name: str, language: Locale, time_zone: str) -> None:
    await connection.execute(
        "UPDATE person SET name = $2, language = $3, time_zone = $4 WHERE person_id = $1", person_id, name, language, time_zone
    )


async def is_last_admin(connection: Connection, person_id: PersonId) -> bool:
    """Tell whether nobody else is an admin who can log in. Holds off other changes of admins until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", ADMIN_LOCK)
    return await connection.fetchval(_OTHER_ADMIN, person_id) is None


async def set_role(connection: Connection, person_id: PersonId, role: Role) -> None:
    await connection.execute("UPDATE person SET role = $2 WHERE person_id = $1", person_id, role)


async def set_disabled(connection: Connection, person_id: PersonId, *, disabled: bool) -> None:
    """Shut a person out, with the user whose rows are theirs, or let both in again. Run it in a transaction."""
    user_id = await connection.fetchval(_SET_DISABLED, person_id, disabled)
    if user_id is not None:
        await set_enabled(connection, UserId(user_id), enabled=not disabled)


def _row(row: object) -> PersonRow:
    values = dict(row)  # type: ignore[call-overload]
    return PersonRow(**{**values, "role": Role(values["role"]), "language": Locale(values["language"])})


def _credentials(row: object) -> Credentials:
    values = dict(row)  # type: ignore[call-overload]
    return Credentials(**{**values, "role": Role(values["role"])})

"""Invitations: who may become what. Accepting one makes a person, once; its link is stored by digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.store.pool import Connection

INVITATION_LIFE = timedelta(days=7)

_COLUMNS = "invitation_id, email, role, language, invited_by, created_at, expires_at, revoked_at, accepted_at, person_id"
_OPEN = "accepted_at IS NULL AND revoked_at IS NULL"
_WORKS = f"{_OPEN} AND expires_at > clock_timestamp()"
_END_OPEN = f"UPDATE invitation SET revoked_at = clock_timestamp() WHERE lower(email) = lower($1) AND {_OPEN}"
_CREATE = f"""
INSERT INTO invitation (email, role, language, invited_by, expires_at) VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval)
RETURNING {_COLUMNS}
"""
_GIVE_LINK = f"UPDATE invitation SET sha256 = $2 WHERE invitation_id = $1 AND {_WORKS} RETURNING 1"
_FIND = f"SELECT {_COLUMNS} FROM invitation WHERE sha256 = $1 AND {_WORKS}"
_FIND_OPEN = f"SELECT {_COLUMNS} FROM invitation WHERE lower(email) = lower($1) AND {_WORKS}"
_READ = f"SELECT {_COLUMNS} FROM invitation WHERE invitation_id = $1"
_LIST = f"SELECT {_COLUMNS} FROM invitation WHERE invitation_id > $1 ORDER BY invitation_id LIMIT $2"
LATEST = f"SELECT {_COLUMNS} FROM invitation WHERE invitation_id < $1 ORDER BY invitation_id DESC LIMIT $2"
_TAKE = f"UPDATE invitation SET accepted_at = clock_timestamp() WHERE invitation_id = $1 AND {_WORKS} RETURNING 1"
_REVOKE = f"UPDATE invitation SET revoked_at = clock_timestamp() WHERE invitation_id = $1 AND {_OPEN} RETURNING {_COLUMNS}"


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation as it is shown: everything but its link. ``person_id`` is who came of it."""

    invitation_id: int
    email: str
    role: Role
    language: Locale
    invited_by: PersonId | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    accepted_at: datetime | None
    person_id: PersonId | None


async def create_invitation(
    connection: Connection, email: str, role: Role, language: Locale, invited_by: PersonId | None
) -> InvitationRow:
    """Invite an address in place of any open invitation that it has. Run it in a transaction."""
    await connection.execute(_END_OPEN, email)
    row = await connection.fetchrow(_CREATE, email, role, language, invited_by, INVITATION_LIFE)
    assert row is not None
    return _row(row)


async def give_link(connection: Connection, invitation_id: int, sha256: bytes) -> bool:
    """Let this be the invitation's link, and no earlier one; False when it is over, or was taken back."""
    return await connection.fetchval(_GIVE_LINK, invitation_id, sha256) is not None


async def find_invitation(connection: Connection, sha256: bytes) -> InvitationRow | None:
    """Return the invitation that a link opens, without using it."""
    row = await connection.fetchrow(_FIND, sha256)
    return None if row is None else _row(row)


async def find_open_invitation(connection: Connection, email: str) -> InvitationRow | None:
    row = await connection.fetchrow(_FIND_OPEN, email)
    return None if row is None else _row(row)


async def read_invitation(connection: Connection, invitation_id: int) -> InvitationRow | None:
    row = await connection.fetchrow(_READ, invitation_id)
    return None if row is None else _row(row)


async def list_invitations(connection: Connection, after: int, limit: int) -> list[InvitationRow]:
    """Return a page of invitations by ascending id, ended ones too."""
    return [_row(row) for row in await connection.fetch(_LIST, after, limit)]


async def latest_invitations(connection: Connection, below: int, limit: int) -> list[InvitationRow]:
    """Return a page of invitations below an id, the newest first."""
    return [_row(row) for row in await connection.fetch(LATEST, below, limit)]


async def take_invitation(connection: Connection, invitation_id: int) -> bool:
    """Use an invitation up; False when somebody was faster, or it is over."""
    return await connection.fetchval(_TAKE, invitation_id) is not None


async def note_accepted_by(connection: Connection, invitation_id: int, person_id: PersonId) -> None:
    await connection.execute("UPDATE invitation SET person_id = $2 WHERE invitation_id = $1", invitation_id, person_id)


async def revoke_invitation(connection: Connection, invitation_id: int) -> InvitationRow | None:
    """Take an open invitation back; None when there is no such one."""
    row = await connection.fetchrow(_REVOKE, invitation_id)
    return None if row is None else _row(row)


def _row(row: object) -> InvitationRow:
    values = dict(row)  # type: ignore[call-overload]
    return InvitationRow(**{**values, "role": Role(values["role"]), "language": Locale(values["language"])})

"""Login sessions: stored by digest, found by digest, listed and revoked by their person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.person import KNOWN_ADDRESS_FOR, STAFF_IDLE, USER_IDLE
from marketbot.domain.role import Role
from marketbot.store.pool import Connection

LIVE_SESSIONS_MAX = 20
"""Of one person; one more ends the oldest."""
SEEN_GRAIN = timedelta(minutes=1)
"""How coarse ``last_seen_at`` is: writing it at every request would be a write a request."""
MAX_USER_AGENT_CHARS = 200

_LIVE = """
s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
AND s.last_seen_at > clock_timestamp() - CASE WHEN p.role = 'user' THEN $2::interval ELSE $3::interval END
"""
_FIND = f"""
SELECT s.session_id, s.person_id, p.role, p.user_id, p.totp_confirmed_at IS NOT NULL AS enrolled, s.second_factor_at IS NOT NULL AS shown,
       s.expires_at, p.disabled_at IS NOT NULL OR u.disabled_at IS NOT NULL AS disabled,
       s.last_seen_at < clock_timestamp() - $4::interval AS seen_is_old
FROM login_session s JOIN person p USING (person_id) LEFT JOIN app_user u USING (user_id)
WHERE s.sha256 = $1 AND {_LIVE}
"""
_TOUCH = """
UPDATE login_session SET last_seen_at = clock_timestamp() WHERE session_id = $1 AND last_seen_at < clock_timestamp() - $2::interval
"""
_CREATE = """
INSERT INTO login_session (person_id, sha256, expires_at, address, user_agent, second_factor_at)
VALUES ($1, $2, clock_timestamp() + $3, $4, $5, CASE WHEN $6 THEN clock_timestamp() END) RETURNING session_id
"""
_END_OLDEST = """
UPDATE login_session SET revoked_at = clock_timestamp() WHERE session_id IN (
    SELECT session_id FROM login_session WHERE person_id = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp()
    ORDER BY session_id DESC OFFSET $2)
RETURNING session_id
"""
_LIST = f"""
SELECT s.session_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.user_agent, s.second_factor_at
FROM login_session s JOIN person p USING (person_id)
WHERE s.person_id = $1 AND {_LIVE} ORDER BY s.session_id DESC LIMIT {LIVE_SESSIONS_MAX}
"""
_REVOKE_OWN = """
UPDATE login_session SET revoked_at = clock_timestamp() WHERE person_id = $1 AND session_id = $2 AND revoked_at IS NULL
RETURNING session_id
"""
_REVOKE_ALL = """
UPDATE login_session SET revoked_at = clock_timestamp() WHERE person_id = $1 AND session_id IS DISTINCT FROM $2 AND revoked_at IS NULL
RETURNING session_id
"""
# With a second factor, only a session in which it was shown makes an address known: a password alone may be stolen.
_KNOWS_ADDRESS = """
SELECT 1 FROM login_session s JOIN person p USING (person_id)
WHERE s.person_id = $1 AND s.address = $2 AND s.created_at > clock_timestamp() - $3::interval
  AND (p.totp_confirmed_at IS NULL OR s.second_factor_at IS NOT NULL) LIMIT 1
"""
_HOLDING = f"""
SELECT s.session_id FROM login_session s JOIN person p USING (person_id) LEFT JOIN app_user u USING (user_id)
WHERE s.session_id = ANY($1::bigint[]) AND {_LIVE} AND p.disabled_at IS NULL AND u.disabled_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that is neither revoked nor over. ``disabled``: its person, or their user, is shut out."""

    session_id: int
    person_id: PersonId
    role: Role
    user_id: UserId | None
    enrolled: bool
    shown: bool
    expires_at: datetime
    disabled: bool


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its person sees it."""

    session_id: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    second_factor_at: datetime | None


async def find_session(connection: Connection, sha256: bytes) -> FoundSession | None:
    """Return the live session of this digest, and note, coarsely, that it was used."""
    row = await connection.fetchrow(_FIND, sha256, USER_IDLE, STAFF_IDLE, SEEN_GRAIN)
    if row is None:
        return None
    values = dict(row)
    if values.pop("seen_is_old"):
        await connection.execute(_TOUCH, row["session_id"], SEEN_GRAIN)
    return FoundSession(**{**values, "role": Role(values["role"])})


async def create_session(
    connection: Connection, person_id: PersonId, sha256: bytes, life: timedelta, address: str, user_agent: str, *, shown: bool
) -> int:
    """Store a session and end the oldest beyond the bound; return its id. ``shown``: a second factor was. Run it in a transaction."""
    session_id = await connection.fetchval(
        _CREATE, person_id, sha256, life, address[:64], printable(user_agent)[:MAX_USER_AGENT_CHARS], shown
    )
    await connection.fetch(_END_OLDEST, person_id, LIVE_SESSIONS_MAX)
    return int(session_id)


async def list_sessions(connection: Connection, person_id: PersonId) -> list[SessionRow]:
    """Return a person's live sessions, the latest first."""
    return [SessionRow(**dict(row)) for row in await connection.fetch(_LIST, person_id, USER_IDLE, STAFF_IDLE)]


async def revoke_session(connection: Connection, person_id: PersonId, session_id: int) -> bool:
    """End a person's session; False when it is not theirs, or over."""
    return await connection.fetchval(_REVOKE_OWN, person_id, session_id) is not None


async def revoke_sessions(connection: Connection, person_id: PersonId, except_id: int | None = None) -> list[int]:
    """End all sessions of a person but one; return which."""
    return [row["session_id"] for row in await connection.fetch(_REVOKE_ALL, person_id, except_id)]


async def is_known_address(connection: Connection, person_id: PersonId, address: str) -> bool:
    """Tell whether the person logged in from there lately."""
    return await connection.fetchval(_KNOWS_ADDRESS, person_id, address[:64], KNOWN_ADDRESS_FOR) is not None


async def sessions_holding(connection: Connection, session_ids: Sequence[int]) -> set[int]:
    """Return which of these sessions are neither revoked nor over, nor their person's who was shut out."""
    return {row["session_id"] for row in await connection.fetch(_HOLDING, session_ids, USER_IDLE, STAFF_IDLE)}


def printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)

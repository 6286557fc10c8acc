"""API tokens: stored by digest, found by digest, listed and revoked by their owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from marketbot.accounts.api_token import NewToken
from marketbot.domain.audit_entry import Action, Actor, AuditEntry
from marketbot.domain.ids import UserId
from marketbot.domain.scope import Scope
from marketbot.store.pool import Connection

LIVE_TOKENS_MAX = 50
"""Of one user, or of all operators: tokens that are neither revoked nor expired."""
USED_GRAIN_S = 300
"""How coarse ``last_used_at`` is: writing it at every request would be a write a request."""
OWNER_LOCK = 0x6D62_0007
"""One token of an owner at a time is made, so that the bound above holds."""

_FIND = """
SELECT t.token_id, t.user_id, t.scopes, t.expires_at, u.disabled_at IS NOT NULL AS disabled,
       t.last_used_at IS NULL OR t.last_used_at < clock_timestamp() - make_interval(secs => $2) AS use_is_old
FROM api_token t LEFT JOIN app_user u USING (user_id)
WHERE t.sha256 = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
"""
_TOUCH = """
UPDATE api_token SET last_used_at = clock_timestamp()
WHERE token_id = $1 AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - make_interval(secs => $2))
"""
_LIVE = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"
_COUNT_LIVE_OWN = f"SELECT count(*) FROM api_token WHERE user_id = $1 AND {_LIVE}"
_COUNT_LIVE_OPERATORS = f"SELECT count(*) FROM api_token WHERE user_id IS NULL AND {_LIVE}"
_COLUMNS = "token_id, user_id, name, scopes, prefix, created_at, expires_at, revoked_at, last_used_at"
_CREATE = f"""
INSERT INTO api_token (user_id, name, scopes, sha256, prefix, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}
"""
_LIST_OWN = f"SELECT {_COLUMNS} FROM api_token WHERE user_id = $1 AND token_id > $2 ORDER BY token_id LIMIT $3"
_LIST_ALL = f"SELECT {_COLUMNS} FROM api_token WHERE token_id > $1 ORDER BY token_id LIMIT $2"
LATEST = f"""
SELECT {_COLUMNS} FROM api_token WHERE token_id < $1 AND ($2::boolean IS NULL OR (user_id IS NULL) = $2)
ORDER BY token_id DESC LIMIT $3
"""
_REVOKE_OWN = f"""
UPDATE api_token SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE token_id = $1 AND user_id = $2 RETURNING {_COLUMNS}
"""
_REVOKE_ANY = f"""
UPDATE api_token SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE token_id = $1 RETURNING {_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is shown: everything but the token. An operator's has no ``user_id``."""

    token_id: int
    user_id: UserId | None
    name: str
    scopes: tuple[Scope, ...]
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token that is neither revoked nor expired. ``disabled``: its user is shut out."""

    token_id: int
    user_id: UserId | None
    scopes: frozenset[Scope]
    expires_at: datetime | None
    disabled: bool


async def find_token(connection: Connection, sha256: bytes) -> FoundToken | None:
    """Return the live token of this digest, and note, coarsely, that it was used."""
    row = await connection.fetchrow(_FIND, sha256, float(USED_GRAIN_S))
    if row is None:
        return None
    if row["use_is_old"]:
        await connection.execute(_TOUCH, row["token_id"], float(USED_GRAIN_S))
    scopes = frozenset(Scope(text) for text in row["scopes"])
    return FoundToken(row["token_id"], row["user_id"], scopes, row["expires_at"], row["disabled"])


async def create_token(
    connection: Connection,
    user_id: UserId | None,
    name: str,
    scopes: Iterable[Scope],
    token: NewToken,
    expires_at: datetime | None,
) -> TokenRow | None:
    """Store a token of a user, or of the operators (None); None when the owner has too many. Run it in a transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1, $2)", OWNER_LOCK, (user_id or 0) % 2**31)
    if user_id is None:
        live = await connection.fetchval(_COUNT_LIVE_OPERATORS)
    else:
        live = await connection.fetchval(_COUNT_LIVE_OWN, user_id)
    if live >= LIVE_TOKENS_MAX:
        return None
    row = await connection.fetchrow(_CREATE, user_id, name, sorted(scopes), token.sha256, token.prefix, expires_at)
    assert row is not None
    return _row(row)


async def list_own_tokens(connection: Connection, user_id: UserId, after: int, limit: int) -> list[TokenRow]:
    """Return a page of a user's tokens by ascending id, revoked ones too."""
    return [_row(row) for row in await connection.fetch(_LIST_OWN, user_id, after, limit)]


async def list_all_tokens(connection: Connection, after: int, limit: int) -> list[TokenRow]:
    """Return a page of everybody's tokens by ascending id; the operator's view."""
    return [_row(row) for row in await connection.fetch(_LIST_ALL, after, limit)]


async def latest_tokens(connection: Connection, below: int, limit: int, *, of_operators: bool | None) -> list[TokenRow]:
    """Return a page of tokens below an id, the newest first: the operators', the users' (False), or everybody's (None)."""
    return [_row(row) for row in await connection.fetch(LATEST, below, of_operators, limit)]


async def revoke_own_token(connection: Connection, user_id: UserId, token_id: int) -> TokenRow | None:
    """End a user's token; None when it is not theirs. A second time changes nothing."""
    row = await connection.fetchrow(_REVOKE_OWN, token_id, user_id)
    return None if row is None else _row(row)


async def revoke_any_token(connection: Connection, token_id: int) -> TokenRow | None:
    """End anybody's token; the operator's command."""
    row = await connection.fetchrow(_REVOKE_ANY, token_id)
    return None if row is None else _row(row)


def token_made(actor: Actor, row: TokenRow) -> AuditEntry:
    """Return what the audit trail says of a new token: what it opens and how long, nothing of the token."""
    facts = {"user_id": row.user_id, "scopes": " ".join(row.scopes), "expires": row.expires_at is not None}
    return AuditEntry(Action.TOKEN_MADE, actor, "token", str(row.token_id), facts)


def _row(row: object) -> TokenRow:
    values = dict(row)  # type: ignore[call-overload]
    return TokenRow(**{**values, "scopes": tuple(Scope(text) for text in values["scopes"])})

"""Where users and the operator want to be told, and what they are to be told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from marketbot.domain.ids import UserId
from marketbot.domain.notice import Notice
from marketbot.store.pool import Connection, Pool

UNPROTECTED_PAGE = 200
"""Unprotected positions that one look tells of; the next look tells of the next."""

_SQL = Path(__file__).with_name("sql")
ASK_UNPROTECTED = (_SQL / "ask_unprotected_notices.sql").read_text()
_OWN = "user_id IS NOT DISTINCT FROM $1::bigint"


@dataclass(frozen=True, slots=True)
class HookRow:
    """An address as its owner sees it; the rest of it is sealed."""

    hook_id: int
    user_id: UserId | None
    host: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SealedHook:
    user_id: UserId | None
    url_sealed: bytes = field(repr=False)
    secret_sealed: bytes = field(repr=False)


def hook_aad(user_id: UserId | None, kind: str) -> bytes:
    """Return what a hook's ``kind`` ("url" or "secret") is sealed for."""
    return f"notice:{'operator' if user_id is None else int(user_id)}:{kind}".encode()


async def replace_hook(
    connection: Connection, user_id: UserId | None, host: str, url_sealed: bytes, secret_sealed: bytes
) -> HookRow:
    """Let this be the one address of a user, or of the operator; what waits for an earlier one is dropped when its turn comes.

    In the caller's transaction.
    """
    await connection.execute(f"DELETE FROM notice_hook WHERE {_OWN}", user_id)
    row = await connection.fetchrow(
        "INSERT INTO notice_hook (user_id, host, url_sealed, secret_sealed) VALUES ($1, $2, $3, $4) "
        "RETURNING hook_id, user_id, host, created_at",
        user_id,
        host,
        url_sealed,
        secret_sealed,
    )
    assert row is not None
    return HookRow(**dict(row))


async def read_hook(connection: Connection, user_id: UserId | None) -> HookRow | None:
    row = await connection.fetchrow(f"SELECT hook_id, user_id, host, created_at FROM notice_hook WHERE {_OWN}", user_id)
    return None if row is None else HookRow(**dict(row))


async def remove_hook(connection: Connection, user_id: UserId | None) -> bool:
    return bool(await connection.execute(f"DELETE FROM notice_hook WHERE {_OWN}", user_id) == "DELETE 1")


async def sealed_hook(pool: Pool, hook_id: int) -> SealedHook | None:
    row = await pool.fetchrow("SELECT user_id, url_sealed, secret_sealed FROM notice_hook WHERE hook_id = $1", hook_id)
    return None if row is None else SealedHook(**dict(row))


async def ask(connection: Connection, user_id: UserId | None, notice: Notice, subject: str, facts: Mapping[str, Any]) -> None:
    """Have a user (None: nobody but the operator) and the operator told, in the caller's transaction. Once a ``subject``."""
    await connection.execute("SELECT ask_notices($1, $2, $3, $4)", user_id, notice.value, subject, dict(facts))


async def ask_unprotected(pool: Pool, older_than: timedelta) -> None:
    """Have everybody told whose position has stood without a verified stop for longer than this."""
    await pool.execute(ASK_UNPROTECTED, older_than, UNPROTECTED_PAGE)

"""Reads personal data for its owner, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketbot.domain.ids import AccountId, PersonId, UserId
from marketbot.store.personal_part import Part
from marketbot.store.pool import Connection

EXPORT_PAGE = 500
"""Rows of one table that an export reads, and holds, at once."""

AUDIT_ENTRIES = (Path(__file__).with_name("sql") / "persons_audit_entries.sql").read_text()


async def read_page(
    connection: Connection, part: Part, owner: tuple[int, ...], after: tuple[Any, ...]
) -> list[Mapping[str, Any]]:
    """Return a page of one owner's rows behind a key. ``owner``: a person's or user's number; an account's, then its user's."""
    rows = await connection.fetch(part.sql, *owner, *after, EXPORT_PAGE)
    return [dict(row) for row in rows]


async def own_accounts(connection: Connection, user_id: UserId) -> list[AccountId]:
    """Return all accounts of a user; there are few (``MARKETBOT_ACCOUNTS_PER_USER``)."""
    rows = await connection.fetch("SELECT account_id FROM account WHERE user_id = $1 ORDER BY account_id", user_id)
    return [AccountId(row["account_id"]) for row in rows]


async def read_audit_page(
    connection: Connection, person_id: PersonId | None, user_id: UserId | None, after: int
) -> list[Mapping[str, Any]]:
    """Return a page of the entries by or about somebody: what they did, and what was done to them, their user and their accounts."""
    rows = await connection.fetch(AUDIT_ENTRIES, person_id, user_id, after, EXPORT_PAGE)
    return [dict(row) for row in rows]

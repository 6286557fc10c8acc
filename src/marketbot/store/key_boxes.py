"""Keys on their way from users to the engines: one box an account, gone once it was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marketbot.domain.ids import AccountId, UserId
from marketbot.store.pool import Connection, Pool


@dataclass(frozen=True, slots=True)
class KeyBox:
    account_id: AccountId
    user_id: UserId
    box_key_id: int
    sealed: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)


async def any_waits(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM key_box)"))


async def oldest(connection: Connection, limit: int, but: Sequence[AccountId]) -> list[KeyBox]:
    rows = await connection.fetch(
        """SELECT account_id, user_id, box_key_id, sealed, fingerprint FROM key_box WHERE account_id <> ALL ($2::bigint[])
           ORDER BY requested_at LIMIT $1""",
        limit,
        list(but),
    )
    return [KeyBox(AccountId(row["account_id"]), UserId(row["user_id"]), *list(row)[2:]) for row in rows]


async def put(connection: Connection, box: KeyBox) -> None:
    """Let this be what is on its way to the account, in place of an earlier one."""
    await connection.execute("DELETE FROM key_box WHERE account_id = $1 AND user_id = $2", box.account_id, box.user_id)
    await connection.execute(
        "INSERT INTO key_box (account_id, user_id, box_key_id, sealed, fingerprint) VALUES ($1, $2, $3, $4, $5)",
        box.account_id,
        box.user_id,
        box.box_key_id,
        box.sealed,
        box.fingerprint,
    )


async def remove(connection: Connection, box: KeyBox) -> None:
    await connection.execute("DELETE FROM key_box WHERE account_id = $1 AND user_id = $2", box.account_id, box.user_id)


async def keep_key(connection: Connection, box: KeyBox, api_key: bytes, secret: bytes, passphrase: bytes | None) -> None:
    """Store what a box held, sealed for its account, and have it proven. What was asked of the key before says nothing of this one."""
    await connection.execute(
        """UPDATE account SET api_key_sealed = $3, api_secret_sealed = $4, api_passphrase_sealed = $5, api_key_fingerprint = $6,
               status = 'connecting', status_reason = NULL, status_code = NULL, status_facts = NULL, disconnected_at = NULL,
               changed_at = clock_timestamp()
           WHERE account_id = $1 AND user_id = $2""",
        box.account_id,
        box.user_id,
        api_key,
        secret,
        passphrase,
        box.fingerprint,
    )
    await connection.execute("DELETE FROM key_check WHERE account_id = $1 AND user_id = $2", box.account_id, box.user_id)


async def refuse(connection: Connection, box: KeyBox, code: str, reason: str) -> None:
    """Say to the owner of an account that has no key why the one in the box was none; one that has another key keeps it."""
    await connection.execute(
        """UPDATE account SET status = 'quarantined', status_code = $3, status_reason = $4, status_facts = '{}',
               changed_at = clock_timestamp()
           WHERE account_id = $1 AND user_id = $2 AND api_secret_sealed = ''""",
        box.account_id,
        box.user_id,
        code,
        reason,
    )

"""Sealing anew, a page a transaction: what the vault sealed in earlier versions, what a retired data key sealed, what an older
key-encryption key wrapped. Broken off anywhere it is simply begun again, and engines trade on meanwhile: what they signed with yesterday
is what they sign with tomorrow."""

from __future__ import annotations

from datetime import timedelta

import structlog

from marketbot.accounts.handover import PAIR_AAD
from marketbot.accounts.safe import Safe
from marketbot.domain.ids import AccountId, UserId
from marketbot.store import data_keys
from marketbot.store.accounts import sealed_keys
from marketbot.store.pool import Connection
from marketbot.vault.sealing import data_key_aad
from marketbot.vault.vault import VaultError

PAGE = 500
RENEW_MIN_AGE = timedelta(hours=1)
"""A data key younger than this is taken for one that a rotation which was broken off had made already."""

_OUTDATED = """
SELECT a.account_id FROM account a LEFT JOIN data_key k ON k.key_id = data_key_of(a.api_secret_sealed) AND k.user_id = a.user_id
WHERE a.api_secret_sealed <> '' AND a.account_id > $1
  AND (get_byte(a.api_secret_sealed, 0) = 1 OR k.retired_at IS NOT NULL)
ORDER BY a.account_id LIMIT $2
"""
_USERS_TO_RENEW = """
SELECT user_id FROM data_key WHERE retired_at IS NULL AND created_at < clock_timestamp() - $1::interval ORDER BY user_id LIMIT $2
"""

log = structlog.get_logger(__name__)


async def reseal_page(connection: Connection, safe: Safe, after: AccountId, limit: int = PAGE) -> tuple[int, AccountId | None]:
    """Seal a page of accounts' keys by their users' current data keys; return how many were, and after whom to go on (None: at the end).

    A key that does not open stays as it is.
    """
    async with connection.transaction():
        await data_keys.lock_keys(connection)
        found = [AccountId(row["account_id"]) for row in await connection.fetch(_OUTDATED, after, limit)]
        if not found:
            return 0, None
        rows = await sealed_keys(connection, found)
        current = await safe.keys_of(connection, sorted({row.user_id for row, _ in rows}))
        done = 0
        for row, keys in rows:
            try:
                clear = safe.open(await safe.open_keys(keys), row)
            except VaultError as error:
                log.error("key_not_resealed", account_id=row.account_id, error=str(error))
                continue
            sealed = safe.seal(current[row.user_id], row.user_id, row.account_id, row.fingerprint, clear)
            # ``changed_at`` stays: the credential is the same, and nobody need read it again.
            await connection.execute(
                "UPDATE account SET api_key_sealed = $3, api_secret_sealed = $4, api_passphrase_sealed = $5"
                " WHERE account_id = $1 AND user_id = $2",
                row.account_id,
                row.user_id,
                sealed.api_key,
                sealed.secret,
                sealed.passphrase,
            )
            done += 1
    return done, found[-1] if len(found) == limit else None


async def reseal_all(connection: Connection, safe: Safe) -> int:
    """Seal anew whatever is to be; return how many accounts were."""
    done, after = 0, AccountId(0)
    while True:
        page, last = await reseal_page(connection, safe, after)
        done += page
        if last is None:
            return done
        after = last


async def rewrap_page(connection: Connection, safe: Safe, limit: int = PAGE) -> int:
    """Wrap a page of data keys, and the box keys, by the current key-encryption key; return how many were. 0: none is left.

    Raises:
        VaultError: the key that one was wrapped by is not here; the pages before it are done.
    """
    current = safe.kek.current
    async with connection.transaction():
        await data_keys.lock_keys(connection)
        found = await data_keys.not_wrapped_by(connection, current, limit)
        for key in found:
            aad = data_key_aad(key.user_id)
            await data_keys.rewrap(
                connection, key.key_id, await safe.kek.wrap(await safe.kek.unwrap(key.wrapped, aad=aad), aad=aad)
            )
        boxes = [box for box in await data_keys.box_keys(connection) if box.private.kek_id != current]
        for box in boxes:
            private = await safe.kek.unwrap(box.private, aad=PAIR_AAD)
            await data_keys.rewrap_box_key(connection, box.box_key_id, await safe.kek.wrap(private, aad=PAIR_AAD))
    return len(found) + len(boxes)


async def renew_page(connection: Connection, safe: Safe, *, min_age: timedelta = RENEW_MIN_AGE, limit: int = PAGE) -> int:
    """Give a page of users fresh data keys in place of those older than ``min_age``; return how many. ``reseal_all`` does the rest."""
    async with connection.transaction():
        await data_keys.lock_keys(connection)
        users = [UserId(row["user_id"]) for row in await connection.fetch(_USERS_TO_RENEW, min_age, limit)]
        await safe.new_keys(connection, users)
    return len(users)


async def renew_box_key(connection: Connection, safe: Safe) -> None:
    """Make a fresh pair for boxes; what waits in a box of the old pair still opens."""
    async with connection.transaction():
        await data_keys.lock_keys(connection)
        await safe.new_box_key(connection)


async def drop_unused(connection: Connection) -> int:
    """Delete retired keys that nothing needs any more; what was sealed by them, in an old backup say, is shut from then on."""
    async with connection.transaction():
        await data_keys.lock_keys(connection)
        return await data_keys.drop_unused(connection)

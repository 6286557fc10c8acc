"""What was sealed yesterday opens today, whichever key has been replaced, and is sealed by today's keys before long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from marketbot.accounts import resealing
from marketbot.accounts.importing import import_accounts
from marketbot.accounts.key_keeper import KeyKeeper
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.records import AccountRecord, read_record
from marketbot.accounts.revoking import RevokeScope, revoke
from marketbot.accounts.safe import Safe, safe_in
from marketbot.clock import SystemClock
from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.ids import AccountId
from marketbot.store.pool import Pool, open_pool
from marketbot.vault.kek import add_key, drop_key
from marketbot.vault.vault import account_aad

USERS = 3
NONE_YOUNG = timedelta(0)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await open_pool(database, name="test", size=4)
    yield made
    await made.close()


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return safe_in(tmp_path)


def record(row: int) -> AccountRecord:
    fields = {"user": f"user {row % USERS}", "label": f"a{row}", "venue": "bybit", "api_key": f"KEY-{row:08}"}
    made = read_record(row, {**fields, "api_secret": f"SECRET-{row:08}"})
    assert isinstance(made, AccountRecord)
    return made


async def bring_in(pool: Pool, safe: Safe, count: int = 7) -> list[AccountId]:
    async with pool.acquire() as connection:
        await import_accounts(connection, safe, [record(row) for row in range(count)], egresses=1)
    return [AccountId(row["account_id"]) for row in await pool.fetch("SELECT account_id FROM account ORDER BY label")]


async def seal_as_before(pool: Pool, safe: Safe) -> None:
    """Seal every key as the version before data keys did."""
    keys = await Keyring(pool, safe).credentials([AccountId(r["account_id"]) for r in await pool.fetch("SELECT * FROM account")])
    for row in await pool.fetch("SELECT account_id, user_id, api_key_fingerprint AS print FROM account"):
        key = keys[row["account_id"]]
        await pool.execute(
            "UPDATE account SET api_key_sealed = $2, api_secret_sealed = $3 WHERE account_id = $1",
            row["account_id"],
            safe.vault.seal(key.api_key.encode(), aad=account_aad(row["user_id"], row["print"], "key")),
            safe.vault.seal(key.secret, aad=account_aad(row["user_id"], row["print"], "secret")),
        )
    await pool.execute("DELETE FROM data_key")


async def opens(pool: Pool, safe: Safe, ids: list[AccountId]) -> None:
    """Open every key with nothing remembered."""
    found = await Keyring(pool, safe).credentials(ids)
    assert [found[each].secret for each in ids] == [f"SECRET-{row:08}".encode() for row in range(len(ids))]


async def by_the_vault(pool: Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM account WHERE get_byte(api_secret_sealed, 0) = 1")
    return found


async def test_keys_of_an_earlier_version_open_and_are_sealed_anew(pool: Pool, safe: Safe) -> None:
    ids = await bring_in(pool, safe)
    await seal_as_before(pool, safe)
    await opens(pool, safe, ids)
    changed = await pool.fetch("SELECT changed_at FROM account ORDER BY account_id")
    await KeyKeeper(pool, safe, SystemClock(), lambda: 0).run_once()
    assert await by_the_vault(pool) == 0
    await opens(pool, safe, ids)
    assert await pool.fetch("SELECT changed_at FROM account ORDER BY account_id") == changed, "nobody reads anything anew for it"
    assert await pool.fetchval("SELECT count(*) FROM data_key") == USERS


async def test_nothing_is_sealed_anew_while_an_engine_lives_that_could_not_open_it(pool: Pool, safe: Safe) -> None:
    await bring_in(pool, safe)
    await seal_as_before(pool, safe)
    old, new = 1, 2
    for worker in (old, new):
        await pool.execute(
            "INSERT INTO worker (worker, roles, instance, place, pid, started, egresses)"
            " VALUES ($1, '{executor}', 'one', 'here', 1, '1', '{0}')",
            worker,
        )
    await KeyKeeper(pool, safe, SystemClock(), lambda: new).run_once()
    assert await by_the_vault(pool) == 7
    await pool.execute("UPDATE worker SET ended_at = clock_timestamp() WHERE worker = $1", old)
    await KeyKeeper(pool, safe, SystemClock(), lambda: new).run_once()
    assert await by_the_vault(pool) == 0


async def test_an_import_of_the_same_keys_changes_nothing_after_it(pool: Pool, safe: Safe) -> None:
    await bring_in(pool, safe)
    await seal_as_before(pool, safe)
    async with pool.acquire() as connection:
        await resealing.reseal_all(connection, safe)
        done = await import_accounts(connection, safe, [record(row) for row in range(7)], egresses=1)
    assert (done.created, done.changed, done.unchanged) == (0, 0, 7)


async def test_a_rotation_of_data_keys_that_is_broken_off_goes_on(pool: Pool, safe: Safe) -> None:
    ids = await bring_in(pool, safe)
    before = {row["key_id"] for row in await pool.fetch("SELECT key_id FROM data_key")}
    async with pool.acquire() as connection:
        assert await resealing.renew_page(connection, safe, min_age=NONE_YOUNG, limit=1) == 1
        await resealing.reseal_page(connection, safe, AccountId(0), 1)
        await opens(pool, safe, ids)  # broken off here, with one user's accounts under two keys

        await pool.execute(
            "UPDATE data_key SET created_at = created_at - interval '2 hours' WHERE key_id = ANY ($1)", list(before)
        )
        while await resealing.renew_page(connection, safe, limit=1):
            await opens(pool, safe, ids)
        await resealing.reseal_all(connection, safe)
        assert await resealing.drop_unused(connection) == USERS
    await opens(pool, safe, ids)
    after = {row["key_id"] for row in await pool.fetch("SELECT key_id FROM data_key")}
    assert len(after) == USERS
    assert after.isdisjoint(before)


async def test_a_rotation_of_the_key_encryption_key_that_is_broken_off_goes_on(pool: Pool, safe: Safe, tmp_path: Path) -> None:
    ids = await bring_in(pool, safe)
    await KeyKeeper(pool, safe, SystemClock(), lambda: 0).run_once()  # makes a box key
    at_work = safe_in(tmp_path)  # an engine that read the file before
    old = safe.kek.current
    fresh = add_key(tmp_path / "kek.key")
    rotating = safe_in(tmp_path)
    assert rotating.kek.current == fresh
    async with pool.acquire() as connection:
        assert await resealing.rewrap_page(connection, rotating, limit=1) == 2  # and the box key
        await opens(pool, at_work, ids)
        while await resealing.rewrap_page(connection, safe_in(tmp_path), limit=1):
            await opens(pool, at_work, ids)
    assert {row["kek_id"] for row in await pool.fetch("SELECT kek_id FROM data_key UNION SELECT kek_id FROM box_key")} == {fresh}
    drop_key(tmp_path / "kek.key", old)
    await opens(pool, safe_in(tmp_path), ids)
    await opens(pool, at_work, ids)


async def test_a_drill_changes_nothing_and_the_real_thing_leaves_nothing_to_open(pool: Pool, safe: Safe) -> None:
    ids = await bring_in(pool, safe)
    await pool.execute("UPDATE account SET status = 'ready'")
    keyring = Keyring(pool, safe)
    await keyring.credentials(ids)
    await keyring.refresh()
    before = await pool.fetch("SELECT * FROM account ORDER BY account_id")
    async with pool.acquire() as connection:
        drilled = await revoke(connection, RevokeScope.ALL, None, Actor(ActorKind.SYSTEM), drill=True)
    assert drilled is not None
    assert (drilled.accounts, drilled.users, drilled.data_keys) == (7, USERS, USERS)
    assert await pool.fetch("SELECT * FROM account ORDER BY account_id") == before
    await opens(pool, safe, ids)

    async with pool.acquire() as connection:
        one = await revoke(connection, RevokeScope.ACCOUNT, ids[0], Actor(ActorKind.SYSTEM), drill=False)
        assert one is not None
        assert (one.accounts, one.users, one.data_keys) == (1, 1, 0)
        rest = await revoke(connection, RevokeScope.ALL, None, Actor(ActorKind.SYSTEM), drill=False)
        assert rest is not None
        assert (rest.accounts, rest.data_keys) == (6, USERS)
        again = await revoke(connection, RevokeScope.ALL, None, Actor(ActorKind.SYSTEM), drill=False)
        assert again is not None
        assert again.accounts == 0
        assert await revoke(connection, RevokeScope.USER, 999, Actor(ActorKind.SYSTEM), drill=False) is None
    rows = await pool.fetch("SELECT DISTINCT status::text, status_code, api_key_sealed, api_secret_sealed FROM account")
    assert [tuple(row) for row in rows] == [("quarantined", "KEY_REVOKED", b"", b"")]
    # The drill is not among them: it changed nothing.
    recorded = await pool.fetch("SELECT subject_kind, (facts->>'accounts')::int FROM audit_entry ORDER BY entry_id")
    assert [tuple(row) for row in recorded] == [("account", 1), ("all", 6), ("all", 0)]
    await keyring.refresh()
    assert await keyring.credentials(ids) == {}
    taken = await pool.fetchval("SELECT key_objection($1, NULL)", safe.fingerprint("KEY-00000001"))
    assert taken == "revoked", "whoever stole it must not bring it back"

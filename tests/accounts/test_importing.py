"""Importing: once or twice, ten thousand or one, by one user or by two."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from marketbot.accounts.importing import Imported, import_accounts
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.records import AccountRecord, read_record
from marketbot.domain.ids import AccountId
from marketbot.store.pool import Pool, open_pool
from marketbot.store.sources import create_webhook_source

from .world import make_safe

SAFE = make_safe()
EGRESSES = 4


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await open_pool(database, name="test", size=4)
    async with made.acquire() as connection:
        for name in ("club", "vip"):
            await create_webhook_source(connection, name, "a secret of sixteen letters")
    yield made
    await made.close()


def record(row: int = 1, **fields: Any) -> AccountRecord:
    made = read_record(
        row,
        {
            "user": "ana",
            "label": f"a{row}",
            "venue": "binance",
            "api_key": f"KEY-{row:010}",
            "api_secret": f"SECRET-{row:010}",
            "follows": ["club"],
            **fields,
        },
    )
    assert isinstance(made, AccountRecord), made
    return made


async def bring_in(pool: Pool, *records: AccountRecord) -> Imported:
    async with pool.acquire() as connection:
        return await import_accounts(connection, SAFE, records, egresses=EGRESSES)


async def test_new_accounts_wait_to_be_connected_and_follow_their_sources(pool: Pool) -> None:
    done = await bring_in(pool, record(1), record(2, user="bea", follows=["club", "vip"], environment="mainnet", leverage=3))
    assert done == Imported(created=2, changed=0, unchanged=0, problems=())
    rows = await pool.fetch(
        """
        SELECT u.name, a.label, a.environment, a.status, a.leverage, array_agg(s.name ORDER BY s.name) AS follows
        FROM account a JOIN app_user u USING (user_id) JOIN follow USING (account_id) JOIN source s USING (source_id)
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 1
        """
    )
    assert [tuple(row) for row in rows] == [
        ("ana", "a1", "testnet", "connecting", None, ["club"]),
        ("bea", "a2", "mainnet", "connecting", 3, ["club", "vip"]),
    ]


async def test_the_same_import_again_changes_nothing(pool: Pool) -> None:
    await bring_in(pool, record(1), record(2))
    before = await pool.fetch("SELECT * FROM account ORDER BY account_id")
    assert await bring_in(pool, record(1), record(2)) == Imported(0, 0, 2, ())
    assert await pool.fetch("SELECT * FROM account ORDER BY account_id") == before


async def test_settings_change_without_connecting_anew_and_a_new_key_with_it(pool: Pool) -> None:
    await bring_in(pool, record(1), record(2))
    await pool.execute("UPDATE account SET status = 'ready'")
    done = await bring_in(pool, record(1, leverage=4, paused=True), record(2, api_secret="SECRET-that-is-new"))
    assert (done.created, done.changed, done.unchanged) == (0, 2, 0)
    rows = await pool.fetch("SELECT label, status, leverage, paused FROM account ORDER BY label")
    assert [tuple(row) for row in rows] == [("a1", "ready", 4, True), ("a2", "connecting", None, False)]


async def test_a_quarantined_account_is_tried_again_by_importing_it_again(pool: Pool) -> None:
    await bring_in(pool, record(1))
    await pool.execute("UPDATE account SET status = 'quarantined', status_reason = 'bad'")
    await bring_in(pool, record(1))
    assert await pool.fetchval("SELECT status FROM account") == "connecting"


async def test_follows_are_replaced_when_named_and_kept_when_not(pool: Pool) -> None:
    await bring_in(pool, record(1, follows=["club", "vip"]))
    await bring_in(pool, record(1, follows=None))
    assert await pool.fetchval("SELECT count(*) FROM follow") == 2
    done = await bring_in(pool, record(1, follows=["vip"]))
    assert done.changed == 1
    assert await pool.fetchval("SELECT string_agg(name, ',') FROM follow JOIN source USING (source_id)") == "vip"


async def test_rows_that_cannot_be_are_told_and_the_others_done(pool: Pool) -> None:
    await bring_in(pool, record(1), record(2))
    done = await bring_in(
        pool,
        record(3),
        record(4, follows=["nobody"]),
        record(5, user="bea", api_key=f"KEY-{1:010}"),
        record(2, venue="bybit"),
        record(6, egress=EGRESSES),
    )
    assert done.created == 1
    assert [(problem.row, problem.field) for problem in done.problems] == [
        (2, "label"),
        (4, "follows"),
        (5, "api_key"),
        (6, "egress"),
    ]
    assert not any("KEY" in str(problem) or "ana" in str(problem) for problem in done.problems)


async def test_two_users_may_use_the_same_label_and_stay_apart(pool: Pool) -> None:
    await bring_in(pool, record(1, label="main"), record(2, user="bea", label="main", leverage=9))
    await bring_in(pool, record(1, label="main", leverage=2))
    rows = await pool.fetch("SELECT u.name, a.leverage FROM account a JOIN app_user u USING (user_id) ORDER BY 1")
    assert [tuple(row) for row in rows] == [("ana", 2), ("bea", 9)]


async def test_keys_are_sealed_and_open_only_in_their_place(pool: Pool) -> None:
    await bring_in(pool, record(1), record(2))
    dump = str(await pool.fetch("SELECT * FROM account"))
    assert "KEY-" not in dump
    assert "SECRET-" not in dump
    ids = [AccountId(row["account_id"]) for row in await pool.fetch("SELECT account_id FROM account ORDER BY label")]
    keyring = Keyring(pool, SAFE)
    found = await keyring.credentials(ids)
    assert [(each.api_key, each.secret) for each in found.values()] == [
        ("KEY-0000000001", b"SECRET-0000000001"),
        ("KEY-0000000002", b"SECRET-0000000002"),
    ]
    await pool.execute(
        "UPDATE account a SET api_secret_sealed = b.api_secret_sealed FROM account b WHERE a.label = 'a1' AND b.label = 'a2'"
    )
    moved = Keyring(pool, SAFE)
    assert list(await moved.credentials(ids)) == [ids[1]]
    assert moved.unreadable == 1


async def test_an_account_keeps_its_egress(pool: Pool) -> None:
    await bring_in(pool, *(record(row) for row in range(1, 101)))
    first = dict(await pool.fetch("SELECT label, egress FROM account"))
    assert Counter(first.values()) == dict.fromkeys(range(EGRESSES), 100 // EGRESSES)
    async with pool.acquire() as connection:
        await import_accounts(connection, SAFE, [record(row, paused=True) for row in range(1, 101)], egresses=EGRESSES + 3)
    assert dict(await pool.fetch("SELECT label, egress FROM account")) == first


async def test_a_new_account_is_given_the_address_with_the_fewest_at_its_market(pool: Pool) -> None:
    await bring_in(pool, record(1, egress=0), record(2, egress=0), record(3, egress=2))
    await bring_in(pool, *(record(row) for row in range(4, 9)), record(9, venue="bybit"))
    given = dict(await pool.fetch("SELECT label, egress FROM account"))
    assert Counter(given[f"a{row}"] for row in range(1, 9)) == dict.fromkeys(range(EGRESSES), 2)
    assert given["a9"] == 0, "another market's budget is another one"


async def test_ten_thousand_accounts_come_in_within_seconds(pool: Pool) -> None:
    records = [record(row, user=f"user {row % 3_000}", leverage=5) for row in range(1, 10_001)]
    started_s = time.monotonic()
    done = await bring_in(pool, *records)
    assert done.created == 10_000
    assert time.monotonic() - started_s < 15
    again = await bring_in(pool, *records)
    assert again.unchanged == 10_000

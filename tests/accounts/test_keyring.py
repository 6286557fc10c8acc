"""The keyring: one query, bounded, fresh, silent, and small."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from marketbot import bootstrap
from marketbot.accounts.importing import import_accounts
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.records import AccountRecord, read_record
from marketbot.domain.ids import AccountId
from marketbot.store.pool import Pool, open_pool

from .world import make_safe

SAFE = make_safe()
MAX_BYTES_AN_ACCOUNT = 5 * 1024


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await open_pool(database, name="test", size=4)
    yield made
    await made.close()


def record(row: int, secret: str = "") -> AccountRecord:
    made = read_record(
        row,
        {
            "user": "ana",
            "label": f"a{row}",
            "venue": "binance",
            "api_key": f"KEY-{row:060}",
            "api_secret": secret or f"SECRET-{row:057}",
        },
    )
    assert isinstance(made, AccountRecord), made
    return made


async def bring_in(pool: Pool, *records: AccountRecord) -> list[AccountId]:
    async with pool.acquire() as connection:
        await import_accounts(connection, SAFE, records, egresses=1)
    return [AccountId(row["account_id"]) for row in await pool.fetch("SELECT account_id FROM account ORDER BY account_id")]


async def test_a_changed_key_is_read_again_after_a_refresh(pool: Pool) -> None:
    [account_id] = await bring_in(pool, record(1))
    keyring = Keyring(pool, SAFE)
    first = (await keyring.credentials([account_id]))[account_id]
    assert await keyring.refresh() == 0
    assert (await keyring.credentials([account_id]))[account_id] is first
    await bring_in(pool, record(1, "SECRET-that-is-new"))
    assert await keyring.refresh() == 1
    assert (await keyring.credentials([account_id]))[account_id].secret == b"SECRET-that-is-new"
    assert await keyring.refresh() == 0


async def test_it_holds_no_more_than_its_size_and_forgets_the_unused(pool: Pool) -> None:
    ids = await bring_in(pool, *(record(row) for row in range(1, 6)))
    keyring = Keyring(pool, SAFE, size=3)
    await keyring.credentials(ids[:3])
    first = (await keyring.credentials(ids[:1]))[ids[0]]
    await keyring.credentials(ids[3:4])
    assert len(keyring) == 3
    assert (await keyring.credentials(ids[:1]))[ids[0]] is first
    assert len(await keyring.credentials(ids)) == 5


async def test_nothing_of_a_key_shows(pool: Pool) -> None:
    ids = await bring_in(pool, record(1))
    keyring = Keyring(pool, SAFE)
    credential = (await keyring.credentials(ids))[ids[0]]
    for shown in (repr(keyring), repr(credential), str(keyring), str(credential)):
        assert "KEY" not in shown
        assert "SECRET" not in shown


async def test_unknown_accounts_are_left_out(pool: Pool) -> None:
    keyring = Keyring(pool, SAFE)
    assert await keyring.credentials([AccountId(404)]) == {}


async def test_ten_thousand_credentials_are_small(pool: Pool) -> None:
    ids = await bring_in(pool, *(record(row) for row in range(1, 10_001)))
    keyring = Keyring(pool, SAFE)
    await keyring.credentials(ids[:1])
    tracemalloc.start()
    try:
        await keyring.credentials(ids)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(keyring) == 10_000
    print(f"{held / len(ids):.0f} bytes an account")
    assert held / len(ids) < MAX_BYTES_AN_ACCOUNT


async def test_a_store_that_is_away_for_a_moment_does_not_end_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    again = asyncio.Event()

    class Away(Keyring):
        async def refresh(self) -> int:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise ConnectionRefusedError
            again.set()
            return 0

    monkeypatch.setattr(bootstrap, "KEYRING_POLL_S", 0)
    loop = asyncio.create_task(bootstrap._refresh_keyring(Away.__new__(Away)))
    seen = asyncio.create_task(again.wait())
    done, _ = await asyncio.wait([loop, seen], return_when=asyncio.FIRST_COMPLETED)
    loop.cancel()
    assert done == {seen}

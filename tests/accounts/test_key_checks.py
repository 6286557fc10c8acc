"""A key is looked at again: what it came to be able to do stops its account, what it will lose is told in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketbot.accounts.connector import Connector
from marketbot.accounts.key_checks import NAME, KeyChecks
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.safe import Safe
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.policy import Policy
from marketbot.store import key_checks
from marketbot.vault.kek import NoKek

from .world import World


@pytest.fixture
def checks(world: World) -> KeyChecks:
    return KeyChecks(world.pool, world.keyring, world.clients, world.clock, pause_s=0.0)


async def connected(world: World, **fields: Any) -> AccountId:
    [account_id] = await world.bring_in([{"venue": "bybit", "environment": "mainnet", "balance": "500", **fields}])
    await Connector(world.pool, world.keyring, world.clients, world.instrument, world.clock, Policy).run_once()
    assert (await world.account(account_id))["status"] == "ready"
    await world.pool.execute(
        "INSERT INTO notice_hook (user_id, host, url_sealed, secret_sealed) SELECT user_id, 'h', '', '' FROM account"
    )
    return account_id


async def at_venue(world: World, **fields: Any) -> None:
    everyone = (await world.control("GET", "/accounts"))["accounts"]
    await world.control("POST", f"/accounts/{everyone[-1]['account_id']}", fields)


async def make_due(world: World) -> None:
    await world.pool.execute("UPDATE job SET due_at = clock_timestamp() - interval '1 second' WHERE kind = $1", NAME)


async def notices(world: World) -> list[dict[str, Any]]:
    return [row["payload"] for row in await world.pool.fetch("SELECT payload FROM job WHERE kind = 'notice' ORDER BY job_id")]


async def test_a_good_key_is_looked_at_weekly_and_trades_on(world: World, checks: KeyChecks) -> None:
    account_id = await connected(world)
    assert await checks.run_once() == 0, "it was looked at when it was connected"
    waits = await world.pool.fetchval("SELECT due_at - clock_timestamp() FROM job WHERE kind = $1", NAME)
    assert timedelta(days=3) < waits <= timedelta(days=7)
    await make_due(world)
    assert await checks.run_once() == 1
    assert (await world.account(account_id))["status"] == "ready"
    assert await checks.run_once() == 0


@pytest.mark.parametrize("venue", ["binance", "bybit"])
@pytest.mark.parametrize(
    ("change", "code"), [({"can_withdraw": True}, "KEY_CAN_WITHDRAW"), ({"can_trade": False}, "KEY_CANNOT_TRADE")]
)
async def test_a_key_that_changed_stops_its_account(
    world: World, checks: KeyChecks, venue: str, change: dict[str, Any], code: str
) -> None:
    account_id = await connected(world, venue=venue)
    await checks.run_once()
    await at_venue(world, **change)
    await make_due(world)
    assert await checks.run_once() == 1
    account = await world.account(account_id)
    assert (account["status"], account["status_code"]) == ("quarantined", code)
    [told] = await notices(world)
    assert (told["notice"], told["facts"]["code"]) == ("account_quarantined", code)


async def test_an_owner_who_asks_is_answered_now(world: World, checks: KeyChecks) -> None:
    account_id = await connected(world)
    await checks.run_once()
    before = await world.pool.fetchval("SELECT checked_at FROM key_check")
    async with world.pool.acquire() as connection, connection.transaction():
        await key_checks.ask(connection, UserId((await world.account(account_id))["user_id"]), account_id)
    assert await checks.run_once() == 1
    row = await world.pool.fetchrow("SELECT checked_at, asked_at FROM key_check")
    assert row is not None
    assert row["checked_at"] > before
    assert row["asked_at"] is None
    assert await checks.run_once() == 0


async def test_a_venue_that_is_away_is_asked_again_and_nothing_stops(world: World, checks: KeyChecks) -> None:
    account_id = await connected(world)
    await checks.run_once()
    await make_due(world)
    await world.control("POST", "/outage", {"venue": "bybit", "seconds": None})
    assert await checks.run_once() == 1
    assert (await world.account(account_id))["status"] == "ready"
    assert await world.pool.fetchval("SELECT code FROM key_check") == "VENUE_UNAVAILABLE"
    waits = await world.pool.fetchval("SELECT due_at - clock_timestamp() FROM job WHERE kind = $1", NAME)
    assert waits < timedelta(hours=1)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
async def test_a_key_that_will_expire_is_warned_of_twice(world: World, checks: KeyChecks, venue: str) -> None:
    soon = datetime.now(UTC) + timedelta(days=10)
    await connected(world, venue=venue, key_expires_at_ms=int(soon.timestamp() * 1000))
    stored = await world.pool.fetchval("SELECT expires_at FROM key_check")
    assert abs(stored - soon) < timedelta(seconds=2)
    assert await key_checks.warn_of_expiry(world.pool) == 1
    assert await key_checks.warn_of_expiry(world.pool) == 0
    await world.pool.execute("UPDATE key_check SET expires_at = expires_at - interval '8 days'")
    assert await key_checks.warn_of_expiry(world.pool) == 1
    assert await key_checks.warn_of_expiry(world.pool) == 0
    assert [(each["notice"], each["facts"]["days"]) for each in await notices(world)] == [("key_expires", 10), ("key_expires", 2)]


async def test_a_key_that_was_renewed_is_not_warned_of(world: World, checks: KeyChecks) -> None:
    soon = datetime.now(UTC) + timedelta(days=10)
    await connected(world, key_expires_at_ms=int(soon.timestamp() * 1000))
    assert await key_checks.warn_of_expiry(world.pool) == 1
    await at_venue(world, key_expires_at_ms=int((soon + timedelta(days=90)).timestamp() * 1000))
    await checks.run_once()
    await make_due(world)
    await checks.run_once()
    assert await world.pool.fetchval("SELECT warned_days FROM key_check") is None
    assert await key_checks.warn_of_expiry(world.pool) == 0


async def test_a_key_that_this_machine_cannot_open_is_tried_again_and_stops_nothing(world: World, checks: KeyChecks) -> None:
    """A key-encryption key that was left behind on one machine is our fault: no venue said anything against the account."""
    account_id = await connected(world)
    await checks.run_once()
    await make_due(world)
    blind = Keyring(world.pool, Safe(world.safe.vault, NoKek()))
    assert await KeyChecks(world.pool, blind, world.clients, world.clock, pause_s=0.0).run_once() == 1
    assert (await world.account(account_id))["status"] == "ready"
    assert await notices(world) == []
    assert await world.pool.fetchval("SELECT code FROM key_check") == "KEY_UNREADABLE"
    waits = await world.pool.fetchval("SELECT due_at - clock_timestamp() FROM job WHERE kind = $1", NAME)
    assert waits < timedelta(hours=1)

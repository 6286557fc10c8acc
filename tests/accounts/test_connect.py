"""Accounts come to trade only with a good key, and none waits for a bad one."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from marketbot.accounts.connector import Connector, Outcome
from marketbot.domain.policy import Policy

from .world import SYMBOL, World, eventually


def connector(world: World, **options: Any) -> Connector:
    return Connector(world.pool, world.keyring, world.clients, world.instrument, world.clock, Policy, **options)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
@pytest.mark.parametrize("environment", ["mainnet", "testnet"])
async def test_a_good_account_becomes_ready(world: World, venue: str, environment: str) -> None:
    [account_id] = await world.bring_in([{"venue": venue, "environment": environment, "balance": "1234.5"}], leverage=7)

    outcomes = await connector(world).run_once()

    assert outcomes == {Outcome.READY: 1}
    account = await world.account(account_id)
    assert (account["status"], account["status_reason"], account["hedge_mode"]) == ("ready", None, False)
    reading = await world.pool.fetchrow("SELECT * FROM account_reading WHERE account_id = $1", account_id)
    assert reading is not None
    assert reading["wallet_balance"] == Decimal("1234.5")
    leverage = await world.pool.fetch("SELECT symbol, leverage FROM leverage_setting WHERE account_id = $1", account_id)
    assert [tuple(row) for row in leverage] == [(SYMBOL, Decimal(7))]


async def test_the_leverage_is_clamped_before_it_is_set(world: World) -> None:
    [account_id] = await world.bring_in([{"venue": "binance", "environment": "testnet"}], leverage=15)
    await connector(world).run_once()
    assert await world.pool.fetchval("SELECT leverage FROM leverage_setting WHERE account_id = $1", account_id) == 10


@pytest.mark.parametrize("venue", ["binance", "bybit"])
async def test_a_hedging_account_is_known_as_one(world: World, venue: str) -> None:
    [account_id] = await world.bring_in([{"venue": venue, "environment": "mainnet", "hedge": True}])
    assert (await world.keyring.credentials([account_id]))[account_id].position_mode == "one_way"
    await connector(world).run_once()
    assert (await world.account(account_id))["hedge_mode"] is True
    assert (await world.keyring.credentials([account_id]))[account_id].position_mode == "hedge"


@pytest.mark.parametrize("venue", ["binance", "bybit"])
async def test_a_key_that_can_withdraw_is_refused(world: World, venue: str) -> None:
    [account_id] = await world.bring_in([{"venue": venue, "environment": "mainnet", "can_withdraw": True}])
    outcomes = await connector(world).run_once()
    assert outcomes == {Outcome.REFUSED: 1}
    account = await world.account(account_id)
    assert account["status"] == "quarantined"
    assert "move money" in account["status_reason"]


@pytest.mark.parametrize("venue", ["binance", "bybit"])
@pytest.mark.parametrize("wrong", [{"can_trade": False}, {"key_valid": False}, {"ip_whitelist": ["10.1.2.3"]}])
async def test_a_key_that_cannot_be_used_is_quarantined_with_a_reason(world: World, venue: str, wrong: dict[str, Any]) -> None:
    [account_id] = await world.bring_in([{"venue": venue, "environment": "mainnet", **wrong}])
    await connector(world).run_once()
    account = await world.account(account_id)
    assert account["status"] == "quarantined"
    assert len(account["status_reason"]) > 20


async def test_a_venue_that_is_busy_is_asked_again_later(world: World) -> None:
    [account_id] = await world.bring_in([{"venue": "binance", "environment": "mainnet"}])
    await world.fault("definite_503", venue="binance", count=1)
    connecting = connector(world)
    assert await connecting.run_once() == {Outcome.LATER: 1}
    assert (await world.account(account_id))["status"] == "connecting"
    stop = asyncio.Event()
    running = asyncio.create_task(connecting.run(stop))

    async def is_ready() -> bool:
        return bool((await world.account(account_id))["status"] == "ready")

    await eventually(is_ready, 10)
    stop.set()
    await running


async def test_hung_accounts_hold_nobody_up(world: World) -> None:
    """Five of a hundred accounts never answer: the others are ready in the meantime."""
    accounts: list[dict[str, Any]] = [{"venue": "binance", "environment": "mainnet"} for _ in range(100)]
    for account in accounts[::20]:
        account["hung"] = True
    await world.bring_in(accounts)
    stop = asyncio.Event()
    running = asyncio.create_task(connector(world).run(stop))

    async def others_are_ready() -> bool:
        return bool(await world.pool.fetchval("SELECT count(*) = 95 FROM account WHERE status = 'ready'"))

    await eventually(others_are_ready, 8)
    assert await world.pool.fetchval("SELECT count(*) FROM account WHERE status = 'connecting'") == 5
    stop.set()
    await running


async def test_changed_leverage_is_set_without_connecting_anew(world: World) -> None:
    made = await world.open_at_venue([{"venue": "binance", "environment": "mainnet"}])
    row = {
        "user": "ana",
        "label": "main",
        "venue": "binance",
        "environment": "mainnet",
        "api_key": made[0]["api_key"],
        "api_secret": made[0]["api_secret"],
        "follows": "club",
        "leverage": 3,
    }
    await world.import_rows([row])
    connecting = connector(world)
    await connecting.run_once()
    assert await connecting.run_once() == {}
    await world.import_rows([{**row, "leverage": 8}])
    assert await world.pool.fetchval("SELECT status FROM account") == "ready"
    assert await connecting.run_once() == {Outcome.READY: 1}
    assert await world.pool.fetchval("SELECT leverage FROM leverage_setting") == 8
    assert await connecting.run_once() == {}


async def test_a_thousand_accounts_are_connected_in_seconds(world: World) -> None:
    accounts = [
        {"venue": venue, "environment": environment, "user": f"user {number}", "label": f"{venue} {environment}"}
        for number in range(250)
        for venue in ("binance", "bybit")
        for environment in ("mainnet", "testnet")
    ]
    await world.bring_in(accounts)
    seen = []
    started_s = time.monotonic()
    outcomes = await connector(world, progress=lambda *told: seen.append(told)).run_once()
    took_s = time.monotonic() - started_s
    assert outcomes[Outcome.READY] == len(seen) == 1000, outcomes
    assert took_s < 60, took_s

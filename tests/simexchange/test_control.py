"""The control port."""

from typing import Any

import aiohttp
import pytest

from simexchange import Simulator

from .clients import Control
from .conftest import MakeBinance, MakeBybit


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/accounts", {"venue": "nyse"}),
        ("POST", "/accounts", {"venue": "binance", "balance": 10.5}),
        ("POST", "/accounts", {"venue": "binance", "colour": "red"}),
        ("POST", "/prices", {"prices": {"NOPEUSDT": "1"}}),
        ("POST", "/prices", {"prices": {"BTCUSDT": "-1"}}),
        ("POST", "/faults", {"rules": [{"kind": "gremlins"}]}),
        ("POST", "/faults", {"rules": [{"kind": "slow", "probability": 2}]}),
        ("POST", "/limits", {"speed": 1}),
        ("POST", "/clock", {}),
    ],
)
async def test_bad_calls_change_nothing(
    simulator: Simulator, session: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {simulator.control_token}"}
    async with session.request(method, simulator.control_url + path, json=body, headers=headers) as answer:
        made = await answer.json()
        assert (answer.status, made["simulation"]) == (400, True)
        assert made["error"]
    assert simulator.world.faults.rules == []
    assert all(not market.accounts for market in simulator.world.markets.values())


async def test_secrets_are_told_once(control: Control, simulator: Simulator) -> None:
    made = await control.account("binance", label="one")
    assert made["api_secret"]
    shown = await control.send("GET", "/accounts")
    assert made["api_secret"] not in str(shown)
    (account,) = simulator.world.markets[next(iter(simulator.world.markets))].accounts.values()
    assert made["api_secret"] not in repr(account)
    assert made["api_key"] not in repr(account)


async def test_prices_move_where_asked(control: Control) -> None:
    await control.send("POST", "/prices", {"venue": "bybit", "environment": "testnet", "prices": {"ETHUSDT": "4000"}})
    prices = (await control.send("GET", "/prices"))["prices"]
    assert prices["bybit"]["testnet"]["ETHUSDT"] == "4000"
    assert {prices["bybit"]["mainnet"]["ETHUSDT"], prices["binance"]["testnet"]["ETHUSDT"]} == {"3900"}


async def test_positions_tell_stop_and_target(binance: MakeBinance, bybit: MakeBybit, control: Control) -> None:
    one, two = await binance(), await bybit("testnet")
    await one.market("BUY", "0.01")
    await one.target("115000", clientAlgoId="t1")
    await two.create("Sell", stopLoss="113000", takeProfit="105000")
    rows = (await control.send("GET", "/positions"))["positions"]
    shown = {row["venue"]: row for row in rows}
    assert (shown["binance"]["protected"], len(shown["binance"]["targets"])) == (False, 1)
    assert (shown["bybit"]["qty"], shown["bybit"]["protected"]) == ("-0.01", True)
    assert (shown["bybit"]["stops"][0]["trigger"], shown["bybit"]["targets"][0]["trigger"]) == ("113000", "105000")


async def test_unprotected_time_counts_again_when_the_stop_goes(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    await client.stop("108000", clientAlgoId="s1")
    (before,) = await control.episodes()
    assert before["protected_now"] is True
    await client.send("DELETE", "/fapi/v1/algoOrder", clientAlgoId="s1")
    (after,) = await control.episodes()
    assert after["protected_now"] is False
    assert after["unprotected_s"] > before["unprotected_s"]


async def test_a_stop_smaller_than_the_position_is_no_protection(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    await client.algo("STOP_MARKET", "SELL", "108000", quantity="0.005", reduceOnly="true")
    assert [episode["protected_now"] for episode in await control.episodes()] == [False]
    await client.algo("STOP_MARKET", "SELL", "107000", quantity="0.005", reduceOnly="true")
    assert [episode["protected_now"] for episode in await control.episodes()] == [True]


async def test_reset_starts_over(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    await control.price("BTCUSDT", "90000")
    await control.send("POST", "/reset")
    assert await control.ledger() == []
    assert (await control.send("GET", "/accounts"))["accounts"] == []
    assert (await control.send("GET", "/prices"))["prices"]["binance"]["mainnet"]["BTCUSDT"] == "110000"
    assert (await client.market("BUY", "0.01")).body["code"] == -2015


async def test_stats_count_requests_by_path(binance: MakeBinance, control: Control) -> None:
    client = await binance()
    await client.market("BUY", "0.01")
    stats = (await control.send("GET", "/stats"))["venues"]["binance"]["mainnet"]
    assert stats["over_limit"] == 0
    assert (stats["requests"], stats["open_connections"]) == ({"/fapi/v1/order": 1}, 1)

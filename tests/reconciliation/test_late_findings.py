"""What shows up late: an entry that was executed after all, an order without a position, a stop that does not show yet."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
from tests.accounts.world import MARKETS, SYMBOL
from tests.reconciliation.bench import Bench
from tests.simexchange.clients import Binance as RawBinance

from marketbot.domain.client_order_id import client_order_id, client_order_stem
from marketbot.domain.ids import AccountId, SignalId
from marketbot.domain.side import Leg
from marketbot.domain.signal import Action
from marketbot.domain.venue import Market
from marketbot.reconciliation.compare import Kind

BINANCE, BYBIT = MARKETS[0], MARKETS[2]


async def trading_account(bench: Bench, market: Market) -> AccountId:
    [account_id] = await bench.world.bring_in([{"venue": market.venue, "environment": market.environment}])
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    assert (await bench.position(account_id))["protection"] == "protected"
    return account_id


def kinds(found: object) -> list[Kind]:
    return [finding.kind for finding in found.findings]  # type: ignore[attr-defined]


async def accepted_stops(bench: Bench) -> int:
    entries = (await bench.world.control("GET", "/ledger"))["entries"]
    return sum(entry["event"] == "accepted" and entry["kind"] == "stop" for entry in entries)


@pytest.mark.parametrize("market", [BINANCE, BYBIT], ids=["binance", "bybit"])
async def test_an_entry_that_was_given_up_and_executed_after_all_is_adopted(bench: Bench, market: Market) -> None:
    account_id = await trading_account(bench, market)
    pool = bench.world.pool
    await pool.execute("DELETE FROM position")
    await pool.execute("DELETE FROM order_event")
    await pool.execute(
        """INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)
           SELECT signal_id, account_id, leg, attempt, 1, user_id, 'planned', 'lapsed', now() FROM orders"""
    )

    done = await bench.reconcile(account_id)

    assert kinds(done) == [Kind.POSITION_FOREIGN]
    position = await bench.position(account_id)
    assert position["protection"] == "protected"
    assert position["signal_id"] == await pool.fetchval("SELECT signal_id FROM signal"), "it is the signal's, not a person's"
    assert bench.notes.alarms == ["ENTRY_UNRECORDED"]
    [held] = await bench.venue_positions()
    assert held["protected"]
    assert (await bench.reconcile(account_id)).findings == ()


@pytest.mark.parametrize("is_young", [True, False])
async def test_a_stop_of_ours_without_a_position_goes_once_it_is_old(bench: Bench, is_young: bool) -> None:
    world = bench.world
    account_id = await trading_account(bench, BINANCE)
    await bench.signal(Action.CLOSE_LONG)
    assert await bench.venue_positions() == []
    # Not reduce-only, so the venue keeps it without a position.
    opening = SignalId(await world.pool.fetchval("SELECT min(signal_id) FROM signal"))
    name = client_order_id(client_order_stem(world.installation.tag, opening, account_id), Leg.STOP_LOSS, 9)
    credential = (await world.keyring.credentials([account_id]))[account_id]
    raw = RawBinance(
        world.simulator.urls["binance"][BINANCE.environment], credential.api_key, credential.secret.decode(), world.session
    )
    raw_order = {
        "algoType": "CONDITIONAL",
        "symbol": SYMBOL,
        "side": "SELL",
        "type": "STOP_MARKET",
        "quantity": "0.01",
        "triggerPrice": "90000",
        "clientAlgoId": name,
    }
    client = world.clients[BINANCE]
    answer = await send_raw(bench, raw, raw_order)
    assert answer == 200
    if is_young:
        await world.pool.execute(
            """INSERT INTO orders (signal_id, account_id, leg, attempt, user_id, client_order_id, symbol, side, trigger_price,
                                   created_at)
               SELECT (SELECT max(signal_id) FROM signal), account_id, leg, 9, user_id, $1, symbol, side, trigger_price, now()
               FROM orders WHERE leg = 'stop_loss' AND attempt = 0""",
            name,
        )

    done = await bench.reconcile(account_id)

    assert kinds(done) == [Kind.ORPHAN_PROTECTION]
    assert done.healed == (0 if is_young else 1)
    resting = await client.resting_orders(credential, bench.instrument(BINANCE))
    assert isinstance(resting, tuple)
    assert [order.client_order_id for order in resting] == ([name] if is_young else [])


async def test_a_stop_that_was_taken_and_does_not_show_is_asked_for_under_its_own_name(bench: Bench) -> None:
    [account_id] = await bench.world.bring_in([{"venue": BINANCE.venue, "environment": BINANCE.environment}])
    await bench.connect_all()
    await bench.world.fault("order_not_visible", path="/fapi/v1/algoOrder", delay_ms=10_000)
    await bench.signal(Action.OPEN_LONG)
    assert (await bench.position(account_id))["protection"] == "protected"

    done = await bench.reconcile(account_id)

    assert kinds(done) == [Kind.STOP_MISSING, Kind.TARGET_MISSING]
    assert done.healed == 2
    assert (await bench.position(account_id))["protection"] == "protected"
    states = await bench.leg_states(account_id)
    assert states == {
        (Leg.ENTRY, 0): "filled",
        (Leg.STOP_LOSS, 0): "accepted",
        (Leg.TAKE_PROFIT, 0): "accepted",
    }, "no order got a second name"
    assert await accepted_stops(bench) == 1
    assert bench.notes.alarms == []


async def send_raw(bench: Bench, raw: RawBinance, order: dict[str, str]) -> int:
    """Place an order as a stranger's program would; the test's session trusts the simulator's authority for this call alone."""
    context = ssl.create_default_context(cafile=str(bench.world.simulator.ca_file))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        raw.session = session
        return (await raw.send("POST", "/fapi/v1/algoOrder", **order)).status


@pytest.mark.parametrize("market", [BINANCE, BYBIT], ids=["binance", "bybit"])
async def test_a_target_that_a_dead_process_sent_unrecorded_is_asked_for_before_it_lapses(bench: Bench, market: Market) -> None:
    account_id = await trading_account(bench, market)
    await bench.world.pool.execute("DELETE FROM order_event WHERE leg IN ('stop_loss', 'take_profit')")
    await bench.world.price("130000")
    assert kinds(await bench.reconcile(account_id)) == [Kind.POSITION_GONE]
    states = await bench.leg_states(account_id)
    assert states[Leg.TAKE_PROFIT, 0] == "filled"
    assert states[Leg.STOP_LOSS, 0] in ("canceled", "expired", "lapsed")
    assert (await bench.position(account_id))["closed_by"] == "take_profit"

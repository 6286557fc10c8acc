"""Clients on their way out: through proxies, with a breaker open, and with another process banned on the same address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import pytest
from tests.wire.proxies import Proxy, running

from marketbot.domain.breaker import BreakerState
from marketbot.domain.egress import Egress
from marketbot.domain.execution_report import ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.domain.venue import Market, Profile
from marketbot.execution.outcome import Verdict, read
from marketbot.ports import Credential
from marketbot.venues.guard import EGRESS_POLICY
from marketbot.venues.hosts import HostRefused
from marketbot.venues.registry import open_clients

from .rig import Rig, SystemClock

NATIVE = ["binance", "bybit"]
EVERY = [*NATIVE, "ccxt:binanceusdm", "ccxt:bybit"]


@pytest.fixture(params=NATIVE)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    made = await Rig.open(request.param)
    yield made
    await made.close()


@pytest.mark.parametrize(("venue", "kind"), [*((venue, "http") for venue in EVERY), *((venue, "socks5") for venue in NATIVE)])
async def test_every_client_trades_through_a_proxy(venue: str, kind: str) -> None:
    async with running(Proxy(kind, login=True)) as proxy:
        rig = await Rig.open(venue, Egress.parse(proxy.spelled_with_login))
        try:
            entered = await rig.enter()
            assert (entered.state, entered.fault) == (OrderState.FILLED, None)
            left = await rig.leave()
            assert (left.state, left.fault) == (OrderState.FILLED, None)
            assert proxy.asked
            assert proxy.refused_logins == 0
            assert "pass:w@rd" not in repr(rig.client)
        finally:
            await rig.close()


@pytest.mark.parametrize("venue", ["ccxt:binanceusdm"])
async def test_a_proxy_that_refuses_a_ccxt_client_has_sent_nothing(venue: str) -> None:
    async with running(Proxy("http")) as proxy:
        rig = await Rig.open(venue, Egress.parse(proxy.spelled))
        try:
            proxy.refuse = 503
            for task in list(proxy.tasks):  # what is open already
                task.cancel()
            report = await rig.client.submit_entry(rig.credential, rig.entry())
            again = await rig.client.submit_entry(rig.credential, rig.entry())
            assert again.state is OrderState.PLANNED
            assert again.fault is not None
            assert again.fault.error_class is ErrorClass.NOT_SENT
            assert report.state in (OrderState.PLANNED, OrderState.UNCONFIRMED)
        finally:
            await rig.close()


async def test_ccxt_says_that_it_cannot_use_socks5_and_goes_on_by_the_other_way() -> None:
    async with running(Proxy("socks5")) as proxy:
        rig = await Rig.open("ccxt:binanceusdm", Egress.parse(proxy.spelled), Egress.parse("127.0.0.2"))
        try:
            report = await rig.client.submit_entry(rig.credential, rig.entry())
            assert report.fault is not None
            assert (report.state, report.fault.code) == (OrderState.PLANNED, "egress_unusable")
            entered = await rig.enter(replace(rig.credential, egress=1))
            assert entered.state is OrderState.FILLED
            assert proxy.asked == []
        finally:
            await rig.close()


async def test_a_simulation_leaves_through_no_proxy_elsewhere(rig: Rig) -> None:
    with pytest.raises(HostRefused):
        await open_clients(
            Profile.SIMULATION, [rig.client.market], clock=SystemClock(), egress=(Egress.parse("http://198.51.100.1:3128"),)
        )


async def break_the_way(rig: Rig) -> None:
    """Have the entries of many accounts answered "overloaded", which is what counts."""
    for _ in range(EGRESS_POLICY.min_calls * 3):
        await rig.fault("definite_503", method="POST")
        await rig.client.submit_entry(await rig.account(), rig.entry())
        if rig.client.egress_readings()[0].breaker is BreakerState.OPEN:
            return
    raise AssertionError(rig.client)


async def test_an_open_breaker_gives_entries_back_and_lets_everything_else_through(rig: Rig) -> None:
    entered = await rig.enter()
    assert entered.state is OrderState.FILLED
    await break_the_way(rig)
    held = await rig.client.submit_entry(rig.credential, rig.entry())
    assert held.state is OrderState.PLANNED
    assert held.fault is not None
    assert (held.fault.error_class, held.fault.code) == (ErrorClass.NOT_SENT, "circuit_open")
    assert held.fault.retry_after_s
    assert read(held) is Verdict.TRY_AGAIN
    swept = await rig.client.read_account(rig.credential)
    assert isinstance(swept, VenueFault)
    assert swept.code == "circuit_open"

    assert isinstance(await rig.client.read_positions(rig.credential, rig.instrument, urgent=True), tuple)
    assert isinstance(await rig.client.resting_orders(rig.credential, rig.instrument), tuple)
    assert isinstance(await rig.client.prices(), dict)
    looked = await rig.client.find_order(rig.credential, rig.instrument, rig.new_id(Leg.ENTRY), Leg.ENTRY)
    assert not isinstance(looked, VenueFault)
    stop = await rig.client.submit_protection(rig.credential, rig.protective(Leg.STOP_LOSS, rig.at("0.90")))
    assert stop.state is OrderState.ACCEPTED, stop
    left = await rig.leave()
    assert left.state is OrderState.FILLED
    reading = rig.client.egress_readings()[0]
    assert (reading.breaker, reading.breaker_openings) == (BreakerState.OPEN, 1)
    assert "open" in repr(rig.client)


async def test_it_closes_by_probes_once_the_venue_answers(rig: Rig) -> None:
    await break_the_way(rig)

    async def traded() -> OrderReport | None:
        report = await rig.client.submit_entry(await rig.account(), rig.entry())
        if report.fault is None:
            return report
        await asyncio.sleep(report.fault.retry_after_s or 0.05)
        return None

    for _ in range(EGRESS_POLICY.successes):
        while await traded() is None:
            pass
    assert rig.client.egress_readings()[0].breaker is BreakerState.CLOSED


async def test_bad_keys_and_empty_accounts_open_nothing(rig: Rig) -> None:
    poor = [await rig.account(balance="1") for _ in range(EGRESS_POLICY.min_calls)]
    keyless = [replace(each, secret=b"another") for each in poor]
    refusals = [await rig.client.submit_entry(each, rig.entry()) for each in [*poor, *keyless] * 2]
    assert {report.fault.error_class for report in refusals if report.fault} == {ErrorClass.FUNDS, ErrorClass.KEY}
    assert {read(report) for report in refusals if report.fault and report.fault.error_class is ErrorClass.KEY} == {
        Verdict.BAD_KEY
    }
    assert rig.client.egress_readings()[0].breaker is BreakerState.CLOSED
    assert (await rig.enter()).state is OrderState.FILLED


class Hub:
    """Implements ``ports.EgressNews`` for clients of one event loop."""

    def __init__(self) -> None:
        self.published: list[tuple[Market, int, datetime]] = []
        self._listeners: list[Callable[[Market, int, datetime], None]] = []

    def publish(self, market: Market, egress: int, until: datetime) -> None:
        self.published.append((market, egress, until))
        for listener in self._listeners:
            listener(market, egress, until)

    def on_block(self, listener: Callable[[Market, int, datetime], None]) -> None:
        self._listeners.append(listener)


@pytest.mark.parametrize("venue", EVERY)
async def test_a_ban_stops_every_process_on_the_address_and_no_other_address(venue: str) -> None:
    hub = Hub()
    ways = (Egress.parse("127.0.0.2"), Egress.parse("127.0.0.3"))
    rig = await Rig.open(venue, *ways, news=hub)
    other = await rig.another_process(*ways, news=hub)
    try:
        # CCXT loads its markets on its own, before the ban: it is no account's call that strikes.
        await other.instruments()
        await rig.fault("ban_418", retry_after_s=300)
        await rig.client.submit_entry(rig.credential, rig.entry())
        assert [(market, egress) for market, egress, _ in hub.published] == [(rig.client.market, 0)]
        for client in (rig.client, other):
            report = await client.submit_exit(rig.credential, rig.exit())
            assert report.state is OrderState.PLANNED, "the venue refuses everything, an exit too: nothing is sent"
            assert report.fault is not None
            assert report.fault.error_class is ErrorClass.EGRESS_RATE
            blocked = [reading.blocked_s for reading in client.egress_readings()]
            assert blocked[0] > 200
            assert blocked[1] == 0
            entered = await client.submit_entry(replace(rig.credential, egress=1), rig.entry())
            assert entered.fault is None
    finally:
        await other.close()
        await rig.close()


@pytest.mark.parametrize("venue", EVERY)
async def test_a_client_takes_another_share(venue: str) -> None:
    ways = (Egress.parse("127.0.0.2"), Egress.parse("127.0.0.3"))
    rig = await Rig.open(venue, *ways)
    try:
        rig.client.set_shares([Fraction(0), Fraction(1, 2)])
        assert [reading.share for reading in rig.client.egress_readings()] == [0.0, 0.5]
        refused = await rig.client.submit_exit(rig.credential, rig.exit())
        assert refused.fault is not None
        assert refused.fault.code == "address_not_held"
        assert isinstance(await rig.client.prices(), dict), "the market is read by the way that is held"
        rig.client.set_shares([Fraction(1), Fraction(1)])
        answered = await rig.client.submit_exit(replace(rig.credential, egress=1), rig.exit())
        assert answered.fault is not None
        assert answered.fault.error_class is not ErrorClass.EGRESS_RATE, "what reduces risk does not wait for a hand-over"
        assert answered.state is not OrderState.PLANNED
    finally:
        await rig.close()


def test_credentials_name_no_secret() -> None:
    assert "hush" not in repr(Credential(account_id=1, api_key="hush-key", secret=b"hush"))  # type: ignore[arg-type]


async def test_an_overloaded_bybit_is_asked_for_half_as_much() -> None:
    rig = await Rig.open("bybit")
    try:
        await rig.fault("definite_503", method="POST")
        report = await rig.client.submit_entry(rig.credential, rig.entry())
        assert report.fault is not None
        assert (report.fault.error_class, report.fault.code) == (ErrorClass.RETRYABLE, "429")
        reading = rig.client.egress_readings()[0]
        assert (reading.throttle, reading.blocked_s) == (0.5, 0.0)
    finally:
        await rig.close()

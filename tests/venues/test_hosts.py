"""Hosts and clocks: no market reaches another's hosts, and no local clock jump moves a signature."""

from __future__ import annotations

import asyncio

import pytest

from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market, Profile, Venue
from marketbot.venues.clock import MAX_ROUND_TRIP_S, VenueClock
from marketbot.venues.hosts import HostRefused, market_hosts

from .clocks import HandClock

MAINNET, TESTNET = Environment.MAINNET, Environment.TESTNET
LIVE, SIMULATION = Profile.LIVE, Profile.SIMULATION


@pytest.mark.parametrize("venue", [BINANCE, BYBIT])
def test_environments_share_no_host(venue: Venue) -> None:
    real = market_hosts(Market(venue, MAINNET), LIVE)
    practice = market_hosts(Market(venue, TESTNET), LIVE)
    assert not real.allowed & practice.allowed
    with pytest.raises(HostRefused):
        market_hosts(Market(venue, TESTNET), LIVE, str(real.endpoint))


@pytest.mark.parametrize(
    ("profile", "url"),
    [
        (LIVE, "https://127.0.0.1:9000"),
        (LIVE, "http://fapi.binance.com"),
        (LIVE, "https://fapi.binance.com.evil.example"),
        (SIMULATION, "https://fapi.binance.com"),
        (SIMULATION, None),
        (SIMULATION, "https://127.0.0.1:9000/path"),
        (SIMULATION, "ftp://127.0.0.1"),
        (SIMULATION, "https://user@127.0.0.1:9000"),
    ],
)
def test_foreign_addresses_are_refused(profile: Profile, url: str | None) -> None:
    with pytest.raises(HostRefused):
        market_hosts(Market(BINANCE, MAINNET), profile, url)


def test_simulation_stays_on_this_machine() -> None:
    hosts = market_hosts(Market(BINANCE, MAINNET), SIMULATION, "https://127.0.0.1:9000")
    assert hosts.allowed == {"127.0.0.1"}
    assert hosts.keys == hosts.endpoint


async def test_clock_signs_with_the_measured_difference() -> None:
    hand = HandClock()
    clock = VenueClock(hand)
    local = clock.now_ms()
    started = clock.started()
    await hand.advance(0.2)
    assert clock.measured(local + 30_100, started)
    assert clock.now_ms() == pytest.approx(local + 30_200, abs=2)
    assert clock.skew_ms == pytest.approx(30_000, abs=2)


async def test_slow_measurement_does_not_replace_a_good_one() -> None:
    hand = HandClock()
    clock = VenueClock(hand)
    clock.measured(clock.now_ms() + 500, clock.started())
    started = clock.started()
    await hand.advance(MAX_ROUND_TRIP_S + 1)
    assert not clock.measured(0, started)
    assert clock.skew_ms == pytest.approx(500, abs=2)


async def test_a_thousand_refusals_measure_once() -> None:
    clock = VenueClock(HandClock())
    measurements = 0

    async def measure() -> None:
        nonlocal measurements
        await asyncio.sleep(0)
        measurements += 1
        clock.measured(clock.now_ms(), clock.started())

    seen = clock.generation
    await asyncio.gather(*(clock.resync(seen, measure) for _ in range(1_000)))
    assert measurements == 1

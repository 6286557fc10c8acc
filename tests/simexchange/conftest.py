"""Start one simulator a test, in process, on free ports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from simexchange import Config, Simulator

from .clients import Binance, Bybit, Control

MakeBinance = Callable[..., Awaitable[Binance]]
MakeBybit = Callable[..., Awaitable[Bybit]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    made = await Simulator(Config(seed=7)).start()
    yield made
    await made.stop()


@pytest.fixture
def control(simulator: Simulator, session: aiohttp.ClientSession) -> Control:
    return Control(simulator.control_url, simulator.control_token, session)


@pytest.fixture
def binance(simulator: Simulator, control: Control, session: aiohttp.ClientSession) -> MakeBinance:
    async def make(environment: str = "mainnet", **fields: Any) -> Binance:
        made = await control.account("binance", environment, **fields)
        return Binance(simulator.urls["binance"][environment], made["api_key"], made["api_secret"], session)

    return make


@pytest.fixture
def bybit(simulator: Simulator, control: Control, session: aiohttp.ClientSession) -> MakeBybit:
    async def make(environment: str = "mainnet", **fields: Any) -> Bybit:
        made = await control.account("bybit", environment, **fields)
        return Bybit(simulator.urls["bybit"][environment], made["api_key"], made["api_secret"], session)

    return make

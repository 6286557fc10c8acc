"""What an API key may do, asked in each exchange's own way: CCXT has no common one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from marketbot.domain.venue import Environment, PositionMode
from marketbot.ports import KeyReading
from marketbot.venues.binance import key_rights as binance_rights
from marketbot.venues.bybit import decode as bybit_decode
from marketbot.venues.bybit import key_rights as bybit_rights

Reader = Callable[[Any, Environment], Awaitable[KeyReading]]


async def _read_binance(exchange: Any, environment: Environment) -> KeyReading:
    config = await exchange.fapiprivate_get_accountconfig()
    rights = await exchange.sapi_get_account_apirestrictions() if environment is Environment.MAINNET else None
    return binance_rights.read(config, rights)


async def _read_bybit(exchange: Any, _environment: Environment) -> KeyReading:
    key = await exchange.private_get_v5_user_query_api()
    probe = await exchange.private_get_v5_position_list({"category": "linear", "symbol": "BTCUSDT"})
    mode = PositionMode.HEDGE if bybit_decode.hedged(probe["result"]["list"]) else PositionMode.ONE_WAY
    return bybit_rights.read(key["result"], mode)


async def _read_any(exchange: Any, _environment: Environment) -> KeyReading:
    """Learn only that the key reads its account, and the position mode where CCXT can tell it."""
    await exchange.fetch_balance()
    hedged = False
    if exchange.has.get("fetchPositionMode"):
        hedged = bool((await exchange.fetch_position_mode())["hedged"])
    return KeyReading(True, False, PositionMode.HEDGE if hedged else PositionMode.ONE_WAY)


_READERS: dict[str, Reader] = {"binanceusdm": _read_binance, "bybit": _read_bybit}


def reader_of(exchange_id: str) -> Reader:
    return _READERS.get(exchange_id, _read_any)

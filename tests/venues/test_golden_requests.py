"""Every request we send, byte by byte, against files that name the page of the venue's documentation they were written from."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from marketbot.domain.side import Leg
from marketbot.domain.signer import Signer
from marketbot.domain.venue import PositionMode
from marketbot.venues.binance import encode as binance
from marketbot.venues.binance import urls as binance_urls
from marketbot.venues.binance.signing import signed_request
from marketbot.venues.bybit import encode as bybit
from marketbot.venues.bybit import urls as bybit_urls
from marketbot.venues.bybit.signing import signed_get, signed_post

from . import orders as given

SIGNER = Signer(given.SECRET)
GOLDEN = Path(__file__).parent / "golden"
ONE_WAY, HEDGE = PositionMode.ONE_WAY, PositionMode.HEDGE


def _binance(verb: str, path: str, query: str) -> bytes:
    return signed_request(verb, path, query, host="fapi.binance.com", api_key=given.KEY, signer=SIGNER, now_ms=given.NOW_MS)


def _bybit(path: str, body: bytes) -> bytes:
    return signed_post(path, body, host="api.bybit.com", api_key=given.KEY, signer=SIGNER, now_ms=given.NOW_MS)


def _bybit_get(path: str, query: str) -> bytes:
    return signed_get(path, query, host="api.bybit.com", api_key=given.KEY, signer=SIGNER, now_ms=given.NOW_MS)


REQUESTS: dict[str, Callable[[], bytes]] = {
    "binance_entry": lambda: _binance("POST", binance_urls.ORDER, binance.entry(given.ENTRY, ONE_WAY)),
    "binance_entry_hedge": lambda: _binance("POST", binance_urls.ORDER, binance.entry(given.ENTRY, HEDGE)),
    "binance_exit": lambda: _binance("POST", binance_urls.ORDER, binance.exit_(given.EXIT, ONE_WAY)),
    "binance_exit_hedge": lambda: _binance("POST", binance_urls.ORDER, binance.exit_(given.EXIT, HEDGE)),
    "binance_stop": lambda: _binance("POST", binance_urls.ALGO_ORDER, binance.protection(given.STOP, ONE_WAY)),
    "binance_target_hedge": lambda: _binance("POST", binance_urls.ALGO_ORDER, binance.protection(given.TARGET, HEDGE)),
    "binance_find": lambda: _binance("GET", binance_urls.ORDER, binance.by_client_order_id(given.INSTRUMENT, given.ENTRY_ID)),
    "binance_find_stop": lambda: _binance("GET", binance_urls.ALGO_ORDER, binance.by_client_algo_id(given.STOP_ID)),
    "binance_positions_foreign": lambda: _binance("GET", binance_urls.POSITIONS, binance.by_symbol(given.FOREIGN)),
    "binance_leverage": lambda: _binance("POST", binance_urls.LEVERAGE, binance.leverage(given.INSTRUMENT, Decimal("20.0"))),
    "bybit_entry": lambda: _bybit(bybit_urls.CREATE, bybit.entry(given.ENTRY, ONE_WAY)),
    "bybit_entry_hedge": lambda: _bybit(bybit_urls.CREATE, bybit.entry(given.ENTRY, HEDGE)),
    "bybit_exit_hedge": lambda: _bybit(bybit_urls.CREATE, bybit.exit_(given.EXIT, HEDGE)),
    "bybit_stop": lambda: _bybit(bybit_urls.TRADING_STOP, bybit.protection(given.STOP, ONE_WAY)),
    "bybit_target_pair": lambda: _bybit(bybit_urls.TRADING_STOP, bybit.protection(given.PAIRED_TARGET, HEDGE)),
    "bybit_no_stop": lambda: _bybit(bybit_urls.TRADING_STOP, bybit.no_protection(given.INSTRUMENT, Leg.STOP_LOSS, 0)),
    "bybit_find": lambda: _bybit_get(bybit_urls.REALTIME, bybit.by_client_order_id(given.INSTRUMENT, given.ENTRY_ID)),
    "bybit_positions": lambda: _bybit_get(bybit_urls.POSITIONS, bybit.all_positions()),
    "bybit_leverage": lambda: _bybit(bybit_urls.LEVERAGE, bybit.leverage(given.INSTRUMENT, Decimal("20.0"))),
}


def _golden(name: str) -> bytes:
    lines = (GOLDEN / f"{name}.txt").read_text("utf-8").split("\n")
    assert lines[0].startswith("# https://"), "a golden file names its source"
    assert re.search(r"20\d\d-\d\d-\d\d", lines[0]), "and the day it was read"
    return "\r\n".join(lines[1:]).encode("ascii").removesuffix(b"\r\n")


@pytest.mark.parametrize("name", REQUESTS)
def test_request_is_the_documented_one(name: str) -> None:
    assert REQUESTS[name]() == _golden(name)


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(REQUESTS)


def test_binance_signature_is_the_documentations_own() -> None:
    # General Info, "SIGNED Endpoint Examples for POST /fapi/v1/order - HMAC Keys", example 1 (2026-05-28).
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&"
    request = _binance("POST", binance_urls.ORDER, query)
    assert b"&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9 HTTP/1.1" in request


@pytest.mark.parametrize("name", [name for name in REQUESTS if name.startswith("bybit")])
def test_bybit_signature_covers_what_is_sent(name: str) -> None:
    # Guide, "Create A Request": timestamp + api_key + recv_window + (queryString | jsonBodyString) (2026-07-24).
    head, _, body = REQUESTS[name]().partition(b"\r\n\r\n")
    target = head.split(b" ")[1]
    payload = body or target.partition(b"?")[2]
    sent = re.search(rb"X-BAPI-SIGN: (\w+)", head)
    signed = f"{given.NOW_MS}{given.KEY}5000".encode() + payload
    assert sent is not None
    assert sent[1].decode() == hmac.new(given.SECRET, signed, hashlib.sha256).hexdigest()

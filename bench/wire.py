"""Client CPU of one order: our wire, CCXT at its best, and CCXT the way the old bot used it.

TLS on, keep-alive, loopback; the venue is a process of its own, so that only the client's CPU is counted. Rounds are
interleaved and medians compared, which makes the ratios hold on a noisy machine; the absolute figures are its own.

    python -m bench.wire
"""

import asyncio
import datetime as dt
import gc
import hmac
import ipaddress
import itertools
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import certifi
import orjson
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketbot.venues.wire import Endpoint, Wire, tls_context
from marketbot.venues.wire.wire import MAX_CONNECTIONS

ROUNDS = 3
CONCURRENCY = MAX_CONNECTIONS
OLD_WAY_ORDERS = 3  # a round; each takes about 0.15 s of CPU
INSTRUMENTS = 500
GOAL_VS_CCXT = 1 / 10
GOAL_VS_OLD_WAY = 1 / 1000
HOST = "127.0.0.1"
OLD_WAY_AUTHORITIES = "authorities.pem"
KEY, SECRET = "k" * 64, "s" * 64  # of no venue

Row = dict[str, Any]
SendOrder = Callable[[], Awaitable[None]]


def measure_wire(requests: int = 6_000) -> list[Row]:
    """Return the rows `wire_vs_ccxt` and `wire_vs_old_way`; `requests` orders a round go over the wire."""
    folder = Path(tempfile.mkdtemp(prefix="marketbot-bench-"))
    try:
        ca_file = _write_certificate(folder)
        with subprocess.Popen([sys.executable, "-m", "bench.wire", str(folder)], stdout=subprocess.PIPE) as venue:
            try:
                assert venue.stdout is not None
                port = int(venue.stdout.readline())
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    wire_us, ccxt_us, old_us = runner.run(_measure(port, ca_file, requests))
            finally:
                venue.terminate()
    finally:
        shutil.rmtree(folder)
    how = f"client CPU an order over TLS, loopback, median of {ROUNDS} rounds: wire {wire_us:.1f} us, "
    return [
        _row("wire_vs_ccxt", wire_us / ccxt_us, GOAL_VS_CCXT, how + f"ccxt create_order {ccxt_us:.0f} us") | {"ccxt_us": ccxt_us},
        _row("wire_vs_old_way", wire_us / old_us, GOAL_VS_OLD_WAY, how + f"old way {old_us / 1000:.1f} ms"),
    ]


def _row(name: str, value: float, goal: float, how: str) -> Row:
    return {"name": name, "value": round(value, 6), "unit": "ratio", "goal": f"<= {goal:g}", "met": value <= goal, "how": how}


async def _measure(port: int, ca_file: Path, requests: int) -> tuple[float, float, float]:
    context = tls_context(ca_file)
    wire = Wire(Endpoint("https", HOST, port), allowed_hosts=frozenset({HOST}), ssl_context=context, max_connections=CONCURRENCY)
    await wire.warm(CONCURRENCY)
    connector = aiohttp.TCPConnector(ssl=context, limit=CONCURRENCY)
    rounds: list[tuple[float, float, float]] = []
    async with aiohttp.ClientSession(connector=connector) as session:
        exchange = _new_exchange(port, {"session": session, "ssl_context": context})
        await exchange.load_markets()
        ccxt_orders = max(CONCURRENCY, requests // 10)
        for number in range(ROUNDS + 1):
            measured = (
                await _cpu_us(_wire_order(wire), requests),
                await _cpu_us(lambda: _ccxt_order(exchange), ccxt_orders),
                await _cpu_us(lambda: _old_way_order(port, ca_file), OLD_WAY_ORDERS, concurrency=1),
            )
            if number > 0:  # the first round warms caches and connections
                rounds.append(measured)
        await exchange.close()
    await wire.close()
    wire_us, ccxt_us, old_us = (median(column) for column in zip(*rounds, strict=True))
    return wire_us, ccxt_us, old_us


async def _cpu_us(send: SendOrder, orders: int, concurrency: int = CONCURRENCY) -> float:
    """Return the CPU microseconds of this process for one order."""
    left = itertools.repeat(None, orders)

    async def worker() -> None:
        for _ in left:
            await send()

    gc.collect()  # so that one way does not pay for the other's garbage
    started = time.process_time()
    await asyncio.gather(*[worker() for _ in range(concurrency)])
    return (time.process_time() - started) / orders * 1e6


def _wire_order(wire: Wire) -> SendOrder:
    """Make what a native client does: format, sign just before the write, send, parse."""
    numbers = itertools.count()
    head = (
        b"POST /fapi/v1/order HTTP/1.1\r\nHost: " + wire.endpoint.host_header + b"\r\nX-MBX-APIKEY: " + KEY.encode()
    ) + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b&signature=%b"
    secret = SECRET.encode()

    def build() -> bytes:
        form = (
            f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010&newClientOrderId=mb-{next(numbers)}"
            f"&newOrderRespType=RESULT&recvWindow=5000&timestamp={int(time.time() * 1000)}"
        ).encode()
        signature = hmac.digest(secret, form, "sha256").hex().encode()
        return head % (len(form) + 75, form, signature)  # "&signature=" and 64 hexadecimal digits

    async def send() -> None:
        reply = await wire.send(build, timeout_s=10)
        assert reply.status == 200
        assert orjson.loads(reply.body)["status"] == "FILLED"

    return send


def _new_exchange(port: int, options: dict[str, Any]) -> Any:
    import ccxt.async_support as ccxt  # a second of CPU and 111 MB: only who measures pays

    exchange = ccxt.binanceusdm({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, **options})
    for name, url in exchange.urls["api"].items():
        if isinstance(url, str):
            exchange.urls["api"][name] = f"https://{HOST}:{port}{urlsplit(url).path}"
    return exchange


async def _ccxt_order(exchange: Any) -> None:
    order = await exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
    assert order["status"] == "closed"


async def _old_way_order(port: int, ca_file: Path) -> None:
    """Do as the old bot did for every single order."""
    exchange = _new_exchange(port, {})
    exchange.cafile = str(ca_file.with_name(OLD_WAY_AUTHORITIES))
    try:
        await exchange.load_markets()
        await _ccxt_order(exchange)
    finally:
        await exchange.close()


# The venue: the cheapest server that answers what CCXT asks, in a process of its own.


class _Venue(asyncio.Protocol):
    answers: dict[bytes, bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + self._body_bytes(data, end):
            self._buffer = data
            return
        self._buffer = b""
        target = data[: data.find(b" ", 5)].split(b" ", 1)[1]
        self._transport.write(self.answers[target.split(b"?", 1)[0]])

    @staticmethod
    def _body_bytes(data: bytes, end: int) -> int:
        at = data.find(b"Content-Length: ", 0, end)
        return int(data[at + 16 : data.find(b"\r\n", at)]) if at >= 0 else 0


def _http(document: object) -> bytes:
    body = json.dumps(document).encode()
    fields = (
        b"Content-Type: application/json\r\nConnection: keep-alive\r\nX-MBX-USED-WEIGHT-1M: 12\r\n"
        b"X-MBX-ORDER-COUNT-10S: 3\r\nX-MBX-ORDER-COUNT-1M: 3\r\nDate: Tue, 24 Nov 2026 05:34:55 GMT\r\n"
    )
    return b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _answers() -> dict[bytes, bytes]:
    symbols = [_symbol(base) for base in ["BTC", *[f"C{n}" for n in range(INSTRUMENTS - 1)]]]
    order = {
        "orderId": 4293153, "symbol": "BTCUSDT", "status": "FILLED", "clientOrderId": "mb-1", "price": "0",
        "avgPrice": "64000.10", "origQty": "0.010", "executedQty": "0.010", "cumQuote": "640.001", "timeInForce": "GTC",
        "type": "MARKET", "reduceOnly": False, "closePosition": False, "side": "BUY", "positionSide": "BOTH",
        "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": "MARKET",
        "updateTime": 1_700_000_000_000,
    }  # fmt: skip
    return {
        b"/fapi/v1/order": _http(order),
        b"/fapi/v1/exchangeInfo": _http({"timezone": "UTC", "rateLimits": [], "symbols": symbols}),
        b"/sapi/v1/capital/config/getall": _http([_coin(f"C{n}") for n in range(INSTRUMENTS)]),
        b"/sapi/v1/margin/allPairs": _http([]),
    }


def _symbol(base: str) -> dict[str, object]:
    return {
        "symbol": f"{base}USDT", "pair": f"{base}USDT", "contractType": "PERPETUAL", "status": "TRADING",
        "deliveryDate": 4_133_404_800_000, "onboardDate": 1_569_398_400_000, "baseAsset": base, "quoteAsset": "USDT",
        "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3, "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "1000000", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }  # fmt: skip


def _coin(code: str) -> dict[str, object]:
    networks = [
        {
            "network": network, "coin": code, "withdrawIntegerMultiple": "0.00000001", "isDefault": True,
            "depositEnable": True, "withdrawEnable": True, "name": network, "withdrawFee": "0.5",
            "withdrawMin": "1", "withdrawMax": "10000", "minConfirm": 6, "unLockConfirm": 12,
        }
        for network in ("ETH", "BSC")
    ]  # fmt: skip
    return {
        "coin": code, "depositAllEnable": True, "withdrawAllEnable": True, "name": code, "free": "0", "locked": "0",
        "isLegalMoney": False, "trading": True, "networkList": networks,
    }  # fmt: skip


async def _serve(folder: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    _Venue.answers = _answers()
    server = await asyncio.get_running_loop().create_server(_Venue, HOST, 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _write_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    # CCXT reads certifi's authorities for each new instance: the old way has to pay for that here too.
    (folder / OLD_WAY_AUTHORITIES).write_bytes(Path(certifi.where()).read_bytes() + path.read_bytes())
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(_serve(Path(sys.argv[1])))
    else:
        for row in measure_wire():
            print(json.dumps(row))

"""What is hardly HTTP, and what is HTTP and means ill: refused or read one way, and whoever comes next is served."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from .addresses import Address
from .siege import HTML, Siege

HOSTS = (
    "localhost:99999", "localhost:-1", "localhost:x", "a:b:c", "[::1", "[::1]:x", "@evil.example:99", "localhost:" + "9" * 400,
    "evil.example", "%00", "..", "xn--", "localhost#", "localhost?x", "localhost/x", "\xff\xfe", "127.0.0.1:0", "",
)  # fmt: skip
HALF_PAIR = rb'{"\ud800":1}'
_END = b"\r\nhost: x\r\nconnection: close\r\n"
_JSON = _END + b"content-type: application/json\r\n"
ILL_FORMED = (
    b"\x00" * 200 + b"\r\n\r\n", b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET /v1/me\r\n\r\n", b"GET /v1/me HTTP/9.9" + _END + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 80 + b"\r\n\r\n",
    b"GET /v1/me HTTP/1.1" + _END + b"x: a\x00b\r\n\r\n", b"GET /v1/me HTTP/1.1" + _END + b"bad name: x\r\n\r\n",
    b"GET /v1/me HTTP/1.1" + _END + b": x\r\n\r\n", b"GET /v1/me HTTP/1.1" + _END + b"x: a\r\n folded\r\n\r\n",
    b"GET /v1/me HTTP/1.1" + _END + b"x: " + b"a" * 200_000 + b"\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1" + _END + b"\r\n",
    b"GET /v1/me HTTP/1.1" + _END + b"".join(b"h%d: 1\r\n" % n for n in range(500)) + b"\r\n",
    b"GET http://evil.example/v1/me HTTP/1.1" + _END + b"\r\n", b"GET //evil.example/login HTTP/1.1" + _END + b"\r\n",
    b"OPTIONS * HTTP/1.1" + _END + b"\r\n", b"CONNECT evil.example:443 HTTP/1.1" + _END + b"\r\n",
    b"GET /v1/me\xff\xfe HTTP/1.1" + _END + b"\r\n", b"GET /v1/\x00 HTTP/1.1" + _END + b"\r\n",
    b"POST /v1/session HTTP/1.1" + _JSON + b"content-length: -1\r\n\r\n{}",
    b"POST /v1/session HTTP/1.1" + _JSON + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    b"POST /v1/session HTTP/1.1" + _JSON + b"content-length: 99999999999999999999\r\n\r\n{}",
    b"POST /v1/session HTTP/1.1" + _JSON + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/session HTTP/1.1" + _JSON + b"transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/session HTTP/1.1" + _JSON + b"transfer-encoding: gzip\r\n\r\n{}",
    b"POST /v1/session HTTP/1.1" + _JSON + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /login HTTP/1.1" + _END + b"transfer-encoding: chunked, identity\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
)  # fmt: skip


async def said_to(siege: Siege, sent: bytes) -> bytes:
    """Return all that comes back until the server has enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", siege.api.port)
    try:
        with contextlib.suppress(OSError):  # it may have shut the door already
            writer.write(sent)
            await writer.drain()
            writer.write_eof()
            async with asyncio.timeout(30):
                return await reader.read()
        return b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("sent", ILL_FORMED, ids=range(len(ILL_FORMED)))
async def test_what_is_hardly_http_is_refused_and_harms_nobody(siege: Siege, sent: bytes) -> None:
    before = await siege.digest()
    said = await said_to(siege, sent)
    # Nothing at all, or an answer that blames the request.
    assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 303", b"HTTP/1.1 501")), said[:200]
    assert b"Traceback" not in said
    assert (await siege.api.send("GET", "/health/live")).status == 200
    assert await siege.digest() == before


@pytest.mark.parametrize("host", HOSTS)
async def test_the_host_that_is_named_decides_nothing(siege: Siege, addresses: list[Address], host: str) -> None:
    """A page's links are paths, and a letter's link has the address of the settings: what a request calls us is nobody's word."""
    for address in (each for each in addresses if not each.writes and not each.parameters and "events" not in each.path):
        who = siege.sessions["admin" if address.of_staff else "ana"]
        answer = await siege.ask(address, who, {}, host=host)
        assert answer.status in (200, 303, 400, 403, 404), (str(address), answer.status, answer.body[:200])
        assert b"evil.example" not in answer.body
        assert "evil.example" not in answer.headers.get("location", "")
    page = await siege.api.send("GET", "/nowhere", accept=HTML, host=host)
    assert page.status in (400, 404)


async def test_half_a_pair_of_surrogates_is_a_letter_like_any_other(siege: Siege, addresses: list[Address]) -> None:
    """JSON can spell what UTF-8 cannot: in a field's name, in a text, as a whole text. The field's name is told in what is refused."""
    numbers = await siege.numbers_of(1)
    before = await siege.digest()
    for address in (each for each in addresses if each.writes and not each.page):
        who = siege.sessions["admin" if address.of_staff else "ana"]
        for body in (HALF_PAIR, rb'{"name":"\ud800","label":"\udfff"}', rb'"\ud800"'):
            if address.path in ("/v1/session", "/v1/sessions", "/v1/sessions/{session_id:int}") and address.method == "DELETE":
                continue
            answer = await siege.ask(address, who, numbers, body)
            if answer.status < 400:
                before = await siege.digest()  # it takes no body, and did as it was asked
            assert answer.status < 500, (str(address), body, answer.body[:200])
    assert await siege.digest() == before

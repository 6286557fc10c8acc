"""A well-behaved venue: reuse, framing, headers, TLS, egress."""

import asyncio
import contextlib

import pytest

from marketbot.domain.egress import Egress
from marketbot.venues.wire import Endpoint, Reply, Stage, Wire, WireError, WireFailure, tls_context

REQUEST = b"POST /order HTTP/1.1\r\nHost: venue\r\nContent-Length: 3\r\n\r\na=1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Mbx-Used-Weight-1M: 12\r\n\r\nok"


async def always_ok(peer):
    while True:
        await peer.request()
        await peer.write(OK)


async def test_reuses_one_connection(serve, make_wire):
    venue = await serve(always_ok)
    wire = make_wire(venue)
    for _ in range(5):
        reply = await wire.send(REQUEST, timeout_s=2)
        assert (reply.status, reply.body) == (200, b"ok")
        assert reply.header(b"x-mbx-used-weight-1m") == b"12"
        assert reply.header(b"retry-after") is None
    assert len(venue.peers) == 1
    assert venue.requests == [REQUEST] * 5
    assert (wire.counters.requests, wire.counters.replies, wire.counters.connects) == (5, 5, 1)


async def test_signs_only_once_a_connection_is_at_hand(serve, make_wire):
    venue = await serve(always_ok)
    wire = make_wire(venue)
    seen = []

    def build():
        seen.append(len(venue.peers) + wire.counters.connects)
        return REQUEST

    await wire.send(build, timeout_s=2)
    assert len(seen) == 1
    assert seen[0] >= 1


async def test_builder_error_reaches_the_caller_and_costs_no_connection(serve, make_wire):
    venue = await serve(always_ok)
    wire = make_wire(venue)

    def build():
        raise KeyError("sealed")

    with pytest.raises(KeyError):
        await wire.send(build, timeout_s=2)
    with pytest.raises(TypeError):
        await wire.send(lambda: "text", timeout_s=2)
    assert (await wire.send(REQUEST, timeout_s=2)).status == 200
    assert len(venue.peers) == 1
    assert venue.requests == [REQUEST]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", b""),
    ],
)
async def test_framings_keep_the_connection(serve, make_wire, answer, body):
    async def script(peer):
        while True:
            await peer.request()
            await peer.write(answer)

    venue = await serve(script)
    wire = make_wire(venue)
    for _ in range(2):
        assert (await wire.send(REQUEST, timeout_s=2)).body == body
    assert len(venue.peers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"surplus",
    ],
)
async def test_does_not_reuse_what_must_not_be_reused(serve, make_wire, answer):
    async def script(peer):
        while True:
            await peer.request()
            await peer.write(answer)

    venue = await serve(script)
    wire = make_wire(venue)
    for _ in range(2):
        assert (await wire.send(REQUEST, timeout_s=2)).body == b"ok"
    assert len(venue.peers) == 2


async def test_body_framed_by_the_end_of_the_stream(serve, make_wire):
    async def script(peer):
        await peer.request()
        await peer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n<html>")
        await peer.write(b"blocked")

    wire = make_wire(await serve(script))
    reply = await wire.send(REQUEST, timeout_s=2)
    assert (reply.status, reply.body) == (403, b"<html>blocked")


async def test_answer_in_single_bytes(serve, make_wire):
    async def script(peer):
        await peer.request()
        for at in range(len(OK)):
            await peer.write(OK[at : at + 1])
            await asyncio.sleep(0)

    wire = make_wire(await serve(script))
    assert (await wire.send(REQUEST, timeout_s=2)).body == b"ok"


async def test_tls_round_trip_with_a_large_body(serve, make_wire, certificates):
    body = bytes(range(256)) * 4096  # many TLS records

    async def script(peer):
        while True:
            await peer.request()
            await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    venue = await serve(script, ssl_context=certificates.server)
    wire = make_wire(Endpoint("https", "127.0.0.1", venue.port), ssl_context=certificates.client)
    large = b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"z" * 100_000
    for request in (REQUEST, large, REQUEST):
        assert (await wire.send(request, timeout_s=5)).body == body
    assert venue.requests == [REQUEST, large, REQUEST]
    assert len(venue.peers) == 1


async def test_unknown_authority_is_refused(serve, make_wire, certificates):
    venue = await serve(always_ok, ssl_context=certificates.server)
    context = tls_context(certificates.other_ca_file)
    wire = make_wire(Endpoint("https", "127.0.0.1", venue.port), ssl_context=context)
    with pytest.raises(WireError) as caught:
        await wire.send(REQUEST, timeout_s=2)
    assert (caught.value.stage, caught.value.failure) == (Stage.NOT_SENT, WireFailure.TLS_REFUSED)
    assert venue.requests == []


async def test_certificate_for_another_name_is_refused(serve, make_wire, certificates):
    venue = await serve(always_ok, host="127.0.0.2", ssl_context=certificates.server)
    wire = make_wire(Endpoint("https", "127.0.0.2", venue.port), ssl_context=certificates.client)
    with pytest.raises(WireError) as caught:
        await wire.send(REQUEST, timeout_s=2)
    assert (caught.value.stage, caught.value.failure) == (Stage.NOT_SENT, WireFailure.TLS_REFUSED)


async def test_egress_address_is_what_the_venue_sees(serve, make_wire):
    venue = await serve(always_ok)
    wire = make_wire(venue, egress=Egress.parse("127.0.0.2"))
    await wire.send(REQUEST, timeout_s=2)
    assert venue.addresses == ["127.0.0.2"]


async def test_warm_opens_ahead(serve, make_wire, until):
    venue = await serve(always_ok)
    wire = make_wire(venue, max_connections=8, max_connecting=2)
    assert await wire.warm(5) == 5
    assert await wire.warm(3) == 5
    assert await wire.warm(99) == 8
    await until(lambda: len(venue.peers) == 8)
    await asyncio.gather(*[wire.send(REQUEST, timeout_s=2) for _ in range(8)])
    assert len(venue.peers) == 8


async def test_warming_does_not_hammer_a_venue_that_hangs_up(serve, make_wire, until):
    async def script(peer):
        peer.reset()

    venue = await serve(script)
    wire = make_wire(venue, max_connecting=2)
    with contextlib.suppress(WireError):  # a hang-up may be seen before or after the connection counts as open
        await wire.warm(4)
    await until(lambda: wire.idle == 0)
    assert len(venue.peers) <= 4


async def test_repr_shows_the_pool_and_no_secret(serve, make_wire, until):
    gate = asyncio.Event()

    async def script(peer):
        await peer.request()
        await gate.wait()
        await peer.write(OK)
        await always_ok(peer)

    venue = await serve(script)
    wire = make_wire(venue, max_connections=1, egress=Egress.parse("127.0.0.1"))
    tasks = [asyncio.create_task(wire.send(b"X-MBX-APIKEY: s3cret\r\n\r\n", timeout_s=2)) for _ in range(2)]
    await until(lambda: wire.active == 1)
    shown = f"<Wire http://127.0.0.1:{venue.port} egress=127.0.0.1 active=1 idle=0 waiting=1 connecting=0>"
    assert repr(wire) == shown
    gate.set()
    replies = await asyncio.gather(*tasks)
    assert repr(replies[0]) == "<Reply 200 body=2B>"
    assert isinstance(replies[0], Reply)
    assert isinstance(wire, Wire)

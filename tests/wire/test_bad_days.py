"""A venue, a network and a caller that misbehave: what is known of the request afterwards."""

import asyncio
import socket

import pytest

from marketbot.domain.egress import Egress
from marketbot.venues.wire import Endpoint, Stage, WireError, WireFailure
from marketbot.venues.wire.answer import MAX_BODY_BYTES, MAX_HEAD_BYTES

REQUEST = b"POST /order HTTP/1.1\r\nHost: venue\r\nContent-Length: 3\r\n\r\na=1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def always_ok(peer):
    while True:
        await peer.request()
        await peer.write(OK)


def answering(*answers):
    """Answer the first connections with `answers`, one each, closing after it; then behave."""

    async def script(peer):
        if peer.number >= len(answers):
            return await always_ok(peer)
        await peer.request()
        return await peer.write(answers[peer.number])

    return script


async def fails(wire, *, timeout_s=2.0, request=REQUEST, urgent=False):
    with pytest.raises(WireError) as caught:
        await wire.send(request, timeout_s=timeout_s, urgent=urgent)
    assert wire.counters.failures[caught.value.stage, caught.value.failure] >= 1
    return caught.value.stage, caught.value.failure


async def test_refused_connect_is_not_sent(make_wire):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        wire = make_wire(Endpoint("http", "127.0.0.1", unused.getsockname()[1]))
        assert await fails(wire) == (Stage.NOT_SENT, WireFailure.CONNECT_FAILED)
        with pytest.raises(WireError):
            await wire.warm(2)
    assert wire.counters.failed(Stage.NOT_SENT) == 1


async def test_all_who_wait_learn_of_a_refused_connect(make_wire):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        wire = make_wire(Endpoint("http", "127.0.0.1", unused.getsockname()[1]), max_connecting=2)
        outcomes = await asyncio.gather(*[fails(wire) for _ in range(20)])
    assert set(outcomes) == {(Stage.NOT_SENT, WireFailure.CONNECT_FAILED)}
    assert wire.counters.connects_failed <= 2


async def test_handshake_that_never_ends_is_not_sent(serve, make_wire, certificates):
    async def script(peer):
        await peer.reader.read()

    venue = await serve(script)
    endpoint = Endpoint("https", "127.0.0.1", venue.port)
    wire = make_wire(endpoint, ssl_context=certificates.client, connect_timeout_s=0.05)
    assert await fails(wire) == (Stage.NOT_SENT, WireFailure.CONNECT_TIMEOUT)


async def test_deadline_while_waiting_for_a_connect_is_not_sent(serve, make_wire, certificates):
    async def script(peer):
        await peer.reader.read()

    venue = await serve(script)
    endpoint = Endpoint("https", "127.0.0.1", venue.port)
    wire = make_wire(endpoint, ssl_context=certificates.client)
    assert await fails(wire, timeout_s=0.03) == (Stage.NOT_SENT, WireFailure.DEADLINE_BEFORE_SEND)


async def test_hang_is_unknown_and_its_connection_is_never_used_again(serve, make_wire):
    release = asyncio.Event()

    async def script(peer):
        await peer.request()
        if peer.number == 0:
            await release.wait()
            await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
            return
        await peer.write(OK)

    venue = await serve(script)
    wire = make_wire(venue)
    assert await fails(wire, timeout_s=0.05) == (Stage.UNKNOWN, WireFailure.ANSWER_TIMEOUT)
    release.set()
    assert (await wire.send(REQUEST, timeout_s=2)).body == b"ok"
    assert len(venue.peers) == 2


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", WireFailure.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Le", WireFailure.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", WireFailure.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf", WireFailure.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH\r\n\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 abc OK\r\n\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 2000 OK\r\n\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9, WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd", WireFailure.ANSWER_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), WireFailure.ANSWER_TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1%040d\r\n\r\n" % 0, WireFailure.ANSWER_TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", WireFailure.ANSWER_TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD_BYTES, WireFailure.ANSWER_TOO_LARGE),
    ],
)
async def test_incomplete_and_broken_answers_are_unknown(serve, make_wire, answer, failure):
    venue = await serve(answering(answer))
    wire = make_wire(venue)
    assert await fails(wire) == (Stage.UNKNOWN, failure)
    assert (await wire.send(REQUEST, timeout_s=2)).body == b"ok"
    assert len(venue.requests) == 2  # nothing was re-sent behind the caller's back


async def test_reset_after_the_request_is_unknown(serve, make_wire):
    async def script(peer):
        await peer.request()
        peer.reset()

    venue = await serve(script)
    wire = make_wire(venue)
    assert await fails(wire) == (Stage.UNKNOWN, WireFailure.CONNECTION_LOST)
    assert len(venue.requests) == 1


async def test_tls_stream_cut_without_goodbye_does_not_complete_a_body(serve, make_wire, certificates):
    async def script(peer):
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        peer.reset()

    venue = await serve(script, ssl_context=certificates.server)
    wire = make_wire(Endpoint("https", "127.0.0.1", venue.port), ssl_context=certificates.client)
    assert await fails(wire) == (Stage.UNKNOWN, WireFailure.CONNECTION_LOST)


async def test_tls_body_framed_by_a_proper_goodbye_is_complete(serve, make_wire, certificates):
    async def script(peer):
        await peer.request()
        await peer.write(b"HTTP/1.1 403 Forbidden\r\n\r\nblocked")

    venue = await serve(script, ssl_context=certificates.server)
    wire = make_wire(Endpoint("https", "127.0.0.1", venue.port), ssl_context=certificates.client)
    assert (await wire.send(REQUEST, timeout_s=2)).body == b"blocked"


async def test_hang_up_during_the_handshake_is_not_sent(serve, make_wire, certificates):
    async def script(peer):
        peer.reset()

    venue = await serve(script)
    wire = make_wire(Endpoint("https", "127.0.0.1", venue.port), ssl_context=certificates.client)
    assert await fails(wire) == (Stage.NOT_SENT, WireFailure.CONNECT_FAILED)


async def test_egress_address_that_is_not_ours_is_not_sent(serve, make_wire):
    venue = await serve(always_ok)
    wire = make_wire(venue, egress=Egress.parse("192.0.2.1"))
    assert await fails(wire) == (Stage.NOT_SENT, WireFailure.CONNECT_FAILED)
    assert venue.peers == []


async def test_peer_that_closed_an_idle_connection_costs_nothing(serve, make_wire, until):
    async def script(peer):
        await peer.request()
        await peer.write(OK)

    venue = await serve(script)
    wire = make_wire(venue)
    for _ in range(3):
        assert (await wire.send(REQUEST, timeout_s=2)).body == b"ok"
        await until(lambda: wire.idle == 0)
    assert len(venue.requests) == 3


async def test_closed_peer_is_noticed_before_the_loop_reads_the_end_of_stream(make_wire):
    """The venue hangs up while the loop is busy: the probe before the next write sees it, the loop has not yet."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        wire = make_wire(Endpoint("http", "127.0.0.1", listener.getsockname()[1]))

        async def answer_one():
            conn, _ = await loop.sock_accept(listener)
            await loop.sock_recv(conn, 65_536)
            await loop.sock_sendall(conn, OK)
            return conn

        conn, _ = await asyncio.gather(answer_one(), wire.send(REQUEST, timeout_s=2))
        (connection,) = wire._idle
        connection.idle_since -= 1.0
        assert connection.is_usable(loop.time())
        conn.close()  # from here on no await: the loop cannot have seen the end of the stream
        assert connection.is_usable(connection.idle_since)
        assert wire._take_idle() is None
        assert wire.counters.connections_stale == 1


async def test_bytes_nobody_asked_for_close_the_connection(serve, make_wire, until):
    async def script(peer):
        await peer.request()
        await peer.write(OK)
        if peer.number == 0:
            await peer.venue.ready.wait()
            await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        await always_ok(peer)

    venue = await serve(script)
    venue.ready = asyncio.Event()
    wire = make_wire(venue)
    await wire.send(REQUEST, timeout_s=2)
    venue.ready.set()
    await until(lambda: wire.idle == 0)
    assert (await wire.send(REQUEST, timeout_s=2)).body == b"ok"
    assert len(venue.peers) == 2


async def test_idle_connections_expire(serve, make_wire, until):
    venue = await serve(always_ok)
    wire = make_wire(venue, idle_timeout_s=0.05)
    await wire.send(REQUEST, timeout_s=2)
    await until(lambda: wire.idle == 0)
    assert wire.counters.connections_expired == 1
    await wire.send(REQUEST, timeout_s=2)
    assert len(venue.peers) == 2


async def test_expired_connection_is_not_taken_even_between_two_ticks(serve, make_wire):
    venue = await serve(always_ok)
    wire = make_wire(venue, idle_timeout_s=10)
    await wire.send(REQUEST, timeout_s=2)
    wire._idle[0].idle_since -= 11
    await wire.send(REQUEST, timeout_s=2)
    assert (len(venue.peers), wire.counters.connections_expired) == (2, 1)


def test_plain_http_leaves_this_machine_never():
    for host in ("fapi.binance.com", "10.0.0.1", "localhost.example"):
        with pytest.raises(ValueError, match="loopback"):
            Endpoint("http", host, 80)
    assert Endpoint("http", "localhost", 80).host_header == b"localhost"
    assert Endpoint("https", "api.bybit.com", 443).host_header == b"api.bybit.com"
    assert Endpoint("https", "::1", 8443).host_header == b"[::1]:8443"


async def test_host_of_another_environment_is_refused(make_wire, certificates):
    testnet = frozenset({"demo-fapi.binance.com"})
    with pytest.raises(ValueError, match="environment"):
        make_wire(Endpoint("https", "fapi.binance.com", 443), allowed_hosts=testnet, ssl_context=certificates.client)


async def test_context_that_verifies_nothing_is_refused(make_wire, certificates):
    for loosen in ("name", "chain"):
        context = certificates.client
        context.check_hostname = False
        if loosen == "chain":
            context.verify_mode = __import__("ssl").CERT_NONE
        with pytest.raises(ValueError, match="verify"):
            make_wire(Endpoint("https", "127.0.0.1", 443), ssl_context=context)
    with pytest.raises(ValueError, match="TLS context"):
        make_wire(Endpoint("https", "127.0.0.1", 443))

"""The bounds of the pool, whose turn it is, cancellation and closing."""

import asyncio
import socket

import pytest

from marketbot.venues.wire import Endpoint, Stage, WireError, WireFailure

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def request(name):
    return b"POST /%s HTTP/1.1\r\n\r\n" % name.encode()


def names(venue):
    return [r.split(b" ")[1][1:].decode() for r in venue.requests]


class Gate:
    """Answers a request only when its name was let through."""

    def __init__(self):
        self.open = {}

    def event(self, name):
        return self.open.setdefault(name, asyncio.Event())

    def let(self, *through):
        for name in through:
            self.event(name).set()

    async def __call__(self, peer):
        while True:
            name = (await peer.request()).split(b" ")[1][1:].decode()
            await self.event(name).wait()
            await peer.write(OK)


@pytest.fixture
def gate():
    return Gate()


def start(wire, name, **options):
    return asyncio.create_task(wire.send(request(name), timeout_s=options.pop("timeout_s", 5), **options))


async def test_never_more_connections_than_the_bound(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=3)
    tasks = [start(wire, str(n)) for n in range(10)]
    await until(lambda: len(venue.requests) == 3)
    assert (wire.active, wire.waiting, wire.connecting) == (3, 7, 0)
    gate.let(*map(str, range(10)))
    assert [r.status for r in await asyncio.gather(*tasks)] == [200] * 10
    assert len(venue.peers) == 3
    assert (wire.active, wire.idle, wire.waiting) == (0, 3, 0)


async def test_handshakes_are_limited(serve, make_wire, gate):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=50, max_connecting=4)
    gate.let(*map(str, range(50)))
    tasks = [start(wire, str(n)) for n in range(50)]
    await asyncio.sleep(0)
    assert wire.connecting == 4
    await asyncio.gather(*tasks)


async def test_full_queue_is_not_sent(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1, max_waiting=2)
    tasks = [start(wire, "a")]
    await until(lambda: bool(venue.requests))
    tasks += [start(wire, "b"), start(wire, "c")]
    await until(lambda: wire.waiting == 2)
    with pytest.raises(WireError) as caught:
        await wire.send(request("d"), timeout_s=5)
    assert (caught.value.stage, caught.value.failure) == (Stage.NOT_SENT, WireFailure.QUEUE_FULL)
    gate.let(*"abc")
    await asyncio.gather(*tasks)
    assert names(venue) == ["a", "b", "c"]


async def test_urgent_goes_first_and_the_rest_keeps_its_order(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    tasks = [start(wire, "first")]
    await until(lambda: bool(venue.requests))
    tasks += [start(wire, "a"), start(wire, "b"), start(wire, "stop", urgent=True), start(wire, "exit", urgent=True)]
    await until(lambda: wire.waiting == 4)
    gate.let("first", "a", "b", "stop", "exit")
    await asyncio.gather(*tasks)
    assert names(venue) == ["first", "stop", "exit", "a", "b"]


async def test_hung_entries_cannot_hold_up_a_stop(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=3, reserved=1)
    entries = [start(wire, name) for name in "abc"]
    await until(lambda: len(venue.requests) == 2)
    assert wire.waiting == 1
    gate.let("stop")
    assert (await start(wire, "stop", urgent=True)).status == 200
    assert set(names(venue)[:2]) == {"a", "b"}
    assert names(venue)[2:] == ["stop"]
    assert (wire.idle, wire.waiting) == (1, 1)  # the reserved connection does not serve an entry
    gate.let(*"abc")
    await asyncio.gather(*entries)


async def test_hung_requests_give_their_connections_up_at_their_deadline(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=2)
    hung = [start(wire, name, timeout_s=0.05) for name in ("hang1", "hang2")]
    await until(lambda: len(venue.requests) == 2)
    gate.let("next")
    assert (await start(wire, "next")).status == 200
    for outcome in await asyncio.gather(*hung, return_exceptions=True):
        assert isinstance(outcome, WireError)
        assert outcome.may_have_reached_venue


async def test_deadline_in_the_queue_is_not_sent(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    busy = start(wire, "busy")
    await until(lambda: bool(venue.requests))
    with pytest.raises(WireError) as caught:
        await start(wire, "late", timeout_s=0.03)
    assert (caught.value.stage, caught.value.failure) == (Stage.NOT_SENT, WireFailure.DEADLINE_BEFORE_SEND)
    gate.let("busy")
    await busy
    assert names(venue) == ["busy"]


async def test_cancelled_in_the_queue_is_never_sent(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    busy, doomed, after = start(wire, "busy"), start(wire, "doomed"), start(wire, "after")
    await until(lambda: venue.requests and wire.waiting == 2)
    doomed.cancel()
    gate.let("busy", "doomed", "after")
    await asyncio.gather(busy, after)
    assert doomed.cancelled()
    assert names(venue) == ["busy", "after"]


async def test_cancelled_at_the_moment_its_turn_comes_is_never_sent(serve, make_wire, gate, until):
    """The task is cancelled but has not run yet when a connection becomes free."""
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    busy, doomed = start(wire, "busy"), start(wire, "doomed")
    await until(lambda: venue.requests and wire.waiting == 1)
    (connection,) = wire._open
    doomed.cancel()
    connection.data_received(OK)  # before the loop runs the cancelled task
    await busy
    assert wire.waiting == 0


async def test_cancelled_in_flight_closes_its_connection(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    doomed, after = start(wire, "doomed"), start(wire, "after")
    await until(lambda: bool(venue.requests))
    doomed.cancel()
    gate.let("doomed", "after")
    assert (await after).status == 200
    assert len(venue.peers) == 2
    assert wire.counters.failures[Stage.UNKNOWN, WireFailure.CANCELLED] == 1


async def test_cancelled_after_the_answer_leaves_the_next_request_alone(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    first, second = start(wire, "first"), start(wire, "second")
    await until(lambda: bool(venue.requests))
    (connection,) = wire._open
    connection.call.answer.add_done_callback(lambda _: first.cancel())
    gate.let("first", "second")
    assert (await second).status == 200
    assert len(venue.peers) == 1


async def test_waits_for_the_venue_to_come_back(make_wire, serve, gate, until):
    """A first failed connect fails who waits; later ones wait out the pause instead of hammering."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        wire = make_wire(Endpoint("http", "127.0.0.1", port))
        with pytest.raises(WireError):
            await start(wire, "a")
        b = start(wire, "b")
        await until(lambda: wire.waiting == 1)
        assert wire.connecting == 0
    gate.let("b")
    venue = await serve(gate, port=port)
    assert (await b).status == 200
    assert names(venue) == ["b"]


async def test_close_fails_who_waits_and_lets_the_rest_finish(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue, max_connections=1)
    flying, waiting = start(wire, "flying"), start(wire, "waiting")
    await until(lambda: venue.requests and wire.waiting == 1)
    closing = asyncio.create_task(wire.close(grace_s=5))
    with pytest.raises(WireError) as caught:
        await waiting
    assert (caught.value.stage, caught.value.failure) == (Stage.NOT_SENT, WireFailure.WIRE_CLOSED)
    gate.let("flying")
    assert (await flying).status == 200
    await closing
    with pytest.raises(WireError) as caught:
        await start(wire, "late")
    assert caught.value.stage is Stage.NOT_SENT
    assert repr(wire).endswith("active=0 idle=0 waiting=0 connecting=0 closed>")


async def test_close_without_grace_leaves_those_in_flight_unknown(serve, make_wire, gate, until):
    venue = await serve(gate)
    wire = make_wire(venue)
    flying = start(wire, "flying")
    await until(lambda: bool(venue.requests))
    await wire.close()
    with pytest.raises(WireError) as caught:
        await flying
    assert (caught.value.stage, caught.value.failure) == (Stage.UNKNOWN, WireFailure.WIRE_CLOSED)

"""Fault runs by seed: whatever the venue does, the wire never lies about what left and never mixes answers up."""

import asyncio
import random
from collections import Counter

import pytest

from marketbot.venues.wire import Endpoint, Stage, WireError

REQUESTS = 400
WORKERS = 20
TIMEOUT_S = 0.15


class FaultyVenue:
    """Keeps a ledger of the requests it read and misbehaves by a seeded choice."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.hang_ups = asyncio.Event()

    async def __call__(self, peer):
        if self.random.random() < 0.05:
            return peer.reset()
        while True:
            name = (await peer.request()).split(b" ")[1][1:]
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name)
            match self.random.choices(
                ["good", "split", "chunked", "close", "reset", "half", "hang", "garbage", "surplus", "quiet close"],
                [60, 10, 10, 3, 3, 3, 3, 3, 3, 2],
            )[0]:
                case "good":
                    await peer.write(answer)
                case "split":
                    cut = self.random.randrange(1, len(answer))
                    await peer.write(answer[:cut])
                    await asyncio.sleep(0)
                    await peer.write(answer[cut:])
                case "chunked":
                    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    await peer.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(name), name))
                case "close":
                    await peer.write(answer.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))
                    return None
                case "reset":
                    return peer.reset()
                case "half":
                    await peer.write(answer[: self.random.randrange(len(answer))])
                    return None
                case "hang":
                    await self.hang_ups.wait()
                    await peer.write(answer)
                case "garbage":
                    await peer.write(b"<html>502</html>\r\n\r\n")
                case "surplus":
                    await peer.write(answer + answer)
                case "quiet close":
                    await peer.write(answer)
                    return None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_audit(serve, make_wire, certificates, seed, tls):
    faulty = FaultyVenue(seed)
    venue = await serve(faulty, ssl_context=certificates.server if tls else None)
    wire = make_wire(
        Endpoint("https" if tls else "http", "127.0.0.1", venue.port),
        ssl_context=certificates.client if tls else None,
        max_connections=8,
        max_waiting=10,
        reserved=1,
    )
    chance = random.Random(seed + 1000)
    outcomes = {}

    async def order(name):
        task = asyncio.ensure_future(
            wire.send(lambda: b"POST /%b HTTP/1.1\r\n\r\n" % name, timeout_s=TIMEOUT_S, urgent=chance.random() < 0.2)
        )
        if chance.random() < 0.1:
            asyncio.get_running_loop().call_later(chance.random() * 0.01, task.cancel)
        try:
            reply = await task
        except WireError as error:
            outcomes[name] = error.stage
        except asyncio.CancelledError:
            outcomes[name] = "cancelled"
        else:
            outcomes[name] = "answered"
            assert reply.body == name, f"seed {seed}: one request got another's answer"

    names = iter([b"%d" % n for n in range(REQUESTS)])

    async def worker():
        for name in names:
            await order(name)

    await asyncio.gather(*[worker() for _ in range(WORKERS)])
    faulty.hang_ups.set()
    assert (wire.active, wire.waiting) == (0, 0)
    assert wire._normal_in_flight == 0
    assert len(wire._open) <= 8

    ledger = Counter(request.split(b" ")[1][1:] for request in venue.requests)
    assert set(ledger.values()) == {1}, f"seed {seed}: the venue saw a request twice"
    assert len(outcomes) == REQUESTS
    for name, outcome in outcomes.items():
        assert not (outcome is Stage.NOT_SENT and name in ledger), f"seed {seed}: {name!r} did leave"
        assert not (outcome == "answered" and name not in ledger)
    assert {"answered", Stage.UNKNOWN} <= set(outcomes.values())  # the faults did happen
    told = Counter(outcomes.values())
    # A caller cancelled in the very moment of an answer or a failure is counted by the wire all the same.
    assert wire.counters.replies >= told["answered"]
    assert wire.counters.failed(Stage.NOT_SENT) >= told[Stage.NOT_SENT]
    assert wire.counters.failed(Stage.UNKNOWN) >= told[Stage.UNKNOWN]

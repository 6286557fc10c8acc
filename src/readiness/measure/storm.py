"""A flood from one address, and slow senders from others:
``python -m readiness.measure.storm URL PATH PER_S SECONDS FLOOD_ADDRESS SLOW_ADDRESS,...``.

A process of its own, so that what it spends is not taken from the generator that times the others' requests. It says "ready", begins
when a line comes, and tells what it found as one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence

import orjson

from readiness.load.arrivals import Arrivals
from readiness.load.generator import Plan, run_load
from readiness.load.scenario import Route, Scenario, User
from readiness.load.target import Target, target
from readiness.load.wire import Connection, WireFailed, connect

FLOOD_CONNECTIONS = 64
SLOW_SENDERS = 500
"""Callers that begin a request each and do not finish it."""
SLOW_CONTENT = 100
READY = b"ready\n"
REFUSALS = frozenset({401, 403, 404, 429})


async def storm(
    where: Target, path: str, per_s: float, seconds: float, flood_address: str, slow_addresses: Sequence[str]
) -> dict[str, object]:
    """Send what nobody may send, and hold connections that say nothing."""
    route = Route("flood", "POST", path, 1.0, body="{}", expects=REFUSALS)
    plan = Plan(
        where,
        Scenario("flood", (route,), 1.0),
        [User()] * FLOOD_CONNECTIONS,
        seconds,
        per_s,
        Arrivals.CONSTANT,
        sources=(flood_address,) if flood_address else (),
    )
    slow = asyncio.create_task(_hold(where, path, slow_addresses, seconds))
    try:
        flooded = await run_load(plan)
    finally:
        slow.cancel()
        held = await asyncio.gather(slow, return_exceptions=True)
    kind = flooded.kinds.get("flood")
    return {
        "requests": flooded.count,
        "statuses": {} if kind is None else {str(status): count for status, count in kind.statuses.items()},
        "slow": held[0] if isinstance(held[0], int) else 0,
    }


async def _hold(where: Target, path: str, addresses: Sequence[str], seconds: float) -> int:
    """Begin requests that never end; return how many were held when cancelled."""
    held: list[Connection] = []
    answers: list[asyncio.Task[object]] = []
    head = f"POST {path} HTTP/1.1\r\nHost: {where.authority}\r\nContent-Length: {SLOW_CONTENT}\r\n\r\nx".encode("latin-1")
    try:
        for number in range(SLOW_SENDERS if addresses else 0):
            try:
                connection = await connect(where, source=addresses[number % len(addresses)])
            except WireFailed:
                continue
            held.append(connection)
            answers.append(asyncio.create_task(_silent(connection, head, seconds)))
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        pass
    finally:
        for answer in answers:
            answer.cancel()
        for connection in held:
            connection.close()
    return len(held)


async def _silent(connection: Connection, head: bytes, seconds: float) -> None:
    with contextlib.suppress(WireFailed):
        await connection.ask(head, seconds * 2)


def main() -> int:
    url, path, per_s, seconds, flood_address, slow_addresses = sys.argv[1:]
    where = target(url)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    if not sys.stdin.buffer.readline():
        return 1
    slow = [each for each in slow_addresses.split(",") if each]
    found = asyncio.run(storm(where, path, float(per_s), float(seconds), flood_address, slow))
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The attackers of ``bench.door``, in a process of their own: ``python -m bench.door_attack PORT``, until they are killed.

Prints one line of JSON a second: what the flood was answered since the last one, by status, and how many slow senders are connected.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress

FLOOD_PER_S = 2_000
FLOOD_ADDRESS = "127.0.0.2"
FLOOD_CONNECTIONS = 64
SLOW_SENDERS = 500
SLOW_ADDRESSES = ("127.0.0.30", "127.0.0.31")
"""Two, since one address may not hold as many connections."""
LETTER_EVERY_S = 1.0
TICK_S = 0.02
HEAD_BYTES_MAX = 4_096
REQUEST = b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n"


async def flood(port: int, answered: Counter[str]) -> None:
    """Ask FLOOD_PER_S times a second in all, over connections that are opened again when they are shut."""
    share_s = FLOOD_CONNECTIONS / FLOOD_PER_S

    async def one() -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(FLOOD_ADDRESS, 0))
                due = loop.time()
                while True:
                    writer.write(REQUEST)
                    answer = await reader.read(HEAD_BYTES_MAX)
                    if not answer:
                        break
                    answered[answer[9:12].decode("latin-1")] += 1
                    due += share_s
                    await asyncio.sleep(max(0.0, due - loop.time()))
                writer.close()
            except OSError:
                answered["refused"] += 1
                await asyncio.sleep(TICK_S)

    await asyncio.gather(*(one() for _ in range(FLOOD_CONNECTIONS)))


async def dribble(port: int, number: int, connected: set[int]) -> None:
    """Send headers a letter a second for ever; begin anew when cut off."""
    address = SLOW_ADDRESSES[number % len(SLOW_ADDRESSES)]
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            connected.add(number)
            ended = asyncio.ensure_future(reader.read())
            writer.write(b"POST /v1/webhook/bench/x HTTP/1.1\r\nHost: bench\r\nX-Slow: ")
            while not (await asyncio.wait({ended}, timeout=LETTER_EVERY_S))[0]:
                writer.write(b"a")
            connected.discard(number)
            with suppress(OSError):
                await ended
            writer.close()
        await asyncio.sleep(TICK_S)


async def main(port: int) -> None:
    answered: Counter[str] = Counter()
    connected: set[int] = set()
    tasks = [asyncio.create_task(flood(port, answered))]
    tasks += [asyncio.create_task(dribble(port, number, connected)) for number in range(SLOW_SENDERS)]
    while not any(task.done() for task in tasks):
        await asyncio.sleep(1.0)
        print(json.dumps({"answered": answered, "slow": len(connected)}), flush=True)
        answered.clear()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

"""A real shared store that a test starts, kills, freezes and starts again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from marketbot.cache.valkey_server import ValkeyServer

DEADLINE_S = 20.0


class Store:
    """One embedded server. ``url`` stays the same across restarts."""

    def __init__(self, place: Path) -> None:
        place.mkdir(mode=0o711, exist_ok=True)
        place.chmod(0o711)
        self.server = ValkeyServer(place)
        self.url = self.server.prepare()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self.server.spawn()
        deadline = time.monotonic() + DEADLINE_S
        with redis.Redis.from_url(self.url) as client:
            while True:
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return
                assert self.process.poll() is None, "the server ended while it started"
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition (or an awaitable of one); fail after the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)

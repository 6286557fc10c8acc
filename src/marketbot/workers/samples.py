"""Writes down once a minute what this process counted, so that an operator sees the last days without a monitoring system."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import structlog

from marketbot.domain.errors import MarketBotError
from marketbot.observability.minute import Minute, gauge
from marketbot.ports import Clock
from marketbot.store.pool import Connection, is_unavailable
from marketbot.store.samples import Sample, write_sample
from marketbot.workers.memory import resident_bytes

EVERY = timedelta(minutes=1)
WRITE_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)

OpenConnection = Callable[[], AbstractAsyncContextManager[Connection]]


class Sampler:
    """Samples one process; ``kind`` is ``engine`` or ``api``."""

    def __init__(self, connect: OpenConnection, kind: str, clock: Clock) -> None:
        self._connect = connect
        self._kind = kind
        self._clock = clock
        self._minute = Minute()
        self.process = f"{kind}-{os.getpid()}-{secrets.token_hex(3)}"

    async def run(self) -> None:
        """Sample at the end of every minute of the clock, until cancelled. A minute that cannot be written is lost."""
        while True:
            now = self._clock.now()
            ends = now.replace(second=0, microsecond=0) + EVERY
            await self._clock.sleep((ends - now).total_seconds())
            await self.sample(ends)

    async def sample(self, ends: datetime) -> None:
        """Write the minute that ends now."""
        taken = Sample(
            at=ends - EVERY,
            process=self.process,
            kind=self._kind,
            memory_bytes=resident_bytes(),
            memory_bound_bytes=gauge("marketbot_memory_bound_bytes"),
            connections=gauge("marketbot_database_connections"),
            connections_usable=gauge("marketbot_database_connections_max"),
            counts=self._minute.take(),
        )
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S), self._connect() as connection:
                await write_sample(connection, taken)
        except Exception as error:
            if not is_unavailable(error) and not isinstance(error, MarketBotError):
                raise
            log.info("sample_not_written", error=type(error).__name__)

"""Carries bans of addresses between the processes that send from them, as notifications of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import structlog

from marketbot.domain.venue import Environment, Market, Venue
from marketbot.store.pool import Pool, is_unavailable

CHANNEL = "egress_ban"
MAX_ON_THEIR_WAY = 256
"""Bans that are being told; one more is told to nobody, and the others find it out by a refusal."""

log = structlog.get_logger(__name__)

Listener = Callable[[Market, int, datetime], None]


class BanNews:
    """Fulfils ``ports.EgressNews``. What is lost costs a refusal more: the venue itself is the truth."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._listeners: list[Listener] = []
        self._telling: set[asyncio.Task[None]] = set()

    def publish(self, market: Market, egress: int, until: datetime) -> None:
        """Tell every process, this one included, which learns nothing new by it."""
        if len(self._telling) >= MAX_ON_THEIR_WAY:
            return
        said = orjson.dumps([market.venue, market.environment.value, egress, until.isoformat()]).decode()
        task = asyncio.create_task(self._tell(said), name="ban-news")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def on_block(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def hear(self, _channel: str, payload: str) -> None:
        """Take what a process said; anybody who may connect can say anything, so what makes no sense is passed over."""
        if not payload:
            return
        try:
            venue, environment, egress, until = orjson.loads(payload)
            market = Market(Venue(venue), Environment(environment))
            ends_at = datetime.fromisoformat(until).astimezone(UTC)
            number = int(egress)
        except (ValueError, TypeError):
            log.warning("ban_news_not_understood")
            return
        for listener in self._listeners:
            listener(market, number, ends_at)

    async def _tell(self, said: str) -> None:
        try:
            await self._pool.execute("SELECT pg_notify($1, $2)", CHANNEL, said)
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.info("ban_news_not_told", error=type(error).__name__)

"""The operator's switches and policy, kept at hand and read anew when somebody changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from marketbot.domain.policy import Policy
from marketbot.domain.trading_state import Switches
from marketbot.store.control_commands import acknowledge, unseen_commands
from marketbot.store.listen import Listener
from marketbot.store.policy import read_policy
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.switches import read_switches

POLL_S = 1.0
AWAY_S = 0.5

log = structlog.get_logger(__name__)


class Controls:
    """A switch takes effect here within a nudge, at worst within ``POLL_S``; while the store is away the last ones hold."""

    def __init__(self, pool: Pool, worker: Callable[[], int | None] = lambda: None) -> None:
        self._pool = pool
        self._worker = worker
        self._switches = Switches({})
        self._policy = Policy()

    def switches(self) -> Switches:
        return self._switches

    def policy(self) -> Policy:
        return self._policy

    def execution_window(self) -> timedelta:
        return timedelta(seconds=self._policy.execution_window_s)

    async def read(self) -> None:
        """Read both, and acknowledge the commands that this is the first reading of: what was written before it, it has seen."""
        worker = self._worker()
        unseen = [] if worker is None else await unseen_commands(self._pool, worker)
        async with self._pool.acquire() as connection:
            self._switches = await read_switches(connection)
            self._policy = await read_policy(connection)
        if worker is not None and unseen:
            await acknowledge(self._pool, worker, unseen)

    async def run(self, listener: Listener) -> None:
        while True:
            await listener.wait("control", POLL_S)
            try:
                await self.read()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("controls_not_read", error=type(error).__name__)
                await asyncio.sleep(AWAY_S)

"""The loop that plans signals as they come in, oldest first."""

from __future__ import annotations

import asyncio

import structlog

from marketbot.observability import metrics
from marketbot.observability.metrics import Stage
from marketbot.observability.traces import Span, span
from marketbot.planning.planner import Planner
from marketbot.store.listen import Listener
from marketbot.store.pool import is_unavailable

POLL_S = 0.25
"""The slow poll that finds what a lost nudge left."""
AWAY_S = 0.5

log = structlog.get_logger(__name__)


async def run_planner(planner: Planner, listener: Listener) -> None:
    """Plan until cancelled. A page that was begun is finished or rolled back whole."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            for signal_id in await planner.open_signals():
                started_s = loop.time()
                with span(Span.PLAN, signal_id=signal_id):
                    result = await planner.plan_signal(signal_id)
                metrics.observe(Stage.PLAN, loop.time() - started_s)
                for reason, accounts in result.denied.items():
                    metrics.count_denied(reason, accounts)
                log.info(
                    "signal_planned",
                    signal_id=signal_id,
                    outcome=result.outcome,
                    queued=result.queued,
                    denied=sum(result.denied.values()),
                    took_ms=int((loop.time() - started_s) * 1000),
                )
            await listener.wait("signal", POLL_S)
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.warning("planning_waits_for_store", error=type(error).__name__)
            await asyncio.sleep(AWAY_S)

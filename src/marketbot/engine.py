"""The engine process: ``python -m marketbot.engine``. Prints one line of JSON when it works, and ends on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import orjson
import structlog
import uvloop

from marketbot.api.operator_token import operator_token, token_sha256
from marketbot.bootstrap import build_engine
from marketbot.clock import SystemClock
from marketbot.domain.errors import MarketBotError
from marketbot.observability.exposition import serve_metrics
from marketbot.observability.logs import configure_logs
from marketbot.observability.traces import close_traces, open_traces
from marketbot.settings import LogFormat, Settings
from marketbot.workers.memory import MemoryWatch
from marketbot.workers.samples import Sampler

GC_THRESHOLD = 50_000
"""Young objects before a collection: a fan-out makes many that live for a second, and none of them in cycles."""

log = structlog.get_logger(__name__)


async def serve(settings: Settings, dsn: str) -> int:
    """Run one engine until SIGTERM or SIGINT, or until its memory bound is near; return the status to exit with."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    open_traces(settings.otlp_endpoint, "marketbot-engine")
    engine = await build_engine(settings, dsn)
    memory = MemoryWatch(settings.memory_bound_mb, stopped.set)
    watching = asyncio.create_task(memory.run(), name="memory")
    metrics = await serve_metrics(settings.metrics_host, settings.metrics_port, token_sha256(operator_token(settings)))
    try:
        await engine.start()
        engine.tasks.append(asyncio.create_task(Sampler(engine.pool.acquire, "engine", SystemClock()).run(), name="samples"))
        host, port = metrics.sockets[0].getsockname()[:2]
        print(
            orjson.dumps({"ready": True, "worker": engine.presence.worker, "metrics": f"http://{host}:{port}/metrics"}).decode(),
            flush=True,
        )
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 20)
        await engine.run(stopped)
    finally:
        watching.cancel()
        metrics.close()
        await engine.stop()
        await asyncio.to_thread(close_traces)
    return memory.status


def main() -> int:
    settings = Settings()
    configure_logs(level=settings.log_level, console=settings.log_format is LogFormat.CONSOLE, stream=sys.stderr)
    if settings.database_url is None:
        print("The engine needs DATABASE_URL; `marketbot up` starts a database of its own.", file=sys.stderr)
        return 2
    try:
        return uvloop.run(serve(settings, settings.database_url.get_secret_value()))
    except MarketBotError as error:
        log.critical("engine_cannot_run", error=str(error))
        return 1


if __name__ == "__main__":
    raise SystemExit(main())

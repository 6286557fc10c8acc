"""Runs the HTTP face: granian's HTTP engine inside this process's own event loop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from marketbot.api.app import create_app
from marketbot.api.database import Database
from marketbot.api.timing import timed
from marketbot.observability import metrics
from marketbot.observability.logs import configure_logs, logger
from marketbot.observability.traces import close_traces, open_traces
from marketbot.settings import LogFormat, Settings
from marketbot.store.pool import open_pool
from marketbot.store.timeouts import REQUESTS
from marketbot.vault.vault import Vault

KEEP_ALIVE_S = 75
"""How long a connection may rest, and how long a slow sender may take over its headers."""
HEADER_BUFFER_BYTES = 32 * 1024
MAX_CONNECTIONS = 4096
BACKLOG = 2048

log = logger(__name__)


async def serve(settings: Settings, dsn: str, *, stop: asyncio.Event | None = None) -> None:
    """Serve until ``stop`` is set, or until SIGTERM or SIGINT when none is given.

    The database need not be there yet: until it is, signals are answered 503.
    """
    database = Database(
        open_pool=lambda: open_pool(dsn, name="api", size=settings.api_pool_size, timeouts=REQUESTS),
        replicas=[url.get_secret_value() for url in settings.replica_urls],
        replica_pool_size=settings.api_pool_size,
    )
    database.start()
    metrics.set_memory_bound(settings.memory_bound_mb)
    open_traces(settings.otlp_endpoint, "marketbot-api")
    app = create_app(database, settings, vault=Vault.from_file(settings.vault_key_file))
    server = Server(
        timed(app),
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=KEEP_ALIVE_S * 1000, max_buffer_size=HEADER_BUFFER_BYTES),
        log_enabled=False,
    )
    stopped = stop or _stop_on_signal()
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stopped.wait())
    try:
        log.info("api_started", host=settings.api_host, port=settings.api_port)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.stop()  # type: ignore[no-untyped-call]
        await serving
    finally:
        stopping.cancel()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
        await database.close()
        await asyncio.to_thread(close_traces)
        log.info("api_stopped")


def _stop_on_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


def run(settings: Settings, dsn: str) -> None:
    """Serve in a process of its own; returns after a signal asked it to end."""
    configure_logs(level=settings.log_level, console=settings.log_format is LogFormat.CONSOLE)
    try:
        import uvloop
    except ImportError:  # Windows has no uvloop.
        asyncio.run(serve(settings, dsn))
    else:
        uvloop.run(serve(settings, dsn))

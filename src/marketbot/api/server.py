"""Runs the HTTP face: granian's HTTP engine inside this process's own event loop.

SIGTERM drains first (``api.draining``), because somebody else goes on serving; so does a memory bound that is near, for the process is
replaced. SIGINT, or a second SIGTERM, ends without that time, because everything ends. All finish the requests in hand.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from marketbot.api.app import create_app
from marketbot.api.database import Database
from marketbot.api.draining import CLOSE_WAIT_S, Draining
from marketbot.api.timing import timed
from marketbot.cache.shared import Shared
from marketbot.clock import SystemClock
from marketbot.observability.logs import configure_logs, logger
from marketbot.observability.traces import close_traces, open_traces
from marketbot.settings import LogFormat, Settings
from marketbot.store.pool import open_pool
from marketbot.store.timeouts import REQUESTS
from marketbot.vault.vault import Vault
from marketbot.workers.memory import MemoryWatch
from marketbot.workers.samples import Sampler

KEEP_ALIVE_S = 75
"""How long a connection may rest, and how long a slow sender may take over its headers."""
HEADER_BUFFER_BYTES = 32 * 1024
MAX_CONNECTIONS = 8_192
"""Streams that rest, bodies that arrive and requests in hand (``shedding``), and some to spare."""
FILES_WANTED = MAX_CONNECTIONS + 512
"""A file for each, and those of pools, logs and libraries."""
BACKLOG = 2048
log = logger(__name__)


async def serve(settings: Settings, dsn: str, *, stop: asyncio.Event | None = None) -> int:
    """Serve until ``stop`` is set, or until SIGTERM (drained) or SIGINT (at once) when none is given, or until the memory bound is near
    (drained); return the status to exit with.

    The database need not be there yet: until it is, signals are answered 503.
    """
    database = Database(
        open_pool=lambda: open_pool(dsn, name="api", size=settings.api_pool_size, timeouts=REQUESTS),
        replicas=[url.get_secret_value() for url in settings.replica_urls],
        replica_pool_size=settings.api_pool_size,
    )
    database.start()
    open_traces(settings.otlp_endpoint, "marketbot-api")
    shared = None if settings.redis_url is None else Shared(settings.redis_url.get_secret_value())
    app = create_app(database, settings, vault=Vault.from_file(settings.vault_key_file), shared=shared, dsn=dsn)
    draining: Draining = app.state.draining
    server = Server(
        draining.around(timed(app)),
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
    stopped = stop or asyncio.Event()

    def leave() -> None:
        _leave(draining, stopped, settings.api_drain_s)

    if stop is None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, leave)
        loop.add_signal_handler(signal.SIGINT, stopped.set)
    if shared is not None:
        await shared.start()
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stopped.wait())
    memory = MemoryWatch(settings.memory_bound_mb, leave)
    watching = asyncio.ensure_future(memory.run())
    sampling = asyncio.ensure_future(Sampler(database.connection, "api", SystemClock()).run())
    try:
        log.info("api_started", host=settings.api_host, port=settings.api_port)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        draining.begin()
        server.stop()  # type: ignore[no-untyped-call]
        if not await draining.finish():
            log.warning("api_requests_unfinished", requests=draining.in_hand)
        # Granian waits for every connection, streams that never end among them.
        await asyncio.wait({serving}, timeout=CLOSE_WAIT_S)
        if serving.done():
            serving.result()
    finally:
        stopping.cancel()
        watching.cancel()
        sampling.cancel()
        serving.cancel()
        for ended in (stopping, serving):
            with suppress(asyncio.CancelledError):
                await ended
        if shared is not None:
            await shared.close()
        await database.close()
        await asyncio.to_thread(close_traces)
        log.info("api_stopped")
    return memory.status


def _leave(draining: Draining, stopped: asyncio.Event, drain_s: float) -> None:
    """Be unready for ``drain_s``, then stop; asked a second time, stop now."""
    if draining.begun.is_set():
        stopped.set()
        return
    draining.begin()
    log.info("api_draining", seconds=drain_s)
    asyncio.get_running_loop().call_later(drain_s, stopped.set)


def _allow_files() -> None:
    """Take as many open files as there may be connections: what a shell or service starts with is often a thousand."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < FILES_WANTED:
        log.warning("open_files_limited", files=wanted, wanted=FILES_WANTED)


def run(settings: Settings, dsn: str) -> int:
    """Serve in a process of its own until a signal asks it to end; return the status to exit with."""
    configure_logs(level=settings.log_level, console=settings.log_format is LogFormat.CONSOLE)
    _allow_files()
    try:
        import uvloop
    except ImportError:  # Windows has no uvloop.
        return asyncio.run(serve(settings, dsn))
    return uvloop.run(serve(settings, dsn))

"""Checks of the shared store: whether it answers, what it is, and whether it forgets in good order when it is full."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from marketbot.cache.shared import OPERATION_TIMEOUT_S, open_redis
from marketbot.cache.valkey_server import ValkeyServer, ValkeyUnavailable
from marketbot.cli.doctor.finding import Finding, advice, fine, wrong
from marketbot.settings import Settings
from marketbot.store.address import is_local
from marketbot.supervisor.endpoints import Endpoints

CHECK = "shared store"
PROBE_TIMEOUT_S = 3.0
PROBES = 5
SLOW_PART = 0.3
"""The part of a call's patience (``OPERATION_TIMEOUT_S``) from which on a quiet store's answer counts as slow."""
OLDEST = (6, 2)
"""Older ones are not maintained. Any since 5 has what our scripts use."""
NAMES = {"valkey": "Valkey", "redis": "Redis"}
WITHOUT = "Orders do not depend on it; limits and caches are each process's own until it is back."


async def check_shared_store(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what there is to say about the store of one's own, or the embedded one of a running service."""
    try:
        url = _address(settings)
    except (ValkeyUnavailable, OSError) as error:
        yield wrong(CHECK, str(error), f"Until it is mended the service runs without one. {WITHOUT}")
        return
    if url is None:
        if Endpoints.read(settings.data_dir) is not None:
            yield advice(CHECK, "The service runs without one.", "See logs/valkey.log, or give REDIS_URL.")
        return
    if urlsplit(url).scheme == "redis" and not is_local(url):
        yield advice(
            CHECK, "What is said to it crosses the network in the clear, its password too.", "Give REDIS_URL as rediss://."
        )
    client = open_redis(url, connections=1)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await client.ping()
            latency_s = await _latency_s(client)
            server, memory = await client.info("server"), await client.info("memory")
    except (RedisError, OSError, TimeoutError) as error:
        # The client hands a refusal on as a lost connection.
        if isinstance(error, AuthenticationError) or isinstance(error.__cause__, AuthenticationError):
            yield wrong(CHECK, "It refuses the password.", f"Correct REDIS_URL. {WITHOUT}")
        else:
            told = f"It does not answer ({type(error).__name__})."
            yield wrong(CHECK, told, f"See logs/valkey.log, or what REDIS_URL names. {WITHOUT}")
    else:
        for finding in (_version(server), _speed(latency_s), _memory(memory)):
            yield finding
    finally:
        with contextlib.suppress(RedisError, OSError):
            await client.aclose()


def _address(settings: Settings) -> str | None:
    """Return the store's address; None where there is none. It holds the password."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    server = ValkeyServer(settings.data_dir)
    # Only what runs is looked at: preparing one here would make its password anew as somebody else.
    return server.prepare() if server.socket.exists() and server.password_file.exists() else None


async def _latency_s(client: Redis) -> float:
    """Return the median of a few round trips."""
    took: list[float] = []
    for _ in range(PROBES):
        began_s = time.monotonic()
        await client.ping()
        took.append(time.monotonic() - began_s)
    return sorted(took)[PROBES // 2]


def _version(server: dict[str, Any]) -> Finding:
    name = str(server.get("server_name", "redis"))
    text = str(server.get(f"{name}_version", server.get("redis_version", "")))
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    told = f"{NAMES.get(name, name)} {text}"
    if version < OLDEST:
        return advice(CHECK, f"It is {told}.", f"Use {OLDEST[0]}.{OLDEST[1]} or newer.")
    return fine(CHECK, f"{told} answers.")


def _speed(latency_s: float) -> Finding:
    told = f"A round trip takes {latency_s * 1000:.1f} ms; one is given up after {OPERATION_TIMEOUT_S * 1000:.0f} ms."
    if latency_s > OPERATION_TIMEOUT_S * SLOW_PART:
        return advice(CHECK, told, "Bring it nearer: under load, calls will go without it.")
    return fine(CHECK, told)


def _memory(memory: dict[str, Any]) -> Finding:
    bound, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", ""))
    if not bound:
        return advice(CHECK, "Its memory has no bound.", "Set maxmemory (64mb is ample) and maxmemory-policy allkeys-lru.")
    told = f"It may take {bound / (1 << 20):.0f} MiB, then {policy}."
    if policy == "noeviction":
        return wrong(CHECK, told, "Set maxmemory-policy allkeys-lru: full, it would refuse every limit and cache entry.")
    return fine(CHECK, told)

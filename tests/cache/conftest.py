"""A shared store for each test, and clients of it that do not give up because the machine is slow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from marketbot.cache import shared as module
from marketbot.cache.shared import Shared

from .store import Store

Connect = Callable[[], Awaitable[Shared]]


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    found = Store(place)
    found.start()
    try:
        yield found
    finally:
        found.kill()


@pytest.fixture
async def connect(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Open one process's way to the store. Its patience is a slow machine's; what it does when that ends has tests of its own."""
    for name in ("CONNECT_TIMEOUT_S", "OPERATION_TIMEOUT_S"):
        monkeypatch.setattr(module, name, 10.0)
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.02)
    opened: list[Shared] = []

    async def open_one() -> Shared:
        shared = Shared(store.url)
        await shared.start()
        opened.append(shared)
        return shared

    yield open_one
    for shared in opened:
        await shared.close()

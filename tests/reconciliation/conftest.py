"""One bench a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.accounts.world import open_world
from tests.reconciliation.bench import Bench, open_bench


@pytest.fixture
async def bench(database: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_world(database, tmp_path) as world, open_bench(world) as made:
        yield made

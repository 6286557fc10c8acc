"""Shared by intake's tests: the bodies that senders really send, and the hour they were sent in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

BODIES = Path(__file__).parents[1] / "signals"


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2025, 9, 3, 14, 30, 5, tzinfo=UTC)

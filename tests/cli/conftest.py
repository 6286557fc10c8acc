"""Commands against a database of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .shell import Run


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(database: str, data_dir: Path) -> Run:
    """Run a command against a fresh database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    environment |= {"DATABASE_URL": database, "MARKETBOT_DATA_DIR": str(data_dir), "MARKETBOT_PROFILE": "simulation"}

    def start(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "marketbot.cli.main", *arguments],
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start

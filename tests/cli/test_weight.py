"""A process loads what it uses: what lies in memory for nothing is memory that a user's account cannot have."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = "import sys, {module}; print(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("marketbot.supervisor.supervisor", {"litestar", "granian", "redis", "aiohttp", "ccxt"}),
        ("marketbot.api.server", {"redis", "ccxt", "segno"}),
        ("marketbot.bootstrap", {"litestar", "granian", "redis", "ccxt", "segno"}),
    ],
)
def test_a_process_loads_no_library_before_it_needs_it(module: str, spared: set[str]) -> None:
    shown = subprocess.run([sys.executable, "-c", ASK.format(module=module)], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert "marketbot" in loaded
    assert not spared & loaded

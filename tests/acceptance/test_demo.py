"""``marketbot demo`` as a newcomer runs it, and as one interrupts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from marketbot.store.embedded.binaries import ServerUser

from .world import processes_of

pytestmark = pytest.mark.process

STRANGER = 12_345
"""A uid that nobody has."""
DEMO_TIMEOUT_S = 120


def _command(place: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "marketbot.cli.main", "demo", "--data-dir", str(place), *arguments]


def _check_audit(document: dict[str, Any]) -> None:
    assert document["simulation"] is True
    assert document["clean"] is True
    assert (document["lost"], document["doubled"], document["unconfirmed"], document["naked"]) == (0, 0, 0, 0)
    assert document["planned"] == (
        document["ordered"] + sum(document["denied"].values()) + document["rejected"] + document["lapsed"]
    )
    assert document["ordered"] > 0
    assert {"ACCOUNT_PAUSED", "ACCOUNT_QUARANTINED", "SYMBOL_COOLDOWN", "TRADING_STATE_REDUCING"} <= document["denied"].keys()
    assert 0 <= document["unprotected_s_p99"] <= document["unprotected_s_max"] < 5
    assert document["latency_ms"]["received_to_protected"]["p95"] > 0
    assert document["refused"]["CREDENTIAL_INVALID"] == 1


def test_the_demo_ends_with_a_clean_audit_and_leaves_nothing(place: Path) -> None:
    done = subprocess.run(
        _command(place, "--accounts", "60", "--json"), capture_output=True, text=True, timeout=DEMO_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _check_audit(json.loads(done.stdout))
    assert processes_of(place) == []
    assert not place.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can become another user")
def test_the_demo_runs_as_an_ordinary_user(place: Path) -> None:
    """With an interpreter and a path that this user can read: a checkout may lie below a private home."""
    interpreter = next((path for path in (Path(sys.executable), Path("/usr/bin/python3")) if _can_run(path)), None)
    if interpreter is None:
        pytest.skip("NOT TESTED: no Python of this version that an ordinary user can run")
    place.mkdir(mode=0o755)
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, STRANGER, STRANGER)
    user = ServerUser(STRANGER, STRANGER, dropped=True)
    readable = [path for path in sys.path if path and user.closed_directory(Path(path)) is None]
    done = subprocess.run(
        [interpreter, "-m", "marketbot.cli.main", "demo", "--accounts", "40"],
        env={"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(readable)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=DEMO_TIMEOUT_S,
        check=False,
        **user.popen_arguments(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIMULATION" in done.stdout
    assert "audit: CLEAN" in done.stdout
    assert processes_of(home) == []
    assert list(home.glob("marketbot-demo-*")) == []


def _can_run(interpreter: Path) -> bool:
    """Tell whether a stranger can run this interpreter, and it is of our version."""
    try:
        probe = subprocess.run(
            [interpreter, "--version"],
            user=STRANGER,
            group=STRANGER,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return probe.stdout.startswith(f"Python {sys.version_info.major}.{sys.version_info.minor}.")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(place: Path, number: int) -> None:
    process = subprocess.Popen(_command(place, "--accounts", "40", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while not (place / "service.json").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            psutil.wait_procs([], timeout=0.05)
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert json.loads(out)["error"]["reason"] == "INTERRUPTED"
    assert processes_of(place) == []
    assert not place.exists()

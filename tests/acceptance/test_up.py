"""``marketbot up``: its parts are kept running, stopped with it, and never outlive it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from .world import processes_of

pytestmark = pytest.mark.process

START_TIMEOUT_S = 60
GONE_WITHIN_S = 10


def _environment(place: Path, **extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    ours = {"MARKETBOT_PROFILE": "simulation", "MARKETBOT_API_PORT": "0", "MARKETBOT_METRICS_PORT": "0"}
    return kept | ours | {"MARKETBOT_DATA_DIR": str(place), "MARKETBOT_LOG_LEVEL": "warning"} | extra


@contextmanager
def _running(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the service and wait for the line that says it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "marketbot.cli.main", "up", "--json"],
        env=_environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert json.loads(line)["status"] == "running"
        yield process
    finally:
        process.kill()
        process.communicate()


def _ours(place: Path) -> list[psutil.Process]:
    """Return the children; the database's processes may outlive a killed supervisor, and are adopted."""
    found = []
    for process in processes_of(place):
        with suppress(psutil.NoSuchProcess):  # ended since it was listed
            if "marketbot.supervisor.tether" in process.cmdline():
                found.append(process)
    return found


def _gone(place: Path) -> bool:
    deadline = time.monotonic() + GONE_WITHIN_S
    while _ours(place):
        if time.monotonic() > deadline:
            return False
        psutil.wait_procs(_ours(place), timeout=0.2)
    return True


def test_a_stopped_service_leaves_no_process(place: Path) -> None:
    with _running(place) as service:
        assert len(_ours(place)) == 3
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
        assert processes_of(place) == []
        assert not (place / "service.json").exists()


def test_children_do_not_outlive_a_killed_supervisor_and_the_next_one_starts(place: Path) -> None:
    with _running(place) as service:
        service.send_signal(signal.SIGKILL)
        service.wait(timeout=5)
        assert _gone(place)
    with _running(place) as again:
        assert len(_ours(place)) == 3
        again.send_signal(signal.SIGINT)
        assert again.wait(timeout=30) == 0
    assert processes_of(place) == []


def test_a_killed_child_is_started_again(place: Path) -> None:
    with _running(place) as service:
        api = next(process for process in _ours(place) if "marketbot.api" in process.cmdline())
        api.kill()
        deadline = time.monotonic() + 20
        while True:
            found = [process.pid for process in _ours(place) if "marketbot.api" in process.cmdline()]
            if found and found != [api.pid]:
                break
            assert time.monotonic() < deadline, "the API was not started again"
            psutil.wait_procs([api], timeout=0.1)
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
    assert processes_of(place) == []


def test_a_second_service_and_the_other_profile_are_refused_in_plain_words(place: Path) -> None:
    command = [sys.executable, "-m", "marketbot.cli.main", "up", "--json"]
    with _running(place) as service:
        second = subprocess.run(
            command, env=_environment(place), capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
        )
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=30)
    assert second.returncode == 1
    assert "running already" in json.loads(second.stdout)["error"]["message"]
    live = subprocess.run(
        command,
        env=_environment(place, MARKETBOT_PROFILE="live"),
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    assert live.returncode == 1
    assert "simulation" in json.loads(live.stdout)["error"]["message"]
    assert processes_of(place) == []

"""The whole of ``readiness --isolated``, in its short form: it measures, scores, tells, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from readiness.measure.processes import all_processes

pytestmark = pytest.mark.process

TIMEOUT_S = 590


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that a database server of another user can enter, with a path short enough for its socket."""
    made = Path(tempfile.mkdtemp(prefix="mb-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_an_installation_is_examined_and_taken_down(place: Path) -> None:
    size = ("--users", "100", "--accounts", "20", "--minutes", "0.15")
    done = subprocess.run(
        [sys.executable, "-m", "marketbot.cli.main", "readiness", "--isolated", "--json", *size],
        env={name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")} | {"TMPDIR": str(place)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode in (0, 1), done.stderr
    assert report["simulation"] is True
    assert report["failures"] == []
    rules = {rule["name"]: rule for area in report["areas"] for rule in area["rules"]}
    assert rules["protected_share"]["value"] == 1
    assert rules["fanout_accounts"]["value"] == 20
    for name in (
        "kill_lost",
        "kill_doubled",
        "rolling_harm",
        "valkey_harm",
        "replica_harm",
        "primary_harm",
        "ban_requests",
        "ban_harm",
    ):
        assert rules[name]["value"] == 0, rules[name]
    for name in (
        "limit_per_source",
        "limit_per_user",
        "limit_per_token",
        "limit_shared",
        "backup_verified",
        "memory_bounds_shown",
    ):
        assert rules[name]["value"] == 1, rules[name]
    assert (rules["api_instances"]["value"], rules["executor_instances"]["value"], rules["db_replicas"]["value"]) == (2, 2, 1)
    assert rules["memory_slope_mb_per_min"]["value"] is None
    assert rules["memory_slope_mb_per_min"]["score"] == 0
    assert report["ready"] is (done.returncode == 0)
    assert rules["users_held"]["score"] < 1, "so small a run cannot show that a thousand users are held"
    assert list(place.iterdir()) == []
    assert [process for process in all_processes() if str(place) in process.command] == []


def test_without_a_service_there_is_nothing_to_examine(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "marketbot.cli.main", "readiness", "--json"],
        env=os.environ | {"MARKETBOT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["error"]["reason"]) == (1, "SERVICE_NOT_RUNNING")

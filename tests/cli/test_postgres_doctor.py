"""`doctor --postgres`: its rules against real servers, and its file accepted by one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.cli.doctor.postgres_rules import GIB, MIB, RULES, Machine, Setting, Weight, judge, shown, snippet, work_mem
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.pool import connect_bare

SMALL = Machine(memory_bytes=GIB, cores=2, connections=60)
_LINE = re.compile(r"^(\w+) = '(.*)'$", re.MULTILINE)


async def settings_of(server: EmbeddedPostgres) -> dict[str, Setting]:
    connection = await connect_bare(server.dsn, name="test")
    try:
        rows = await connection.fetch("SELECT name, setting, unit FROM pg_settings")
    finally:
        await connection.close()
    return {row["name"]: Setting(row["setting"], row["unit"]) for row in rows if not row["name"].startswith("tcp_")}


async def test_the_embedded_server_is_set_as_we_advise(postgres: EmbeddedPostgres) -> None:
    verdicts = list(judge(await settings_of(postgres), SMALL))
    assert len(verdicts) > 25
    assert [(each.rule.name, each.current, each.wanted) for each in verdicts if not each.fine] == []


async def test_a_server_takes_what_we_write_and_fulfils_every_rule_then(place: Path) -> None:
    written = dict(_LINE.findall(snippet(SMALL)))
    assert set(written) == {rule.name for rule in RULES} - {"data_checksums"}
    async with EmbeddedPostgres(place, settings=written) as server:
        assert [each.rule.name for each in judge(await settings_of(server), SMALL) if not each.fine] == []


@pytest.mark.parametrize(
    ("name", "setting", "weight"),
    [
        ("fsync", Setting("off"), Weight.MUST),
        ("full_page_writes", Setting("off"), Weight.MUST),
        ("synchronous_commit", Setting("off"), Weight.MUST),
        ("synchronous_commit", Setting("local"), Weight.MUST),
        ("log_parameter_max_length", Setting("-1", "B"), Weight.MUST),
        ("autovacuum", Setting("off"), Weight.MUST),
        ("max_connections", Setting("59"), Weight.SHOULD),
        ("shared_buffers", Setting("1024", "8kB"), Weight.SHOULD),
        ("work_mem", Setting(str(1024 * 1024), "kB"), Weight.SHOULD),
        ("idle_in_transaction_session_timeout", Setting("0", "ms"), Weight.SHOULD),
        ("log_min_duration_statement", Setting("-1", "ms"), Weight.SHOULD),
        ("wal_level", Setting("minimal"), Weight.SHOULD),
        ("jit", Setting("on"), Weight.SHOULD),
    ],
)
def test_what_is_wrong_is_found(name: str, setting: Setting, weight: Weight) -> None:
    (verdict,) = judge({name: setting}, SMALL)
    assert not verdict.fine
    assert verdict.rule.weight is weight
    assert verdict.rule.why


@given(st.integers(256 * MIB, 4096 * GIB), st.integers(1, 5_000))
def test_all_sorts_at_once_leave_half_of_the_memory(memory: int, connections: int) -> None:
    machine = Machine(memory, 4, connections)
    floor = 4 * MIB
    assert work_mem(machine) * connections * 2 <= memory // 2 or work_mem(machine) == floor


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (Setting("16384", "8kB"), "128MB"),
        (Setting("4096", "kB"), "4MB"),
        (Setting("100"), "100"),
        (Setting("500", "ms"), "500ms"),
    ],
)
def test_amounts_are_shown_as_a_person_writes_them(setting: Setting, text: str) -> None:
    assert shown(setting) == text


def doctor(dsn: str, tmp_path: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    environment |= {"DATABASE_URL": dsn, "MARKETBOT_DATA_DIR": str(tmp_path / "data"), "MARKETBOT_PROFILE": "simulation"} | extra
    return subprocess.run(
        [sys.executable, "-m", "marketbot.cli.main", "doctor", "--postgres", "--json", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_tells_writes_and_counts_machines(database: str, tmp_path: Path) -> None:
    file = tmp_path / "marketbot.conf"
    done = doctor(database, tmp_path, "--server-memory-gb", "1", "--write", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings["version"]["level"] == "fine"
    assert findings["connections"]["level"] == "fine"
    assert "fsync = 'on'" in file.read_text()
    # What one server cannot hold is said before the tenth machine is bought.
    many = doctor(database, tmp_path, "--server-memory-gb", "1", "--machines", "20")
    assert "max_connections" in {finding["check"] for finding in json.loads(many.stdout)["findings"]}


def test_a_server_that_takes_its_own_writes_is_no_replica(database: str, tmp_path: Path) -> None:
    done = doctor(database, tmp_path, REPLICA_URLS=f"{database},postgresql://ana:hidden-word@/x?host=/nonexistent")
    assert done.returncode == 1
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings["replica 1"]["level"] == findings["replica 2"]["level"] == "wrong"
    assert "hidden-word" not in done.stdout + done.stderr

"""The audit trail and the commands over the desk, as a shell sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    environment |= {"DATABASE_URL": database, "MARKETBOT_DATA_DIR": str(tmp_path), "MARKETBOT_PROFILE": "simulation"}

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "marketbot.cli.main", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def _json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


async def test_what_commands_do_stands_in_the_trail_and_the_trail_is_proven(run: Run, database: str) -> None:
    secret = _json(run("source", "add", "room", "--json"))["secret"]
    assert run("users", "add", "ana-maria", "--json").returncode == 0
    token = _json(run("tokens", "create", "--user", "ana-maria", "--json"))["token"]
    assert run("policy", "set", "operations_per_minute=20").returncode == 0
    assert run("halt", "--reason", "drill").returncode == 0
    assert run("resume").returncode == 0
    listed = run("trail", "list", "--json")
    actions = [entry["action"] for entry in reversed(_json(listed)["entries"])]
    assert actions == ["source_made", "user_made", "token_made", "policy_changed", "halted", "resumed"]
    entries = _json(run("trail", "list", "--action", "halted", "--actor", f"cli:{os.getuid()}", "--json"))["entries"]
    assert [entry["facts"]["reason"] for entry in entries] == ["drill"]
    for told in (secret, token, "ana-maria"):
        assert told not in listed.stdout
    proof = _json(run("trail", "verify", "--json"))
    assert (proof["holds"], proof["entries"]) == (True, 6)
    noted = f"{proof['last_id']}:{proof['last_hash']}"
    assert run("trail", "verify", "--noted", noted).returncode == 0
    assert run("trail", "verify", "--noted", "6:xyz").returncode == 2
    assert run("trail", "list", "--action", "nonsense").returncode == 2
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        await connection.execute("DELETE FROM audit_entry WHERE entry_id = 6")
    finally:
        await connection.close()
    assert run("trail", "verify").returncode == 0, "a chain that was cut off at its end holds"
    cut = run("trail", "verify", "--noted", noted, "--json")
    assert (cut.returncode, _json(cut)["noted_entry_kept"]) == (1, False)


async def test_commands_over_the_desk_are_previewed_given_and_followed(run: Run, database: str) -> None:
    assert run("users", "add", "ana").returncode == 0
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "INSERT INTO account (user_id, label, venue, status, api_key_sealed, api_secret_sealed, api_key_fingerprint)"
            " VALUES (1, 'main', 'bybit', 'ready', '', '', '')"
        )
        await connection.execute(
            "INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at)"
            " VALUES (1, 'BTCUSDT', 'long', 1, 'protected', 2, 100, 98, now())"
        )
    finally:
        await connection.close()
    assert _json(run("controls", "preview", "venue", "bybit", "--json"))["notional_at_entry"] == "200"
    assert run("controls", "preview", "user", "99").returncode == 1
    assert run("controls", "preview", "planet").returncode == 2
    made = _json(run("controls", "close", "everything", "--reason", "drill", "--json"))
    assert (made["accounts"], made["open_positions"], made["signals"]) == (1, 1, 1)
    told = _json(run("controls", "show", str(made["command_id"]), "--json"))
    assert (told["kind"], told["result"]["unplanned"], told["result"]["done"]) == ("close", 1, False)
    assert run("controls", "show", "99").returncode == 1
    assert [row["kind"] for row in _json(run("controls", "list", "--json"))["commands"]] == ["close"]
    report = run("controls", "report", "--days", "1")
    assert report.returncode == 0
    assert "# Market-access controls" in report.stdout
    assert "| drill |" in report.stdout

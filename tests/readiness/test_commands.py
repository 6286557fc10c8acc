"""``capacity`` and ``loadtest`` as a shell sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from readiness.load.crowd import TokensUnusable, as_many, read_users

from .server import serving


def run(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    return subprocess.run(
        [sys.executable, "-m", "marketbot.cli.main", *arguments],
        env=environment | {"MARKETBOT_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_capacity_tells_both_venues_and_both_languages(tmp_path: Path) -> None:
    asked = ("capacity", "--accounts", "1000", "--venue", "bybit", "--egress", "1")
    found = document(run(*asked, "--json", data_dir=tmp_path))
    assert found["work"]["entry"]["done_s"] == 22.0
    assert found["work"]["entry"]["bound"] == "address"
    told = run(*asked, "--lang", "pt", data_dir=tmp_path)
    assert told.returncode == 0
    assert "entrada protegida" in told.stdout
    assert "22 s" in told.stdout
    assert run("capacity", "--venue", "nowhere", data_dir=tmp_path).returncode == 2
    assert run("capacity", "--lang", "fr", data_dir=tmp_path).returncode == 2


async def test_a_load_is_sent_and_told(tmp_path: Path) -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, bytes]:
        return 200, b"{}"

    import asyncio

    async with serving(answer) as url:
        asked = ("loadtest", "--users", "20", "--minutes", "0.02", "--rate", "50", "--url", url)
        done = await asyncio.to_thread(run, *asked, "--json", data_dir=tmp_path)
        told = await asyncio.to_thread(run, *asked, "--lang", "pt", data_dir=tmp_path)
    found = document(done)
    assert found["requests"] > 0
    assert found["failed"] == 0
    assert found["left_out"] == ["signal_summary", "signal_accounts", "signal"]
    assert "pedidos" in told.stdout


def test_a_load_on_a_stranger_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    for wrong in (
        ("--url", "http://bot.example"),
        ("--minutes", "1000"),
        ("--scenario", "nonsense"),
        ("--arrivals", "sometimes"),
    ):
        done = run("loadtest", *wrong, "--json", data_dir=tmp_path)
        assert (done.returncode, document(done)["error"]["reason"]) == (2, "USAGE")


def test_tokens_are_read_from_a_private_file_and_never_repeated(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text('{"token":"tok-1","account_id":7}\n{"token":"tok-2"}\n')
    file.chmod(0o600)
    users = read_users(file)
    assert [user.token for user in as_many(users, 3)] == ["tok-1", "tok-2", "tok-1"]
    assert users[0].values == {"account_id": "7"}
    file.write_text('{"secret":"tok-3"}\n')
    with pytest.raises(TokensUnusable) as refused:
        read_users(file)
    assert "tok-3" not in str(refused.value)
    file.chmod(0o644)
    with pytest.raises(TokensUnusable):
        read_users(file)

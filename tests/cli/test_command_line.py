"""The command line as a shell sees it: exit codes, one JSON value, plain sentences, and no secret twice."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from marketbot.store.embedded import EmbeddedPostgres

HELP_BUDGET_S = 2.0
"""Wall clock on a shared machine; the process alone needs about 0.2 s of CPU."""

Run = Callable[..., subprocess.CompletedProcess[str]]


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


def _json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def test_help_is_quick_and_names_every_command(run: Run) -> None:
    started = time.monotonic()
    done = run("--help")
    assert done.returncode == 0
    assert time.monotonic() - started < HELP_BUDGET_S
    for command in (
        "up",
        "demo",
        "simulator",
        "signal",
        "accounts",
        "source",
        "users",
        "people",
        "tokens",
        "orders",
        "positions",
        "halt",
        "resume",
        "backup",
        "jobs",
        "notices",
        "policy",
        "trail",
        "controls",
        "restore",
        "doctor",
    ):
        assert command in done.stdout


def test_a_wrong_call_exits_2_in_words_and_in_json(run: Run) -> None:
    assert run("nonsense").returncode == 2
    done = run("orders", "--limit", "many", "--json")
    assert done.returncode == 2
    assert _json(done)["error"]["reason"] == "USAGE"
    assert _json(run("halt", "planet", "mars", "--json"))["error"]["reason"] == "USAGE"


def test_sources_show_their_secret_once(run: Run) -> None:
    made = _json(run("source", "add", "momentum", "--json"))
    assert made["simulation"] is True
    assert made["secret"] in made["webhook_url"]
    listed = run("source", "list", "--json")
    assert made["secret"] not in listed.stdout
    assert [source["name"] for source in _json(listed)["sources"]] == ["momentum"]
    rotated = _json(run("source", "rotate", "momentum", "--json"))
    assert rotated["secret"] != made["secret"]
    again = run("source", "add", "momentum", "--json")
    assert (again.returncode, _json(again)["error"]["reason"]) == (1, "ALREADY_EXISTS")
    program = _json(run("source", "add", "desk", "--kind", "program", "--json"))
    assert len(program["hmac_key"]) == 64


def test_a_source_is_told_its_networks_and_its_chart(run: Run) -> None:
    run("source", "add", "momentum")
    told = _json(
        run("source", "set", "momentum", "--interval", "4h", "--allow", "203.0.113.0/24", "--allow", "2001:db8::1", "--json")
    )
    assert (told["chart_interval_s"], told["allowed_addresses"]) == (14_400, ["203.0.113.0/24", "2001:db8::1/128"])
    assert told["enabled"] is True
    off = _json(run("source", "set", "momentum", "--disable", "--json"))
    assert (off["enabled"], off["chart_interval_s"], len(off["allowed_addresses"])) == (False, 14_400, 2)
    back = _json(run("source", "set", "momentum", "--enable", "--interval", "none", "--allow", "any", "--json"))
    assert (back["enabled"], back["chart_interval_s"], back["allowed_addresses"]) == (True, None, [])
    for wrong in (("--interval", "soon"), ("--allow", "203.0.113.7/24")):
        assert _json(run("source", "set", "momentum", *wrong, "--json"))["error"]["reason"] == "USAGE"
    assert _json(run("source", "set", "nobody", "--disable", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_accounts_are_imported_and_their_keys_never_shown(run: Run, tmp_path: Path) -> None:
    run("source", "add", "momentum")
    file = tmp_path / "accounts.csv"
    file.write_text(
        "user,label,venue,api_key,api_secret,follows\n"
        "ana,main,binance,key-of-ana-0001,secret-of-ana-0001,momentum\n"
        "rui,main,bybit,key-of-rui-0001,secret-of-rui-0001,momentum\n"
        "eve,main,nowhere,key-of-eve-0001,secret-of-eve-0001,momentum\n"
    )
    done = run("accounts", "import", str(file), "--json")
    assert done.returncode == 1  # one row was left out, and named
    assert _json(done)["created"] == 2
    assert _json(done)["problems"] == [{"row": 3, "field": "venue", "message": "must be binance, bybit or ccxt:<exchange>"}]
    listed = run("accounts", "list", "--json")
    assert [account["environment"] for account in _json(listed)["accounts"]] == ["testnet", "testnet"]
    for text in (done.stdout, done.stderr, listed.stdout, run("accounts", "list").stdout):
        assert "secret-of" not in text
        assert "key-of" not in text


def test_halt_and_resume_by_scope(run: Run) -> None:
    halted = _json(run("halt", "venue", "binance", "--reason", "drill", "--json"))
    assert (halted["scope"], halted["key"], halted["state"]) == ("venue", "binance", "halted")
    doctor = run("doctor", "--json")
    switches = next(finding for finding in _json(doctor)["findings"] if finding["check"] == "switches")
    assert switches["level"] == "advice"
    assert "venue binance is halted" in switches["sentence"]
    assert _json(run("resume", "venue", "binance", "--json"))["state"] == "active"
    assert _json(run("resume", "venue", "binance", "--json"))["error"]["reason"] == "REFUSED"
    assert _json(run("halt", "account", "999", "--json"))["error"]["reason"] == "REFUSED"


def test_empty_tables_and_missing_things(run: Run) -> None:
    run("source", "add", "momentum")
    assert _json(run("orders", "--json"))["orders"] == []
    assert _json(run("positions", "--json"))["positions"] == []
    assert _json(run("signal", "list", "--json"))["signals"] == []
    missing = run("signal", "show", "7", "--json")
    assert (missing.returncode, _json(missing)["error"]["reason"]) == (1, "NOT_FOUND")
    assert "(none)" in run("orders").stdout


def test_every_human_output_of_a_simulation_says_so(run: Run) -> None:
    run("source", "add", "momentum")
    for arguments in (("orders",), ("positions",), ("signal", "list"), ("source", "list"), ("accounts", "list"), ("halt",)):
        assert "SIMULATION" in run(*arguments).stdout, arguments


def test_sending_needs_the_secret_and_a_running_service(run: Run) -> None:
    secret = _json(run("source", "add", "momentum", "--json"))["secret"]
    without = run("signal", "send", "momentum", "SINAL LONG BTCUSDT", "--json")
    assert _json(without)["error"]["reason"] == "SECRET_MISSING"
    away = run(
        "signal",
        "send",
        "momentum",
        "SINAL LONG BTCUSDT",
        "--url",
        "http://127.0.0.1:9",
        "--json",
        MARKETBOT_SOURCE_SECRET=secret,
    )
    assert (away.returncode, _json(away)["error"]["reason"]) == (1, "SERVICE_NOT_RUNNING")
    assert secret not in away.stdout + away.stderr


def test_a_database_that_is_away_is_told_plainly(run: Run, postgres: EmbeddedPostgres) -> None:
    done = run("orders", "--json", DATABASE_URL="postgresql://marketbot@127.0.0.1:9/marketbot")
    assert (done.returncode, _json(done)["error"]["reason"]) == (1, "STORE_UNAVAILABLE")
    assert "Traceback" not in done.stderr


def test_nothing_here_yet(run: Run, tmp_path: Path) -> None:
    done = run("orders", "--json", DATABASE_URL="", MARKETBOT_DATA_DIR=str(tmp_path / "none"))
    assert done.returncode == 1
    assert _json(done)["error"]["reason"] in ("NOTHING_HERE", "SETTINGS_INVALID", "STORE_UNAVAILABLE")
    assert not (tmp_path / "none").exists()


def test_doctor_names_what_is_wrong(run: Run, data_dir: Path) -> None:
    run("source", "add", "desk", "--kind", "program")
    healthy = run("doctor", "--json")
    assert healthy.returncode == 0, healthy.stdout
    (data_dir / "vault.key").chmod(0o644)
    sick = run("doctor", "--json", MARKETBOT_EGRESS_ADDRESSES="203.0.113.77")
    assert sick.returncode == 1
    wrong = {finding["check"] for finding in _json(sick)["findings"] if finding["level"] == "wrong"}
    assert wrong == {"vault key", "source addresses"}
    assert all(finding["todo"] for finding in _json(sick)["findings"] if finding["level"] != "fine")


def test_settings_that_cannot_be_are_named(run: Run) -> None:
    done = run("orders", "--json", MARKETBOT_API_PORT="ninety")
    assert (done.returncode, _json(done)["error"]["reason"]) == (2, "SETTINGS_INVALID")
    assert "ninety" not in done.stdout


def test_the_pool_is_listed_for_whitelists_and_without_logins(run: Run) -> None:
    pool = "203.0.113.7, socks5://way:hidden-word@198.51.100.1:1080"
    shown = run("egress", "--json", MARKETBOT_EGRESS_ADDRESSES=pool)
    assert [(way["egress"], way["kind"], way["address"]) for way in _json(shown)["egress"]] == [
        (0, "address", "203.0.113.7"),
        (1, "socks5", "socks5://198.51.100.1:1080"),
    ]
    told = run("egress", MARKETBOT_EGRESS_ADDRESSES=pool)
    wrong = run("egress", MARKETBOT_EGRESS_ADDRESSES="socks5://way:hidden-word@198.51.100.1")
    assert (told.returncode, wrong.returncode) == (0, 2)
    assert "whitelist" in told.stdout
    assert not any("hidden-word" in text for done in (shown, told, wrong) for text in (done.stdout, done.stderr))


def test_a_backup_is_made_listed_proven_and_brought_back(run: Run, data_dir: Path, tmp_path: Path, place: Path) -> None:
    key = tmp_path / "backup.key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    sealed = {"MARKETBOT_BACKUP_KEY_FILE": str(key)}
    assert run("source", "add", "tv").returncode == 0
    made = _json(run("backup", "--json", **sealed))
    assert [each["name"] for each in _json(run("backup", "list", "--json"))["backups"]] == [made["name"]]
    assert _json(run("backup", "verify", "--json"))["error"]["reason"] == "REFUSED"
    proven = run("backup", "verify", made["name"], "--scratch", str(place), "--json", **sealed)
    assert proven.returncode == 0
    assert _json(proven)["good"] is True
    assert not list(place.iterdir())
    refused = run("restore", "latest", **sealed)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    restored = _json(run("restore", "latest", "--replace", "--json", **sealed))
    assert restored["kept_schema"].startswith("replaced_")
    assert _json(run("source", "list", "--json"))["sources"][0]["name"] == "tv"
    file = next((data_dir / "backups" / made["name"]).glob("source.*"))
    file.write_bytes(file.read_bytes()[:-1])
    assert run("backup", "verify", made["name"], **sealed).returncode == 1


def test_users_and_their_tokens(run: Run) -> None:
    assert _json(run("users", "add", "ana", "--json"))["name"] == "ana"
    assert _json(run("users", "add", "ana", "--json"))["error"]["reason"] == "ALREADY_EXISTS"
    assert run("users", "add", "").returncode == 2
    made = _json(run("tokens", "create", "--user", "ana", "--days", "30", "--json"))
    assert made["token"].startswith("mbu_")
    assert made["scopes"] == ["accounts:read", "orders:read"]
    assert made["expires_at"] is not None
    operators = run("tokens", "create", "--scope", "all")
    assert "mbo_" in operators.stdout
    assert "operator:read, operator:write" in operators.stdout
    wide = _json(run("tokens", "create", "--user", "ana", "--scope", "orders:read", "--scope", "settings:write", "--json"))
    assert wide["scopes"] == ["orders:read", "settings:write"]
    assert run("tokens", "create", "--user", "ana", "--scope", "operator:read").returncode == 2
    assert _json(run("tokens", "create", "--user", "rui", "--json"))["error"]["reason"] == "NOT_FOUND"
    listed = run("tokens", "list", "--json")
    assert made["token"] not in listed.stdout
    assert [row["user_id"] for row in _json(listed)["tokens"]] == [1, None, 1]
    assert len(_json(run("tokens", "list", "--user", "ana", "--json"))["tokens"]) == 2
    assert _json(run("tokens", "revoke", str(made["token_id"]), "--json"))["revoked_at"] is not None
    assert _json(run("tokens", "revoke", "99", "--json"))["error"]["reason"] == "NOT_FOUND"
    assert _json(run("users", "disable", "ana", "--json"))["disabled_at"] is not None
    assert [(row["name"], row["disabled_at"] is None) for row in _json(run("users", "list", "--json"))["users"]] == [
        ("ana", False)
    ]
    assert _json(run("users", "enable", "ana", "--json"))["disabled_at"] is None
    assert _json(run("users", "enable", "rui", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_doctor_tells_of_the_wall_between_users(run: Run) -> None:
    run("source", "add", "room", "--json")
    findings = {finding["check"]: finding for finding in _json(run("doctor", "--json"))["findings"]}
    assert findings["row-level security"]["level"] == "fine"
    assert "marketbot_user_" in findings["row-level security"]["sentence"]


def test_dead_letters_are_shown_retried_and_dropped(run: Run, database: str) -> None:
    assert _json(run("source", "add", "club", "--json"))
    asyncio.run(
        _write(
            database,
            "INSERT INTO job (kind, max_attempts, attempts, failed, dead_at) SELECT 'note', 3, 3, 'away', now() FROM generate_series(1, 2)",
        )
    )
    assert {job["job_id"] for job in _json(run("jobs", "dead", "--json"))["jobs"]} == {1, 2}
    assert "away" in run("jobs", "dead").stdout
    assert run("jobs", "retry", "1").returncode == 0
    assert run("jobs", "drop", "2").returncode == 0
    again = run("jobs", "drop", "2", "--json")
    assert again.returncode == 1
    assert _json(again)["error"]["reason"] == "NOT_FOUND"
    assert _json(run("jobs", "dead", "--json"))["jobs"] == []
    assert [(job["job_id"], job["attempts"]) for job in _json(run("jobs", "list", "--json"))["jobs"]] == [(1, 0)]


async def _write(database: str, statement: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_the_policy_is_shown_and_changed_whole_or_not_at_all(run: Run) -> None:
    run("source", "add", "momentum")
    before = _json(run("policy", "show", "--json"))
    assert (before["policy"]["leverage"]["high"], before["changed_at"]) == ("10", None)
    done = _json(
        run("policy", "set", "leverage.high=8", "max_order_notional=50000.5", "restricted_symbols=btcusdt,ETHUSDT", "--json")
    )
    assert done["changed"] == {
        "leverage": {"before": {"default": "5", "low": "1", "high": "10"}, "after": {"default": "5", "low": "1", "high": "8"}},
        "max_order_notional": {"before": "100000", "after": "50000.5"},
        "restricted_symbols": {"before": [], "after": ["BTCUSDT", "ETHUSDT"]},
    }
    assert "leverage.high" in run("policy", "show").stdout
    refused = run("policy", "set", "operations_per_minute=20", "stop_multiplier.high=40", "--json")
    assert (refused.returncode, _json(refused)["error"]["reason"]) == (1, "REFUSED")
    assert "below 100 %" in _json(refused)["error"]["message"]
    now = _json(run("policy", "show", "--json"))["policy"]
    assert now == done["policy"]
    assert now["operations_per_minute"] == 10
    assert _json(run("policy", "set", "restricted_symbols=", "--json"))["policy"]["restricted_symbols"] == []
    assert "Nothing is different" in run("policy", "set", "leverage.high=8").stdout
    for wrong in ("leverage=8", "leverage.middle=8", "leverage.high", "luck=7"):
        assert _json(run("policy", "set", wrong, "--json"))["error"]["reason"] == "USAGE"
    twice = run("policy", "set", "leverage.high=8", "leverage.high=9", "--json")
    assert (twice.returncode, _json(twice)["error"]["reason"]) == (2, "USAGE")


def test_channels_are_added_tried_changed_and_dropped(run: Run) -> None:
    assert run("users", "add", "ana").returncode == 0
    assert _json(run("notices", "channels", "--json"))["channels"] == []
    url = "https://discord.com/api/webhooks/1234567890/a-secret-of-discord"
    made = run("notices", "add", "discord", url, "--language", "pt-BR", "--user", "ana", "--notice", "position_closed", "--json")
    assert (_json(made)["name"], _json(made)["minimum"], _json(made)["notices"]) == ("discord.com", "info", ["position_closed"])
    assert "a-secret" not in made.stdout
    chat = _json(run("notices", "add", "telegram", "--json", MARKETBOT_TELEGRAM_TOKEN="123456:a-bots-token-in-this-test"))
    assert (chat["confirmed_at"], len(chat["code"]) > 20) == (None, True)
    for refused in (
        ["telegram"],
        ["discord", "https://evil.example/api/webhooks/1/2"],
        ["fax"],
        ["slack", url],
        ["discord", url, "--notice", "x"],
    ):
        done = run("notices", "add", *refused, "--json")
        assert _json(done)["error"]["reason"] == "USAGE", refused
        assert "a-secret" not in done.stdout + done.stderr
    hers = str(_json(made)["channel_id"])
    assert _json(run("notices", "try", hers, "--json"))["error"]["reason"] == "NOT_FOUND"
    assert run("notices", "try", hers, "--user", "ana").returncode == 0
    assert [job["kind"] for job in _json(run("jobs", "list", "--kind", "tell", "--json"))["jobs"]] == ["tell"]
    changed = _json(run("notices", "change", hers, "--user", "ana", "--all", "--minimum", "critical", "--json"))
    assert (changed["notices"], changed["minimum"]) == (None, "critical")
    assert run("notices", "drop", hers, "--user", "ana").returncode == 0
    assert _json(run("notices", "drop", hers, "--user", "ana", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_notices_have_one_address_each_whose_secret_is_shown_once(run: Run) -> None:
    run("source", "add", "momentum")
    run("users", "add", "ana")
    assert _json(run("notices", "show", "--json"))["hook"] is None
    assert _json(run("notices", "test", "--json"))["error"]["reason"] == "NOT_FOUND"
    url = "https://hooks.example.com/services/a-secret-path"
    made = run("notices", "set", url, "--json")
    assert (_json(made)["host"], _json(made)["secret"][:6]) == ("hooks.example.com", "whsec_")
    assert _json(run("notices", "set", url, "--user", "ana", "--json"))["user_id"] == 1
    shown = run("notices", "show", "--user", "ana", "--json")
    assert _json(shown)["hook"]["host"] == "hooks.example.com"
    for text in (made.stdout, shown.stdout, shown.stderr):
        assert "a-secret-path" not in text
    assert run("notices", "test").returncode == 0
    waiting = _json(run("jobs", "list", "--kind", "notice", "--json"))["jobs"]
    assert [job["kind"] for job in waiting] == ["notice"]
    for refused in ("http://hooks.example.com/", "https://10.0.0.7/x", "https://127.0.0.1/x"):
        done = run("notices", "set", refused, "--json")
        assert (done.returncode, _json(done)["error"]["reason"]) == (2, "USAGE")
    allowed = run("notices", "set", "https://127.0.0.1:8443/x", "--json", MARKETBOT_NOTICES_TO_LOOPBACK="true")
    assert _json(allowed)["host"] == "127.0.0.1:8443"
    assert run("notices", "remove", "--user", "ana").returncode == 0
    assert _json(run("notices", "remove", "--user", "ana", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_people_are_invited_listed_and_shut_out(run: Run, database: str) -> None:
    setup = _json(run("people", "setup-link", "--json"))["link"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/setup#[\w-]{43}", setup)
    invited = _json(run("people", "invite", "Ana@bot.example", "--role", "operator", "--json"))
    assert (invited["email"], invited["role"], invited["mailed"]) == ("ana@bot.example", "operator", False)
    assert "/invitation#" in invited["link"]
    assert run("people", "invite", "nonsense").returncode == 2
    assert run("people", "invite", "b@bot.example", "--role", "king").returncode == 2
    people = "('ana@bot.example', 'Ana', 'admin', 'x'), ('rui@bot.example', 'Rui', 'operator', 'x')"
    asyncio.run(_write(database, f"INSERT INTO person (email, name, role, password_hash) VALUES {people}"))
    assert _json(run("people", "invite", "rui@bot.example", "--json"))["error"]["reason"] == "ALREADY_EXISTS"
    listed = run("people", "list", "--json")
    assert [(row["email"], row["role"]) for row in _json(listed)["people"]] == [
        ("ana@bot.example", "admin"),
        ("rui@bot.example", "operator"),
    ]
    assert "password" not in listed.stdout
    assert _json(run("people", "disable", "ana@bot.example", "--json"))["error"]["reason"] == "REFUSED"
    assert _json(run("people", "disable", "rui@bot.example", "--json"))["disabled_at"] is not None
    assert _json(run("people", "enable", "rui@bot.example", "--json"))["disabled_at"] is None
    assert "/reset#" in _json(run("people", "reset-link", "rui@bot.example", "--json"))["link"]
    assert "no second factor" in run("people", "remove-second-factor", "rui@bot.example").stdout
    assert run("people", "unlock", "rui@bot.example").returncode == 0
    assert _json(run("people", "unlock", "x@bot.example", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_keys_are_made_rotated_and_revoked(run: Run, tmp_path: Path, data_dir: Path) -> None:
    assert _json(run("keys", "init", "--json"))["made"] == str(data_dir / "kek.key")
    assert _json(run("keys", "init", "--json"))["made"] is None
    file = tmp_path / "accounts.csv"
    rows = [f"ana,a{number},bybit,key-number-{number},secret-number-{number}" for number in range(3)]
    file.write_text("\n".join(["user,label,venue,api_key,api_secret", *rows]))
    assert run("accounts", "import", str(file)).returncode == 0

    shown = _json(run("keys", "show", "--json"))
    assert (shown["known"], shown["missing"], shown["sealed"]) == ({shown["current"]: 1}, {}, 3)
    rotated = _json(run("keys", "rotate-kek", "--json"))
    assert (rotated["rewrapped"], rotated["older"]) == (1, [shown["current"]])
    assert run("keys", "retire-kek", rotated["current"]).returncode == 1
    assert run("keys", "retire-kek", shown["current"]).returncode == 0
    renewed = _json(run("keys", "rotate-data-keys", "--json"))
    assert (renewed["users"], renewed["accounts"]) == (0, 0), "made within the hour"
    assert _json(run("accounts", "import", str(file), "--json"))["unchanged"] == 3

    assert run("keys", "revoke").returncode == 2
    assert run("keys", "revoke", "--all").returncode == 2
    drill = run("keys", "revoke", "--all", "--drill")
    assert "3 keys of 1 users would be wiped" in drill.stdout
    assert "This was a drill" in drill.stdout
    assert _json(run("keys", "show", "--json"))["sealed"] == 3
    assert run("keys", "revoke", "--user", "nobody", "--yes").returncode == 1
    done = _json(run("keys", "revoke", "--user", "ana", "--yes", "--json"))
    assert (done["accounts"], done["data_keys"], done["venues"]) == (
        3,
        1,
        [{"venue": "bybit", "environment": "testnet", "accounts": 3}],
    )
    assert _json(run("keys", "show", "--json"))["sealed"] == 0


def test_a_lost_key_encryption_key_is_told_and_never_made_anew(run: Run, tmp_path: Path, data_dir: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("user,label,venue,api_key,api_secret\nana,a,bybit,key-number-1,secret-number-1")
    assert "key-encryption key was made" in run("accounts", "import", str(file)).stdout
    (data_dir / "kek.key").unlink()
    for command in (("accounts", "import", str(file)), ("keys", "init"), ("keys", "show")):
        done = run(*command)
        assert done.returncode == 1
        assert "no key-encryption key" in done.stderr + done.stdout
    assert not (data_dir / "kek.key").exists()

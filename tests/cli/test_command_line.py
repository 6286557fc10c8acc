"""The command line as a shell sees it: exit codes, one JSON value, plain sentences, and no secret twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from marketbot.store.embedded import EmbeddedPostgres

from .shell import Run, read_json, write

HELP_BUDGET_S = 2.0
"""Wall clock on a shared machine; the process alone needs about 0.2 s of CPU."""


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


def test_a_wrong_call_exits_2_in_words_and_inread_json(run: Run) -> None:
    assert run("nonsense").returncode == 2
    done = run("orders", "--limit", "many", "--json")
    assert done.returncode == 2
    assert read_json(done)["error"]["reason"] == "USAGE"
    assert read_json(run("halt", "planet", "mars", "--json"))["error"]["reason"] == "USAGE"


def test_sources_show_their_secret_once(run: Run) -> None:
    made = read_json(run("source", "add", "momentum", "--json"))
    assert made["simulation"] is True
    assert made["secret"] in made["webhook_url"]
    listed = run("source", "list", "--json")
    assert made["secret"] not in listed.stdout
    assert [source["name"] for source in read_json(listed)["sources"]] == ["momentum"]
    rotated = read_json(run("source", "rotate", "momentum", "--json"))
    assert rotated["secret"] != made["secret"]
    again = run("source", "add", "momentum", "--json")
    assert (again.returncode, read_json(again)["error"]["reason"]) == (1, "ALREADY_EXISTS")
    program = read_json(run("source", "add", "desk", "--kind", "program", "--json"))
    assert len(program["hmac_key"]) == 64


def test_a_source_is_told_its_networks_and_its_chart(run: Run) -> None:
    run("source", "add", "momentum")
    told = read_json(
        run("source", "set", "momentum", "--interval", "4h", "--allow", "203.0.113.0/24", "--allow", "2001:db8::1", "--json")
    )
    assert (told["chart_interval_s"], told["allowed_addresses"]) == (14_400, ["203.0.113.0/24", "2001:db8::1/128"])
    assert told["enabled"] is True
    off = read_json(run("source", "set", "momentum", "--disable", "--json"))
    assert (off["enabled"], off["chart_interval_s"], len(off["allowed_addresses"])) == (False, 14_400, 2)
    back = read_json(run("source", "set", "momentum", "--enable", "--interval", "none", "--allow", "any", "--json"))
    assert (back["enabled"], back["chart_interval_s"], back["allowed_addresses"]) == (True, None, [])
    for wrong in (("--interval", "soon"), ("--allow", "203.0.113.7/24")):
        assert read_json(run("source", "set", "momentum", *wrong, "--json"))["error"]["reason"] == "USAGE"
    assert read_json(run("source", "set", "nobody", "--disable", "--json"))["error"]["reason"] == "NOT_FOUND"


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
    assert read_json(done)["created"] == 2
    assert read_json(done)["problems"] == [{"row": 3, "field": "venue", "message": "must be binance, bybit or ccxt:<exchange>"}]
    listed = run("accounts", "list", "--json")
    assert [account["environment"] for account in read_json(listed)["accounts"]] == ["testnet", "testnet"]
    for text in (done.stdout, done.stderr, listed.stdout, run("accounts", "list").stdout):
        assert "secret-of" not in text
        assert "key-of" not in text


def test_halt_and_resume_by_scope(run: Run) -> None:
    halted = read_json(run("halt", "venue", "binance", "--reason", "drill", "--json"))
    assert (halted["scope"], halted["key"], halted["state"]) == ("venue", "binance", "halted")
    doctor = run("doctor", "--json")
    switches = next(finding for finding in read_json(doctor)["findings"] if finding["check"] == "switches")
    assert switches["level"] == "advice"
    assert "venue binance is halted" in switches["sentence"]
    assert read_json(run("resume", "venue", "binance", "--json"))["state"] == "active"
    assert read_json(run("resume", "venue", "binance", "--json"))["error"]["reason"] == "REFUSED"
    assert read_json(run("halt", "account", "999", "--json"))["error"]["reason"] == "REFUSED"


def test_empty_tables_and_missing_things(run: Run) -> None:
    run("source", "add", "momentum")
    assert read_json(run("orders", "--json"))["orders"] == []
    assert read_json(run("positions", "--json"))["positions"] == []
    assert read_json(run("signal", "list", "--json"))["signals"] == []
    missing = run("signal", "show", "7", "--json")
    assert (missing.returncode, read_json(missing)["error"]["reason"]) == (1, "NOT_FOUND")
    assert "(none)" in run("orders").stdout


def test_every_human_output_of_a_simulation_says_so(run: Run) -> None:
    run("source", "add", "momentum")
    for arguments in (("orders",), ("positions",), ("signal", "list"), ("source", "list"), ("accounts", "list"), ("halt",)):
        assert "SIMULATION" in run(*arguments).stdout, arguments


def test_sending_needs_the_secret_and_a_running_service(run: Run) -> None:
    secret = read_json(run("source", "add", "momentum", "--json"))["secret"]
    without = run("signal", "send", "momentum", "SINAL LONG BTCUSDT", "--json")
    assert read_json(without)["error"]["reason"] == "SECRET_MISSING"
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
    assert (away.returncode, read_json(away)["error"]["reason"]) == (1, "SERVICE_NOT_RUNNING")
    assert secret not in away.stdout + away.stderr


def test_a_database_that_is_away_is_told_plainly(run: Run, postgres: EmbeddedPostgres) -> None:
    done = run("orders", "--json", DATABASE_URL="postgresql://marketbot@127.0.0.1:9/marketbot")
    assert (done.returncode, read_json(done)["error"]["reason"]) == (1, "STORE_UNAVAILABLE")
    assert "Traceback" not in done.stderr


def test_nothing_here_yet(run: Run, tmp_path: Path) -> None:
    done = run("orders", "--json", DATABASE_URL="", MARKETBOT_DATA_DIR=str(tmp_path / "none"))
    assert done.returncode == 1
    assert read_json(done)["error"]["reason"] in ("NOTHING_HERE", "SETTINGS_INVALID", "STORE_UNAVAILABLE")
    assert not (tmp_path / "none").exists()


def test_doctor_names_what_is_wrong(run: Run, data_dir: Path) -> None:
    run("source", "add", "desk", "--kind", "program")
    healthy = run("doctor", "--json")
    assert healthy.returncode == 0, healthy.stdout
    (data_dir / "vault.key").chmod(0o644)
    sick = run("doctor", "--json", MARKETBOT_EGRESS_ADDRESSES="203.0.113.77")
    assert sick.returncode == 1
    wrong = {finding["check"] for finding in read_json(sick)["findings"] if finding["level"] == "wrong"}
    assert wrong == {"vault key", "source addresses"}
    assert all(finding["todo"] for finding in read_json(sick)["findings"] if finding["level"] != "fine")


def test_settings_that_cannot_be_are_named(run: Run) -> None:
    done = run("orders", "--json", MARKETBOT_API_PORT="ninety")
    assert (done.returncode, read_json(done)["error"]["reason"]) == (2, "SETTINGS_INVALID")
    assert "ninety" not in done.stdout


def test_the_pool_is_listed_for_whitelists_and_without_logins(run: Run) -> None:
    pool = "203.0.113.7, socks5://way:hidden-word@198.51.100.1:1080"
    shown = run("egress", "--json", MARKETBOT_EGRESS_ADDRESSES=pool)
    assert [(way["egress"], way["kind"], way["address"]) for way in read_json(shown)["egress"]] == [
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
    made = read_json(run("backup", "--json", **sealed))
    assert [each["name"] for each in read_json(run("backup", "list", "--json"))["backups"]] == [made["name"]]
    assert read_json(run("backup", "verify", "--json"))["error"]["reason"] == "REFUSED"
    proven = run("backup", "verify", made["name"], "--scratch", str(place), "--json", **sealed)
    assert proven.returncode == 0
    assert read_json(proven)["good"] is True
    assert not list(place.iterdir())
    refused = run("restore", "latest", **sealed)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    restored = read_json(run("restore", "latest", "--replace", "--json", **sealed))
    assert restored["kept_schema"].startswith("replaced_")
    assert read_json(run("source", "list", "--json"))["sources"][0]["name"] == "tv"
    file = next((data_dir / "backups" / made["name"]).glob("source.*"))
    file.write_bytes(file.read_bytes()[:-1])
    assert run("backup", "verify", made["name"], **sealed).returncode == 1


def test_dead_letters_are_shown_retried_and_dropped(run: Run, database: str) -> None:
    assert read_json(run("source", "add", "club", "--json"))
    asyncio.run(
        write(
            database,
            "INSERT INTO job (kind, max_attempts, attempts, failed, dead_at) SELECT 'note', 3, 3, 'away', now() FROM generate_series(1, 2)",
        )
    )
    assert {job["job_id"] for job in read_json(run("jobs", "dead", "--json"))["jobs"]} == {1, 2}
    assert "away" in run("jobs", "dead").stdout
    assert run("jobs", "retry", "1").returncode == 0
    assert run("jobs", "drop", "2").returncode == 0
    again = run("jobs", "drop", "2", "--json")
    assert again.returncode == 1
    assert read_json(again)["error"]["reason"] == "NOT_FOUND"
    assert read_json(run("jobs", "dead", "--json"))["jobs"] == []
    assert [(job["job_id"], job["attempts"]) for job in read_json(run("jobs", "list", "--json"))["jobs"]] == [(1, 0)]


def test_the_policy_is_shown_and_changed_whole_or_not_at_all(run: Run) -> None:
    run("source", "add", "momentum")
    before = read_json(run("policy", "show", "--json"))
    assert (before["policy"]["leverage"]["high"], before["changed_at"]) == ("10", None)
    done = read_json(
        run("policy", "set", "leverage.high=8", "max_order_notional=50000.5", "restricted_symbols=btcusdt,ETHUSDT", "--json")
    )
    assert done["changed"] == {
        "leverage": {"before": {"default": "5", "low": "1", "high": "10"}, "after": {"default": "5", "low": "1", "high": "8"}},
        "max_order_notional": {"before": "100000", "after": "50000.5"},
        "restricted_symbols": {"before": [], "after": ["BTCUSDT", "ETHUSDT"]},
    }
    assert "leverage.high" in run("policy", "show").stdout
    refused = run("policy", "set", "operations_per_minute=20", "stop_multiplier.high=40", "--json")
    assert (refused.returncode, read_json(refused)["error"]["reason"]) == (1, "REFUSED")
    assert "below 100 %" in read_json(refused)["error"]["message"]
    now = read_json(run("policy", "show", "--json"))["policy"]
    assert now == done["policy"]
    assert now["operations_per_minute"] == 10
    assert read_json(run("policy", "set", "restricted_symbols=", "--json"))["policy"]["restricted_symbols"] == []
    assert "Nothing is different" in run("policy", "set", "leverage.high=8").stdout
    for wrong in ("leverage=8", "leverage.middle=8", "leverage.high", "luck=7"):
        assert read_json(run("policy", "set", wrong, "--json"))["error"]["reason"] == "USAGE"
    twice = run("policy", "set", "leverage.high=8", "leverage.high=9", "--json")
    assert (twice.returncode, read_json(twice)["error"]["reason"]) == (2, "USAGE")


def test_channels_are_added_tried_changed_and_dropped(run: Run) -> None:
    assert run("users", "add", "ana").returncode == 0
    assert read_json(run("notices", "channels", "--json"))["channels"] == []
    url = "https://discord.com/api/webhooks/1234567890/a-secret-of-discord"
    made = run("notices", "add", "discord", url, "--language", "pt-BR", "--user", "ana", "--notice", "position_closed", "--json")
    assert (read_json(made)["name"], read_json(made)["minimum"], read_json(made)["notices"]) == (
        "discord.com",
        "info",
        ["position_closed"],
    )
    assert "a-secret" not in made.stdout
    chat = read_json(run("notices", "add", "telegram", "--json", MARKETBOT_TELEGRAM_TOKEN="123456:a-bots-token-in-this-test"))
    assert (chat["confirmed_at"], len(chat["code"]) > 20) == (None, True)
    for refused in (
        ["telegram"],
        ["discord", "https://evil.example/api/webhooks/1/2"],
        ["fax"],
        ["slack", url],
        ["discord", url, "--notice", "x"],
    ):
        done = run("notices", "add", *refused, "--json")
        assert read_json(done)["error"]["reason"] == "USAGE", refused
        assert "a-secret" not in done.stdout + done.stderr
    hers = str(read_json(made)["channel_id"])
    assert read_json(run("notices", "try", hers, "--json"))["error"]["reason"] == "NOT_FOUND"
    assert run("notices", "try", hers, "--user", "ana").returncode == 0
    assert [job["kind"] for job in read_json(run("jobs", "list", "--kind", "tell", "--json"))["jobs"]] == ["tell"]
    changed = read_json(run("notices", "change", hers, "--user", "ana", "--all", "--minimum", "critical", "--json"))
    assert (changed["notices"], changed["minimum"]) == (None, "critical")
    assert run("notices", "drop", hers, "--user", "ana").returncode == 0
    assert read_json(run("notices", "drop", hers, "--user", "ana", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_notices_have_one_address_each_whose_secret_is_shown_once(run: Run) -> None:
    run("source", "add", "momentum")
    run("users", "add", "ana")
    assert read_json(run("notices", "show", "--json"))["hook"] is None
    assert read_json(run("notices", "test", "--json"))["error"]["reason"] == "NOT_FOUND"
    url = "https://hooks.example.com/services/a-secret-path"
    made = run("notices", "set", url, "--json")
    assert (read_json(made)["host"], read_json(made)["secret"][:6]) == ("hooks.example.com", "whsec_")
    assert read_json(run("notices", "set", url, "--user", "ana", "--json"))["user_id"] == 1
    shown = run("notices", "show", "--user", "ana", "--json")
    assert read_json(shown)["hook"]["host"] == "hooks.example.com"
    for text in (made.stdout, shown.stdout, shown.stderr):
        assert "a-secret-path" not in text
    assert run("notices", "test").returncode == 0
    waiting = read_json(run("jobs", "list", "--kind", "notice", "--json"))["jobs"]
    assert [job["kind"] for job in waiting] == ["notice"]
    for refused in ("http://hooks.example.com/", "https://10.0.0.7/x", "https://127.0.0.1/x"):
        done = run("notices", "set", refused, "--json")
        assert (done.returncode, read_json(done)["error"]["reason"]) == (2, "USAGE")
    allowed = run("notices", "set", "https://127.0.0.1:8443/x", "--json", MARKETBOT_NOTICES_TO_LOOPBACK="true")
    assert read_json(allowed)["host"] == "127.0.0.1:8443"
    assert run("notices", "remove", "--user", "ana").returncode == 0
    assert read_json(run("notices", "remove", "--user", "ana", "--json"))["error"]["reason"] == "NOT_FOUND"

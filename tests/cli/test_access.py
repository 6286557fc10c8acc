"""Users, people and keys on the command line: who comes in, and what seals their keys."""

from __future__ import annotations

import asyncio
import re
import zipfile
from pathlib import Path

from .shell import Run, read_json, write


def test_users_and_their_tokens(run: Run) -> None:
    assert read_json(run("users", "add", "ana", "--json"))["name"] == "ana"
    assert read_json(run("users", "add", "ana", "--json"))["error"]["reason"] == "ALREADY_EXISTS"
    assert run("users", "add", "").returncode == 2
    made = read_json(run("tokens", "create", "--user", "ana", "--days", "30", "--json"))
    assert made["token"].startswith("mbu_")
    assert made["scopes"] == ["accounts:read", "orders:read"]
    assert made["expires_at"] is not None
    operators = run("tokens", "create", "--scope", "all")
    assert "mbo_" in operators.stdout
    assert "operator:read, operator:write" in operators.stdout
    wide = read_json(run("tokens", "create", "--user", "ana", "--scope", "orders:read", "--scope", "settings:write", "--json"))
    assert wide["scopes"] == ["orders:read", "settings:write"]
    assert run("tokens", "create", "--user", "ana", "--scope", "operator:read").returncode == 2
    assert read_json(run("tokens", "create", "--user", "rui", "--json"))["error"]["reason"] == "NOT_FOUND"
    listed = run("tokens", "list", "--json")
    assert made["token"] not in listed.stdout
    assert [row["user_id"] for row in read_json(listed)["tokens"]] == [1, None, 1]
    assert len(read_json(run("tokens", "list", "--user", "ana", "--json"))["tokens"]) == 2
    assert read_json(run("tokens", "revoke", str(made["token_id"]), "--json"))["revoked_at"] is not None
    assert read_json(run("tokens", "revoke", "99", "--json"))["error"]["reason"] == "NOT_FOUND"
    assert read_json(run("users", "disable", "ana", "--json"))["disabled_at"] is not None
    assert [(row["name"], row["disabled_at"] is None) for row in read_json(run("users", "list", "--json"))["users"]] == [
        ("ana", False)
    ]
    assert read_json(run("users", "enable", "ana", "--json"))["disabled_at"] is None
    assert read_json(run("users", "enable", "rui", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_doctor_tells_of_the_wall_between_users(run: Run) -> None:
    run("source", "add", "room", "--json")
    findings = {finding["check"]: finding for finding in read_json(run("doctor", "--json"))["findings"]}
    assert findings["row-level security"]["level"] == "fine"
    assert "marketbot_user_" in findings["row-level security"]["sentence"]


def test_people_are_invited_listed_and_shut_out(run: Run, database: str) -> None:
    setup = read_json(run("people", "setup-link", "--json"))["link"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/setup#[\w-]{43}", setup)
    invited = read_json(run("people", "invite", "Ana@bot.example", "--role", "operator", "--json"))
    assert (invited["email"], invited["role"], invited["mailed"]) == ("ana@bot.example", "operator", False)
    assert "/invitation#" in invited["link"]
    assert run("people", "invite", "nonsense").returncode == 2
    assert run("people", "invite", "b@bot.example", "--role", "king").returncode == 2
    people = "('ana@bot.example', 'Ana', 'admin', 'x'), ('rui@bot.example', 'Rui', 'operator', 'x')"
    asyncio.run(write(database, f"INSERT INTO person (email, name, role, password_hash) VALUES {people}"))
    assert read_json(run("people", "invite", "rui@bot.example", "--json"))["error"]["reason"] == "ALREADY_EXISTS"
    listed = run("people", "list", "--json")
    assert [(row["email"], row["role"]) for row in read_json(listed)["people"]] == [
        ("ana@bot.example", "admin"),
        ("rui@bot.example", "operator"),
    ]
    assert "password" not in listed.stdout
    assert read_json(run("people", "disable", "ana@bot.example", "--json"))["error"]["reason"] == "REFUSED"
    assert read_json(run("people", "disable", "rui@bot.example", "--json"))["disabled_at"] is not None
    assert read_json(run("people", "enable", "rui@bot.example", "--json"))["disabled_at"] is None
    assert "/reset#" in read_json(run("people", "reset-link", "rui@bot.example", "--json"))["link"]
    assert "no second factor" in run("people", "remove-second-factor", "rui@bot.example").stdout
    assert run("people", "unlock", "rui@bot.example").returncode == 0
    assert read_json(run("people", "unlock", "x@bot.example", "--json"))["error"]["reason"] == "NOT_FOUND"


def test_somebody_is_given_a_copy_and_erased_by_letter(run: Run, database: str, tmp_path: Path) -> None:
    run("people", "setup-link")
    people = "('ana@bot.example', 'Ana', 'admin', 'x'), ('rui@bot.example', 'Rui', 'operator', 'x')"
    asyncio.run(write(database, f"INSERT INTO person (email, name, role, password_hash) VALUES {people}"))
    asyncio.run(write(database, "INSERT INTO app_user (name) VALUES ('by file')"))
    out = tmp_path / "rui.zip"
    written = read_json(run("people", "export", "rui@bot.example", "--out", str(out), "--json"))
    assert (written["person_id"], out.stat().st_mode & 0o777) == (2, 0o600)
    with zipfile.ZipFile(out) as opened:
        assert b"rui@bot.example" in opened.read("person.json")
        assert b"ana@bot.example" not in opened.read("person.json")
    again = run("people", "export", "--user", "1", "--out", str(out), "--json")
    assert read_json(again)["error"]["reason"] == "FILE_INVALID"
    assert run("people", "export").returncode == 2
    assert read_json(run("people", "erase", "ana@bot.example", "--json"))["error"]["reason"] == "REFUSED"
    asked = read_json(run("people", "erase", "rui@bot.example", "--json"))
    assert (asked["person_id"], asked["asked_by"], asked["done_at"]) == (2, "operator", None)
    assert read_json(run("people", "erase", "rui@bot.example", "--json"))["error"]["reason"] == "REFUSED"
    assert read_json(run("people", "keep", str(asked["erasure_id"]), "--json"))["kept"] is True
    assert read_json(run("people", "keep", str(asked["erasure_id"]), "--json"))["error"]["reason"] == "NOT_FOUND"
    assert read_json(run("people", "erase", "--user", "1", "--json"))["user_id"] == 1
    rows = read_json(run("people", "erasures", "--json"))["erasures"]
    assert [(row["user_id"], row["canceled_at"] is None) for row in rows] == [(1, True), (None, False)]


def test_keys_are_made_rotated_and_revoked(run: Run, tmp_path: Path, data_dir: Path) -> None:
    assert read_json(run("keys", "init", "--json"))["made"] == str(data_dir / "kek.key")
    assert read_json(run("keys", "init", "--json"))["made"] is None
    file = tmp_path / "accounts.csv"
    rows = [f"ana,a{number},bybit,key-number-{number},secret-number-{number}" for number in range(3)]
    file.write_text("\n".join(["user,label,venue,api_key,api_secret", *rows]))
    assert run("accounts", "import", str(file)).returncode == 0

    shown = read_json(run("keys", "show", "--json"))
    assert (shown["known"], shown["missing"], shown["sealed"]) == ({shown["current"]: 1}, {}, 3)
    rotated = read_json(run("keys", "rotate-kek", "--json"))
    assert (rotated["rewrapped"], rotated["older"]) == (1, [shown["current"]])
    assert run("keys", "retire-kek", rotated["current"]).returncode == 1
    assert run("keys", "retire-kek", shown["current"]).returncode == 0
    renewed = read_json(run("keys", "rotate-data-keys", "--json"))
    assert (renewed["users"], renewed["accounts"]) == (0, 0), "made within the hour"
    assert read_json(run("accounts", "import", str(file), "--json"))["unchanged"] == 3

    assert run("keys", "revoke").returncode == 2
    assert run("keys", "revoke", "--all").returncode == 2
    drill = run("keys", "revoke", "--all", "--drill")
    assert "3 keys of 1 users would be wiped" in drill.stdout
    assert "This was a drill" in drill.stdout
    assert read_json(run("keys", "show", "--json"))["sealed"] == 3
    assert run("keys", "revoke", "--user", "nobody", "--yes").returncode == 1
    done = read_json(run("keys", "revoke", "--user", "ana", "--yes", "--json"))
    assert (done["accounts"], done["data_keys"], done["venues"]) == (
        3,
        1,
        [{"venue": "bybit", "environment": "testnet", "accounts": 3}],
    )
    assert read_json(run("keys", "show", "--json"))["sealed"] == 0


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

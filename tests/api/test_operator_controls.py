"""The operator's commands over the API: previewed, carried out, written down, recorded, and followed until they took effect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.users.faces import Faces, faces_of

from marketbot.domain.scope import Scope
from marketbot.store.audit_trail import verify
from marketbot.store.control_commands import read_command
from marketbot.store.pool import open_pool
from marketbot.workers.controls import Controls

HALT = "/v1/operator/controls/halt"
CLOSE = "/v1/operator/controls/close"


@pytest.fixture
async def faces(database: str, tmp_path: Path) -> AsyncIterator[Faces]:
    async with faces_of(database, tmp_path) as made:
        await made.store.execute("DELETE FROM switch")
        await made.store.execute("DELETE FROM control_command")
        yield made


async def trail(faces: Faces, *actions: str) -> list[Any]:
    answer = await faces.get("/v1/operator/audit?limit=200", faces.root)
    rows = [row for row in answer.json["entries"] if not actions or row["action"] in actions]
    return list(reversed(rows))


async def test_a_preview_counts_and_changes_nothing(faces: Faces) -> None:
    answer = await faces.ask("POST", "/v1/operator/controls/preview", faces.operator, {"scope": "user", "key": "1"})
    assert answer.status == 200
    assert answer.json == {
        "scope": "user",
        "key": "1",
        "accounts": 3,
        "holding_accounts": 3,
        "open_positions": 6,
        "queued_chunks": 0,
        "notional_at_entry": "300",
    }
    document = {"scope": "environment", "key": "mainnet", "symbol": "ethusdt"}
    one = (await faces.ask("POST", "/v1/operator/controls/preview", faces.operator, document)).json
    assert (one["accounts"], one["holding_accounts"], one["open_positions"], one["notional_at_entry"]) == (6, 6, 6, "300")
    assert (await faces.get("/v1/operator/controls", faces.operator)).json["switches"] == []
    assert await trail(faces) == []


async def test_what_can_be_halted_can_be_previewed(faces: Faces) -> None:
    """A native venue is there before anybody has an account."""
    await faces.store.execute("UPDATE account SET venue = 'bybit' WHERE venue = 'binance'")
    document = {"scope": "venue", "key": "Binance"}
    covered = await faces.ask("POST", "/v1/operator/controls/preview", faces.operator, document)
    assert (covered.status, covered.json["key"], covered.json["accounts"]) == (200, "binance", 0)
    assert (await faces.ask("POST", HALT, faces.operator, document)).status == 202


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"scope": "planet"},
        {"scope": "user"},
        {"scope": "user", "key": "x"},
        {"scope": "user", "key": "99"},
        {"scope": "everything", "state": "active"},
        {"scope": "everything", "state": 5},
        {"scope": "everything", "reason": 5},
        {"scope": "everything", "reason": "x" * 201},
        {"scope": "everything", "who": "me"},
        {"scope": "everything", "symbol": "BTCUSDT"},
        {"scope": ["everything"]},
    ],
)
async def test_a_command_that_makes_no_sense_changes_nothing(faces: Faces, document: dict[str, Any]) -> None:
    answer = await faces.ask("POST", HALT, faces.operator, document)
    assert (answer.status, answer.json["reason"]) == (422, "CONTROL_REFUSED")
    assert await faces.store.fetchval("SELECT count(*) FROM switch") == 0
    assert await trail(faces) == []


async def test_a_halt_takes_effect_when_every_engine_has_read_it(faces: Faces, database: str) -> None:
    for worker in (1, 2):
        await faces.store.execute(
            "INSERT INTO worker (worker, roles, instance, place, pid, started, egresses)"
            " VALUES ($1, '{executor}', 'i', 'p', 1, '', '{0}')",
            worker,
        )
    made = await faces.ask("POST", HALT, faces.operator, {"scope": "environment", "key": "mainnet", "reason": "drill"})
    assert (made.status, made.json["state"], made.json["accounts"]) == (202, "halted", 6)
    path = f"/v1/operator/controls/{made.json['command_id']}"
    waiting = (await faces.get(path, faces.operator)).json["effect"]
    assert (waiting["engines"], waiting["acknowledged"], waiting["effective_at"]) == (2, 0, None)
    pool = await open_pool(database, name="test", size=2)
    try:
        engines = [Controls(pool, lambda number=number: number) for number in (1, 2)]
        await engines[0].read()
        assert (await faces.get(path, faces.operator)).json["effect"]["waiting"] == 1
        await engines[1].read()
        await engines[1].read()
    finally:
        await pool.close()
    done = (await faces.get(path, faces.operator)).json["effect"]
    assert (done["acknowledged"], done["waiting"]) == (2, 0)
    assert done["took_ms"] >= 0
    assert engines[0].switches().set == engines[1].switches().set != {}
    listed = (await faces.get("/v1/operator/controls", faces.operator)).json
    assert [row["key"] for row in listed["switches"]] == ["mainnet"]
    assert [row["command_id"] for row in listed["commands"]] == [made.json["command_id"]]
    back = await faces.ask("POST", "/v1/operator/controls/resume", faces.operator, {"scope": "environment", "key": "mainnet"})
    assert (back.status, back.json["state"]) == (202, "active")
    entries = await trail(faces, "halted", "resumed")
    assert [(row["action"], row["subject_kind"], row["subject_id"], row["facts"]["reason"]) for row in entries] == [
        ("halted", "environment", "mainnet", "drill"),
        ("resumed", "environment", "mainnet", ""),
    ]


async def test_an_engine_that_died_does_not_hold_the_effect_up(faces: Faces) -> None:
    await faces.store.execute(
        "INSERT INTO worker (worker, roles, instance, place, pid, started, egresses) VALUES (1, '{executor}', 'i', 'p', 1, '', '{0}')"
    )
    made = await faces.ask("POST", HALT, faces.operator, {"scope": "everything"})
    await faces.store.execute("UPDATE worker SET ended_at = clock_timestamp()")
    told = (await faces.get(f"/v1/operator/controls/{made.json['command_id']}", faces.operator)).json["effect"]
    assert (told["engines"], told["waiting"]) == (1, 0)


async def test_a_close_is_one_signal_an_instrument_and_only_once_under_its_key(faces: Faces) -> None:
    document = {"scope": "user", "key": "1", "reason": "asked to"}
    answers = [await faces.ask("POST", CLOSE, faces.operator, document, idempotency_key='"k1"') for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    assert (answers[0].json["accounts"], answers[0].json["open_positions"], answers[0].json["signals"]) == (3, 6, 2)
    rows = await faces.store.fetch("SELECT symbol, action, state FROM signal WHERE command_id IS NOT NULL ORDER BY 1")
    assert [tuple(row) for row in rows] == [("BTCUSDT", "close_all", "accepted"), ("ETHUSDT", "close_all", "accepted")]
    other = await faces.ask("POST", CLOSE, faces.operator, {**document, "key": "2"}, idempotency_key="k1")
    assert (other.status, other.json["reason"]) == (422, "KEY_REUSED")
    # The key is the caller's own: another's under the same name is another command.
    theirs = await faces.ask("POST", CLOSE, faces.root, document, idempotency_key="k1")
    assert theirs.json["command_id"] != answers[0].json["command_id"]
    assert len(await trail(faces, "closed")) == 2
    told = (await faces.get(f"/v1/operator/controls/{answers[0].json['command_id']}", faces.operator)).json["progress"]
    assert (told["signals"], told["unplanned"], told["done"]) == (2, 2, False)


async def test_what_is_in_progress_is_not_begun_again_and_what_was_refused_may_be_put_right(faces: Faces) -> None:
    refused = await faces.ask("POST", HALT, faces.operator, {"scope": "planet"}, idempotency_key="k")
    assert refused.status == 422
    assert (await faces.ask("POST", HALT, faces.operator, {"scope": "everything"}, idempotency_key="k")).status == 202
    await faces.store.execute("UPDATE idempotency_key SET status = NULL, body = NULL")
    again = await faces.ask("POST", HALT, faces.operator, {"scope": "everything"}, idempotency_key="k")
    assert (again.status, again.json["reason"]) == (409, "COMMAND_IN_PROGRESS")
    await faces.store.execute("UPDATE idempotency_key SET created_at = now() - interval '2 minutes'")
    assert (await faces.ask("POST", HALT, faces.operator, {"scope": "everything"}, idempotency_key="k")).status == 202
    for key in ("", '""', "x" * 256, "tab\there"):
        assert (await faces.ask("POST", HALT, faces.operator, {"scope": "everything"}, idempotency_key=key)).status == 400


async def test_many_at_once_under_one_key_are_done_once(faces: Faces) -> None:
    ask = [faces.ask("POST", CLOSE, faces.operator, {"scope": "everything"}, idempotency_key="k") for _ in range(6)]
    answers = await asyncio.gather(*ask)
    assert {answer.status for answer in answers} <= {202, 409}
    assert await faces.store.fetchval("SELECT count(*) FROM control_command") == 1


async def test_policy_is_changed_by_the_rules_of_the_command_line(faces: Faces) -> None:
    changed = await faces.ask(
        "PATCH", "/v1/operator/policy", faces.operator, {"leverage": {"high": "8"}, "operations_per_minute": 20}
    )
    assert (changed.status, changed.json["changed"]) == (200, ["leverage", "operations_per_minute"])
    for wrong in ({"leverage": {"high": "500"}}, {"nonsense": 1}, {}):
        answer = await faces.ask("PATCH", "/v1/operator/policy", faces.operator, wrong)
        assert (answer.status, answer.json["reason"]) == (422, "SETTING_INVALID"), wrong
    shown = (await faces.get("/v1/operator/policy", faces.operator)).json
    assert shown["policy"]["leverage"]["high"] == "8"
    assert shown["limits"]["leverage"] == {"low": "1", "high": "125"}
    (entry,) = await trail(faces, "policy_changed")
    assert entry["facts"] == {"leverage": "1/5/10 -> 1/5/8", "operations_per_minute": "10 -> 20"}


async def test_a_source_is_made_changed_and_its_secret_shown_once(faces: Faces) -> None:
    made = await faces.ask("POST", "/v1/operator/sources", faces.operator, {"name": "desk-room", "signals_per_hour": 60})
    assert made.status == 201
    secret, source_id = made.json["secret"], made.json["source_id"]
    assert (await faces.ask("POST", "/v1/operator/sources", faces.operator, {"name": "desk-room"})).status == 409
    for wrong in ({"name": "Room"}, {"name": "r", "kind": "x"}, {"name": "r", "signals_per_hour": 0}, {"name": "r", "more": 1}):
        assert (await faces.ask("POST", "/v1/operator/sources", faces.operator, wrong)).status == 422
    path = f"/v1/operator/sources/{source_id}"
    change = {"enabled": False, "allowed_addresses": ["203.0.113.0/24"], "chart_interval": "4h", "signals_per_hour": 7}
    changed = await faces.ask("PATCH", path, faces.operator, change)
    assert (changed.json["enabled"], changed.json["chart_interval_s"], changed.json["signals_per_hour"]) == (False, 14_400, 7)
    assert (await faces.ask("PATCH", path, faces.operator, {"allowed_addresses": ["nowhere"]})).status == 422
    rotated = await faces.ask("POST", f"{path}/rotate", faces.operator)
    assert rotated.json["secret"] not in ("", secret)
    assert (await faces.ask("POST", "/v1/operator/sources/999/rotate", faces.operator)).status == 404
    program = await faces.ask("POST", "/v1/operator/sources", faces.operator, {"name": "robot", "kind": "program"})
    assert len(program.json["secret"]) == 64
    listed = await faces.get("/v1/operator/sources", faces.operator)
    everything = listed.body + (await faces.get("/v1/operator/audit", faces.root)).body
    for each in (secret, rotated.json["secret"], program.json["secret"]):
        assert each.encode() not in everything
    actions = [row["action"] for row in await trail(faces)]
    assert actions == ["source_made", "source_changed", "source_rotated", "source_made"]


async def test_a_test_signal_goes_the_way_of_every_signal_and_is_marked(faces: Faces) -> None:
    await faces.store.execute("INSERT INTO known_symbol VALUES ('bybit', 'mainnet', 'BTCUSDT')")
    body = '{"action": "buy", "symbol": "BTCUSDT", "price": "100"}'
    sent = await faces.ask("POST", "/v1/operator/signals/test", faces.operator, {"source": "shared", "body": body})
    assert sent.status == 202, sent.json
    signal = await faces.store.fetchrow("SELECT action, state FROM signal WHERE signal_id = $1", sent.json["signal_id"])
    assert tuple(signal) == ("open_long", "accepted")
    (entry,) = await trail(faces, "test_signal_sent")
    assert (entry["subject_kind"], entry["subject_id"]) == ("source", "shared")
    for wrong, status in ((("nobody", body), 401), (("shared", "{}"), 422)):
        answer = await faces.ask(
            "POST", "/v1/operator/signals/test", faces.operator, dict(zip(("source", "body"), wrong, strict=True))
        )
        assert answer.status == status, answer.json


async def test_every_command_leaves_an_entry_and_the_chain_holds(faces: Faces) -> None:
    await faces.ask("POST", "/v1/operator/users", faces.operator, {"name": "nina"})
    await faces.ask("PATCH", "/v1/operator/users/2", faces.operator, {"enabled": False})
    await faces.ask("PATCH", "/v1/operator/users/2", faces.operator, {"enabled": True})
    made = await faces.ask("POST", "/v1/operator/tokens", faces.operator, {"name": "t", "scopes": ["operator:read"]})
    await faces.ask("DELETE", f"/v1/operator/tokens/{made.json['token_id']}", faces.operator)
    own = await faces.ask("POST", "/v1/tokens", faces.ana, {"name": "t", "scopes": ["orders:read"]})
    await faces.ask("DELETE", f"/v1/tokens/{own.json['token_id']}", faces.ana)
    await faces.ask("PATCH", "/v1/accounts/1/settings", faces.ana, {"leverage": "3", "denied_symbols": ["ETHUSDT"]})
    await faces.ask("PATCH", "/v1/accounts/1/settings", faces.ana, {"leverage": "3"})
    await faces.ask("PUT", "/v1/notices", faces.ana, {"url": "https://ana.example/a/secret/path"})
    await faces.ask("DELETE", "/v1/notices", faces.ana)
    await faces.store.execute("INSERT INTO job (kind, max_attempts, dead_at) VALUES ('note', 1, now()), ('note', 1, now())")
    first = await faces.store.fetchval("SELECT min(job_id) FROM job WHERE dead_at IS NOT NULL")
    assert (await faces.ask("POST", f"/v1/operator/jobs/{first}/retry", faces.operator)).status == 200
    assert (await faces.ask("POST", f"/v1/operator/jobs/{first + 1}/drop", faces.operator)).status == 200
    await faces.ask("POST", "/v1/positions/close", faces.ana, {})
    entries = await trail(faces)
    assert [row["action"] for row in entries] == [
        "user_made", "user_disabled", "user_enabled", "token_made", "token_revoked", "token_made", "token_revoked",
        "settings_changed", "notices_set", "notices_removed", "job_retried", "job_dropped", "closed",
    ]  # fmt: skip
    assert {row["actor_kind"] for row in entries} == {"token"}
    assert {row["address"] for row in entries} == {"127.0.0.1"}
    assert entries[7]["facts"] == {"leverage": 3, "denied_symbols": "ETHUSDT"}
    text = (await faces.get("/v1/operator/audit?limit=200", faces.root)).body
    for secret in (made.json["token"], own.json["token"], "secret/path", "nina"):
        assert secret.encode() not in text
    assert (await verify(faces.store)).holds
    proof = (await faces.get("/v1/operator/audit/verify", faces.root)).json
    assert (proof["holds"], proof["proof"]["entries"], proof["next"]) == (True, 13, None)
    part = (await faces.get("/v1/operator/audit?action=token_made&actor_kind=token&limit=1", faces.root)).json
    assert len(part["entries"]) == 1
    rest = (await faces.get(f"/v1/operator/audit?action=token_made&limit=1&after={part['next']}", faces.root)).json
    assert rest["entries"][0]["entry_id"] < part["entries"][0]["entry_id"]
    for wrong in ("action=x", "actor_kind=x", "actor_id=x", "since=yesterday", "until=2026-01-01T00:00:00"):
        assert (await faces.get(f"/v1/operator/audit?{wrong}", faces.root)).status == 400


async def test_the_report_shows_the_controls_and_escapes_what_people_typed(faces: Faces) -> None:
    await faces.ask("POST", HALT, faces.operator, {"scope": "everything", "reason": "drill | <b>"})
    await faces.ask("PATCH", "/v1/operator/policy", faces.operator, {"operations_per_minute": 20})
    told = (await faces.get("/v1/operator/control-report", faces.root)).json["report"]
    assert [row["kind"] for row in told["commands"]] == ["halt"]
    assert told["denials"] == {"MAX_POSITIONS": 18}
    assert (told["actions"], told["cut"]) == ({"halted": 1, "policy_changed": 1}, [])
    answer = await faces.get("/v1/operator/control-report?format=markdown", faces.root)
    text = answer.body.decode()
    assert text.startswith("**SIMULATION**")
    assert "drill \\| &lt;b&gt;" in text
    assert "operations_per_minute | 20" in text
    for wrong in ("format=pdf", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"):
        assert (await faces.get(f"/v1/operator/control-report?{wrong}", faces.root)).status == 400


async def test_an_operators_reading_token_commands_nothing_and_reads_no_trail(faces: Faces) -> None:
    reading = (await faces.token(None, Scope.OPERATOR_READ)).text
    assert (await faces.get("/v1/operator/controls", reading)).status == 200
    for method, path in (
        ("POST", HALT), ("POST", CLOSE), ("PATCH", "/v1/operator/policy"), ("POST", "/v1/operator/sources"),
        ("POST", "/v1/operator/signals/test"), ("GET", "/v1/operator/audit"), ("GET", "/v1/operator/control-report"),
    ):  # fmt: skip
        assert (await faces.ask(method, path, reading, {} if method != "GET" else None)).status == 403, path
    assert await read_command(faces.store, 1) is None

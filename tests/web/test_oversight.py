"""Jobs, the audit trail, users, accounts and one signal's accounts over HTTP, role by role."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import orjson
import pytest

from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.domain.scope import Scope
from marketbot.store.user_list import DOWNWARDS

from .conftest import Console
from .desk import DEAD_JOBS, REASON, STAFF, Desk
from .scene import HOSTILE, Login

EN = "en"
UNTAMED = (
    "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_final",
    "UPDATE audit_entry SET facts = '{}' WHERE entry_id = 2",
    "ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_is_final",
)


async def lines_of(console: Console, path: str, who: Login) -> list[str]:
    answer = await console.get(path, who)
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    return answer.body.decode("utf-8-sig").strip().split("\r\n")


async def every_page(console: Console, path: str, who: Login) -> str:
    """Follow the way to the last page; return all of them."""
    found = ""
    while path:
        text = (await console.get(path, who, accept_language=EN)).body.decode()
        found += text
        more = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(more[1]) if more else ""
    return found


@pytest.mark.parametrize("role", STAFF)
async def test_a_role_opens_and_changes_what_its_scopes_say(console: Console, desk: Desk, role: Role) -> None:
    who, scopes = desk.staff[role], ROLE_SCOPES[role]
    job = await console.store.fetchval("SELECT max(job_id) FROM job WHERE dead_at IS NOT NULL")
    for method, path, scope, fields in (
        ("GET", "/operator/jobs", Scope.OPERATOR_READ, {}),
        ("GET", "/operator/users", Scope.OPERATOR_READ, {}),
        ("GET", "/operator/accounts/1", Scope.OPERATOR_READ, {}),
        ("GET", "/operator/signals/1", Scope.OPERATOR_READ, {}),
        ("GET", "/operator/audit", Scope.AUDIT_READ, {}),
        ("GET", "/operator/audit/proof", Scope.AUDIT_READ, {}),
        ("GET", "/operator/audit/report", Scope.AUDIT_READ, {}),
        ("POST", f"/operator/jobs/{job}/retry", Scope.JOBS_WRITE, {}),
        ("POST", f"/operator/jobs/{job - 1}/drop", Scope.JOBS_WRITE, {}),
        ("POST", "/operator/users/2", Scope.USERS_WRITE, {"enabled": "false"}),
    ):
        answer = await (console.get(path, who) if method == "GET" else console.post(path, who, **fields))
        opened = 200 if method == "GET" else 303
        assert answer.status == (opened if scope in scopes else 403), (path, role)
    left = await console.store.fetchval("SELECT count(*) FROM job WHERE dead_at IS NOT NULL")
    assert left == DEAD_JOBS - 2 * (Scope.JOBS_WRITE in scopes)
    shut_out = await console.store.fetchval("SELECT disabled_at IS NOT NULL FROM app_user WHERE user_id = 2")
    assert shut_out is (Scope.USERS_WRITE in scopes)
    jobs = (await console.get("/operator/jobs", who)).body
    assert (b"/retry" in jobs) is (b"/drop" in jobs) is (Scope.JOBS_WRITE in scopes)
    user = (await console.get("/operator/users/1", who)).body
    assert (b'name="enabled"' in user) is (Scope.USERS_WRITE in scopes)
    frame = (await console.get("/operator", who)).body
    assert (b'href="/operator/audit"' in frame) is (Scope.AUDIT_READ in scopes)


async def test_users_open_nothing_of_the_desk(console: Console, desk: Desk) -> None:
    for path in (
        "/operator/controls",
        "/operator/jobs",
        "/operator/audit",
        "/operator/users/1",
        "/operator/accounts/1",
        "/operator/signals/1",
    ):
        assert (await console.get(path, console.ana)).status == 403


async def test_dead_letters_are_retried_and_dropped_once_and_recorded(console: Console, desk: Desk) -> None:
    queues = (await console.get("/operator/jobs?part=queues", console.olga)).body.decode()
    row = queues[queues.index(">notice<") :]
    assert re.findall(r'class="end[^"]*"[^>]*>(?:<a[^>]*>)?(\d+)', row)[:4] == ["0", "1", "1", str(DEAD_JOBS // 2)]
    first, second = [
        row["job_id"]
        for row in await console.store.fetch("SELECT job_id FROM job WHERE dead_at IS NOT NULL ORDER BY job_id LIMIT 2")
    ]
    for path, said in (
        (f"{first}/retry", "job_retried"),
        (f"{first}/retry", None),
        (f"{second}/drop", "job_dropped"),
        (f"{second}/drop", None),
        ("999999/drop", None),
        ("99999999999999999999/retry", None),
    ):
        done = await console.post(f"/operator/jobs/{path}", console.olga)
        if said is None:
            assert done.status == 404
            assert "That job is not there" in done.body.decode()
        else:
            assert (done.status, done.headers["location"]) == (303, "/operator/jobs")
            assert f"marketbot_said={said}" in done.headers["set-cookie"]
    again = await console.store.fetchrow("SELECT attempts, dead_at FROM job WHERE job_id = $1", first)
    assert (again["attempts"], again["dead_at"]) == (0, None)
    entries = await console.store.fetch("SELECT action, subject_id FROM audit_entry WHERE subject_kind = 'job' ORDER BY entry_id")
    assert [tuple(row) for row in entries] == [("job_retried", str(first)), ("job_dropped", str(second))]
    seen = re.findall(r'action="/operator/jobs/(\d+)/drop"', await every_page(console, "/operator/jobs", console.olga))
    assert len(seen) == len(set(seen)) == DEAD_JOBS - 2
    letters = await lines_of(console, "/operator/jobs?job=letter&format=csv", console.olga)
    assert len(letters) == 1 + await console.store.fetchval(
        "SELECT count(*) FROM job WHERE kind = 'letter' AND dead_at IS NOT NULL"
    )
    assert all(line.startswith(("job,", "letter,")) for line in letters)


async def test_the_trail_is_narrowed_paged_and_exported(console: Console, desk: Desk) -> None:
    admin = desk.staff[Role.ADMIN]
    for number in range(70):
        await console.store.execute("SELECT record_audit('login', 'person', 1, '192.0.2.1', 'person', $1, '{}')", str(number))
    count = await console.store.fetchval("SELECT max(entry_id) FROM audit_entry")
    text = await every_page(console, "/operator/audit", admin)
    assert [int(each) for each in re.findall(r'data-label="Number"[^>]*>(\d+)<', text)] == list(range(count, 0, -1))
    assert "Ana Souza" in text

    async def shown(query: str) -> int:
        return len(await lines_of(console, f"/operator/audit?{query}&format=csv", admin)) - 1

    assert await shown("action=halted") == 2
    assert await shown("action=&subject_kind=account&subject_id=") == 2
    assert await shown("subject_kind=account&subject_id=4") == 1
    assert await shown("actor_kind=person&actor_id=1") == 70
    today = datetime.now(UTC).date()
    assert await shown(f"since={today}&until={today}") == count
    assert await shown(f"since={today + timedelta(days=2)}") == 0
    for hostile in ("action=x", "actor_kind=x", "actor_id=x", "since=tomorrow", "until=2026-13-01", "subject_id=" + "a" * 200):
        assert (await console.get(f"/operator/audit?{hostile}", admin)).status == 400, hostile


async def test_a_day_of_the_filter_is_the_viewers_own(console: Console, desk: Desk) -> None:
    """Kiritimati is fourteen hours ahead of UTC: an entry of the evening stands on its next day."""
    admin = desk.staff[Role.ADMIN]
    at: datetime = await console.store.fetchval("SELECT min(at) FROM audit_entry")
    day = (at + timedelta(hours=14)).date()
    cookie = "marketbot_zone=Pacific%2FKiritimati"
    inside = await console.get(f"/operator/audit?since={day}&until={day}", admin, cookie=cookie)
    before = await console.get(f"/operator/audit?until={day - timedelta(days=1)}", admin, cookie=cookie)
    assert inside.body.count(b"<tr>") > 1
    assert before.body.count(b"<tr>") == 0


async def test_the_proof_tells_head_and_count_and_finds_a_change(console: Console, desk: Desk) -> None:
    admin = desk.staff[Role.ADMIN]
    last = await console.store.fetchrow("SELECT entry_id, hash FROM audit_entry ORDER BY entry_id DESC LIMIT 1")
    holds = (await console.get("/operator/audit/proof", admin, accept_language=EN)).body.decode()
    assert "These entries are as they were written" in holds
    assert f"<dt>Entries proven</dt><dd>{last['entry_id']}</dd>" in holds
    assert last["hash"].hex() in holds
    for statement in UNTAMED:
        await console.store.execute(statement)
    broken = (await console.get("/operator/audit/proof", admin, accept_language=EN)).body.decode()
    assert "Entry 2 is not as it was written" in broken
    assert (await console.get("/operator/audit/proof?after=x", admin)).status == 400


async def test_the_control_report_is_a_file_in_its_formats(console: Console, desk: Desk) -> None:
    admin, today = desk.staff[Role.ADMIN], datetime.now(UTC).date()
    period = f"since={today - timedelta(days=2)}&until={today + timedelta(days=1)}"
    document = await console.get(f"/operator/audit/report?{period}&as=json", admin)
    assert document.headers["content-disposition"].endswith('.json"')
    report = orjson.loads(document.body)["report"]
    assert {each["reason"] for each in report["switches"]} == {REASON, ""}
    assert len(report["commands"]) == 3
    text = await console.get(f"/operator/audit/report?{period}&as=markdown", admin)
    assert text.headers["content-disposition"].endswith('.md"')
    assert text.body.startswith(b"**SIMULATION**")
    assert REASON.encode() in text.body
    for hostile in ("as=pdf", "since=x", f"since={today}&until={today - timedelta(days=1)}", "since=1999-01-01"):
        assert (await console.get(f"/operator/audit/report?{hostile}", admin)).status == 400, hostile


async def test_users_are_narrowed_paged_and_exported(console: Console, desk: Desk) -> None:
    await console.store.execute(
        "INSERT INTO app_user (name, disabled_at) SELECT 'Zoe ' || n, now() FROM generate_series(1, 60) n"
    )
    seen = [
        int(each)
        for each in re.findall(r'href="/operator/users/(\d+)"', await every_page(console, "/operator/users", console.olga))
    ]
    assert seen == list(range(62, 0, -1))
    assert len(await lines_of(console, "/operator/users?access=closed&format=csv", console.olga)) == 61
    (_, ana) = await lines_of(console, "/operator/users?name=ana&order=oldest&format=csv", console.olga)
    assert ana.startswith("Ana Souza,open,")
    for hostile in ("access=x", "order=x", "after=x", "name=" + "a" * 99):
        assert (await console.get(f"/operator/users?{hostile}", console.olga)).status == 400
    plan = await console.store.fetchval(
        "EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) " + DOWNWARDS, 2**63 - 1, None, None, 51
    )
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 2_000


async def test_who_is_shut_out_is_out_at_once_and_let_in_again(console: Console, desk: Desk) -> None:
    manager = desk.staff[Role.MANAGER]
    assert (await console.get("/home", console.ana)).status == 200
    done = await console.post("/operator/users/1", manager, enabled="false")
    assert (done.status, done.headers["location"]) == (303, "/operator/users/1")
    assert (await console.get("/home", console.ana)).status in (303, 403)
    assert (await console.get("/home", console.rui)).status == 200
    assert b'value="true"' in (await console.get("/operator/users/1", manager)).body
    assert (await console.post("/operator/users/1", manager, enabled="true")).status == 303
    assert (await console.post("/operator/users/1", manager, enabled="perhaps")).status == 400
    for number in ("999", str(2**63 - 1), "99999999999999999999"):
        assert (await console.post(f"/operator/users/{number}", manager, enabled="true")).status == 404
        assert (await console.get(f"/operator/users/{number}", manager)).status == 404
    actions = await console.store.fetch("SELECT action FROM audit_entry WHERE subject_kind = 'user' ORDER BY entry_id")
    assert [row["action"] for row in actions] == ["user_disabled", "user_enabled"]


async def test_an_account_shows_its_own_and_what_stops_it(console: Console, desk: Desk) -> None:
    await console.store.execute(
        "UPDATE account SET status_code = 'KEY_EXPIRED' WHERE account_id = 2;"
        "INSERT INTO key_check (account_id, user_id, asked_at, checked_at, code, ip_restricted)"
        " VALUES (2, 1, now(), now(), 'KEY_EXPIRED', true)"
    )
    one = (await console.get("/operator/accounts/1", console.olga, accept_language=EN)).body.decode()
    assert [each in one for each in ("BTCUSDT", "61,442.1", "12,480.55", "Ana Souza")] == [True] * 4
    assert "142.2" not in one, "that position is another account's of theirs"
    assert "ACCOUNT_PAUSED" not in one, "and so is that outcome"
    assert "Entries are stopped" not in one
    two = (await console.get("/operator/accounts/2", console.olga, accept_language=EN)).body.decode()
    assert "KEY_EXPIRED" in two
    assert "Exchange bybit: halted" in two
    assert REASON in two
    assert "deed=halt&amp;scope=account&amp;key=2" in two
    four = (await console.get("/operator/accounts/4", console.olga, accept_language=EN)).body.decode()
    assert "deed=resume&amp;scope=account&amp;key=4" in four
    for number in ("9999", "0", str(2**63 - 1), "99999999999999999999"):
        assert (await console.get(f"/operator/accounts/{number}", console.olga)).status == 404
    assert (await console.get("/operator/accounts/1?part=x", console.olga)).status == 404


async def test_a_signal_tells_of_every_account_with_its_reason(console: Console, desk: Desk) -> None:
    await console.store.execute(
        "INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, leverage, stop_price, target_price, planned_at)"
        " SELECT 8, account_id, user_id, 1, 'queued', 'long', 0.01, 5, 1, 2, now() FROM account WHERE account_id > 4"
    )
    await console.store.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at) SELECT 8, account_id, user_id,"
        " CASE WHEN account_id % 3 = 0 THEN 'rejected' ELSE 'ordered' END::intent_result,"
        " CASE WHEN account_id % 3 = 0 THEN 'INSUFFICIENT_FUNDS' END, now() FROM intent WHERE signal_id = 8 AND account_id > 20"
    )
    counted = {
        row["became"]: row["n"]
        for row in await console.store.fetch(
            "SELECT CASE WHEN i.state = 'denied' THEN 'denied' ELSE coalesce(o.result::text, 'pending') END AS became, count(*) AS n"
            " FROM intent i LEFT JOIN outcome o USING (signal_id, account_id) WHERE signal_id = 8 GROUP BY 1"
        )
    }
    assert set(counted) == {"ordered", "rejected", "denied", "pending"}
    summary = (await console.get("/operator/signals/8?part=progress", console.olga, accept_language=EN)).body.decode()
    for text, became in (("Ordered", "ordered"), ("Rejected", "rejected"), ("Not traded", "denied"), ("Under way", "pending")):
        assert f"{text} <b>{counted[became]}</b>" in summary
    seen = re.findall(r'href="/operator/accounts/(\d+)"', await every_page(console, "/operator/signals/8", console.olga))
    assert [int(each) for each in seen] == sorted(map(int, seen))
    assert len(seen) == sum(counted.values())
    for became, count in counted.items():
        assert len(await lines_of(console, f"/operator/signals/8?became={became}&format=csv", console.olga)) == count + 1
    rejected = (await console.get("/operator/signals/8?became=rejected", console.olga, accept_language=EN)).body.decode()
    assert 'hx-get="/operator/signals/8?became=rejected&amp;part=accounts"' in rejected
    for path, status in (
        ("8?became=x", 400),
        ("8?after=x", 400),
        ("8?part=x", 404),
        ("9999", 404),
        (str(2**63 - 1), 404),
        ("0", 404),
        ("99999999999999999999", 404),
    ):
        assert (await console.get(f"/operator/signals/{path}", console.olga)).status == status, path
    assert 'href="/operator/signals/62"' in (await console.get("/operator", console.olga)).body.decode()


async def test_what_others_wrote_is_neither_markup_nor_a_formula(console: Console, desk: Desk) -> None:
    await console.store.execute("UPDATE account SET label = $1 WHERE account_id = 1", HOSTILE)
    await console.store.execute("UPDATE app_user SET name = $1 WHERE user_id = 1", HOSTILE)
    await console.store.execute("UPDATE switch SET reason = $1", HOSTILE)
    await console.store.execute("UPDATE control_command SET reason = $1", HOSTILE)
    await console.store.execute("UPDATE job SET failed = $1 WHERE dead_at IS NOT NULL", HOSTILE)
    await console.store.execute(
        "SELECT record_audit('login', 'person', 1, NULL, 'person', '1', jsonb_build_object('x', $1::text))", HOSTILE
    )
    admin = desk.staff[Role.ADMIN]
    paths = ("controls", f"controls/{desk.halted}", "accounts/1", "users", "users/1", "signals/2", "jobs", "audit")
    for path in paths:
        answer = await console.get(f"/operator/{path}", admin)
        assert answer.status == 200
        assert b"<script>alert" not in answer.body, path
        assert b"&lt;script&gt;alert" in answer.body, path
    for path in ("controls", "users", "jobs", "signals/2"):
        for line in await lines_of(console, f"/operator/{path}?format=csv", admin):
            assert not re.search(r'(^|,)"?=cmd', line), path

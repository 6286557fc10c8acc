"""Secrets known by their looks go through a whole installation that is made to fail, and all that it ever says is searched for them.

Real processes with everything logged: engine, simulator, API, command line, shared store, mail server, backup. What is typed holds a word
that stands nowhere else; what is made here (tokens, links, codes, cookies) is noted where it is shown, once, and must be nowhere besides.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import orjson
import pyotp
import pytest
import redis.asyncio
from tests.api.conftest import Answer, Api, accepts, until
from tests.cache.store import Store
from tests.faults.installation import SYMBOLS, Installation, eventually, open_installation_with
from tests.people.mailbox import LOGIN, Mailbox, receiving
from tests.ports import free_port

from marketbot.people.newcomers import make_setup_link

CANARY = "Kanarie7e3a"
API_KEY, API_SECRET = f"{CANARY}ExchangeKey000001", f"{CANARY}ExchangeSecret01"
BAD_KEY, BAD_SECRET, PASSPHRASE = f"{CANARY}RefusedKey0000001", f"{CANARY}RefusedSecret001", f"{CANARY}Passphrase01"
PASSWORD, OTHER_PASSWORD, WRONG_PASSWORD = (f"{CANARY} {word} long enough" for word in ("password", "other", "wrong"))
OPERATOR_TOKEN = f"{CANARY}OperatorToken0000000000000000000"
TELEGRAM_TOKEN = f"1234567890:{CANARY}TelegramToken000000000000"
URL_SECRET = f"{CANARY}HookPath"
HOOK = f"https://hooks.example/services/{URL_SECRET}"
WRONG_WEBHOOK_SECRET = f"{CANARY}WrongWebhookSecret0000000000000"
CHANNELS = ("live_event", "account", "signal", "chunk", "control", "egress_ban", "source", "worker", "job")
PAGES = (
    "/operator", "/operator/accounts", "/operator/accounts?format=csv", "/operator/users", "/operator/controls", "/operator/jobs",
    "/operator/audit", "/operator/privacy", "/operator/channels", "/operator/sources", "/operator/tokens", "/profile", "/profile/passkeys",
    "/profile/privacy", "/second-factor",
)  # fmt: skip
OWN_PAGES = {f"answer of GET {path}" for path in PAGES}
"""Every page of a session carries that session's own CSRF token, and no other."""
READS = (
    "/metrics", "/v1/operator/users", "/v1/operator/accounts", "/v1/operator/tokens", "/v1/operator/sources", "/v1/operator/audit",
    "/v1/operator/audit/verify", "/v1/operator/control-report", "/v1/operator/people", "/v1/operator/invitations", "/v1/operator/channels",
    "/v1/operator/jobs/dead", "/v1/operator/controls", "/v1/operator/policy", "/v1/operator/erasures",
    "/v1/operator/markets", "/v1/operator/readiness", "/v1/operator/series", "/v1/passkeys", "/v1/me/erasure",
    "/v1/sessions", "/v1/session",
)  # fmt: skip
COMMANDS_AT_ONCE = 3
COMMANDS = (
    "accounts list", "source list", "people list", "tokens list --json", "keys show", "jobs list", "jobs dead", "notices show",
    "notices channels", "trail list", "trail verify", "controls report", "policy show", "egress", "doctor --json",
)  # fmt: skip

pytestmark = pytest.mark.process


@dataclass
class Run:
    """``said`` is everything that was ever said, by where; ``shown`` what an answer showed once and may be nowhere else."""

    made: Installation
    api: Api
    environment: dict[str, str] = field(repr=False)
    directory: Path
    box: Mailbox
    said: dict[str, bytes] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict, repr=False)

    def note(self, where: str, what: bytes) -> None:
        self.said[where] = self.said.get(where, b"") + what + b"\n"

    def show(self, **secrets: str) -> None:
        for name, secret in secrets.items():
            assert len(secret) >= 6, name
            self.shown[name] = secret

    async def ask(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        cookie: str = "",
        csrf: str = "",
        token: str = OPERATOR_TOKEN,
        once: bool = False,
    ) -> Answer:
        """Ask the API, as a session or by a token; ``once``: this answer shows a secret, and is not kept."""
        headers = (
            {"cookie": f"__Host-marketbot={cookie}", "x_csrf_token": csrf} if cookie else {"authorization": f"Bearer {token}"}
        )
        body = b""
        if document is not None:
            body, headers["content_type"] = orjson.dumps(document), "application/json"
        answer = await self.api.send(
            method, path, body, accept="text/html" if not path.startswith(("/v1", "/metrics")) else "*/*", **headers
        )
        if not once:
            told = b"\n".join(f"{name}: {value}".encode() for name, value in answer.headers.items() if name != "set-cookie")
            self.note(f"answer of {method} {path.partition('?')[0]}", told + b"\n" + answer.body)
        return answer

    async def command(self, *arguments: str, once: bool = False) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "marketbot.cli.main", *arguments, env=self.environment, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, error = await asyncio.wait_for(process.communicate(), 60)
        self.note(f"stderr of {' '.join(arguments[:2])}", error)
        if not once:
            self.note(f"stdout of {' '.join(arguments[:2])}", out)
        return out


@asynccontextmanager
async def whole_run(database: str, directory: Path, place: Path) -> AsyncIterator[Run]:
    store = Store(place)
    await asyncio.to_thread(store.start)
    try:
        async with receiving() as box, open_installation_with(database, directory, accounts=4) as made:
            port, log = free_port(), directory / "api.log"
            told = {
                "DATABASE_URL": database,
                "MARKETBOT_DATA_DIR": str(directory),
                "MARKETBOT_PROFILE": "simulation",
                "MARKETBOT_API_PORT": str(port),
                "MARKETBOT_OPERATOR_TOKEN": OPERATOR_TOKEN,
                "MARKETBOT_TELEGRAM_TOKEN": TELEGRAM_TOKEN,
                "MARKETBOT_SMTP_URL": f"smtp://{LOGIN[0]}:{quote(LOGIN[1])}@127.0.0.1:{box.port}",
                "MARKETBOT_MAIL_FROM": "bot@club.example",
                "MARKETBOT_PUBLIC_URL": "https://bot.example",
                "MARKETBOT_BACKUP_DIR": str(directory / "backups"),
                "MARKETBOT_LOG_LEVEL": "debug",
                "REDIS_URL": store.url,
            }
            made.engine_settings = {
                name: told[name] for name in told if name not in ("MARKETBOT_API_PORT", "MARKETBOT_OPERATOR_TOKEN")
            }
            await made.start_engine()
            kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
            with log.open("wb") as stream:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "marketbot.api", env=kept | told, stdout=stream, stderr=stream
                )
            try:
                await until(lambda: accepts(port), 30)
                run = Run(made, Api(port, database), kept | told, directory, box)
                async with listening(database, run), watching(store, run):
                    yield run
            finally:
                process.terminate()
                await asyncio.wait_for(process.wait(), 20)
    finally:
        store.kill()


@asynccontextmanager
async def listening(database: str, run: Run) -> AsyncIterator[None]:
    connection = await asyncpg.connect(database)

    def heard(_connection: object, _pid: int, channel: str, payload: object) -> None:
        run.note(f"notified on {channel}", str(payload).encode())

    try:
        for channel in CHANNELS:
            await connection.add_listener(channel, heard)
        yield
    finally:
        await connection.close()


@asynccontextmanager
async def watching(store: Store, run: Run) -> AsyncIterator[None]:
    """Note every command that the shared store is given, and at the end all that it holds."""
    client = redis.asyncio.Redis.from_url(store.url)
    async with client.monitor() as monitor:

        async def listen() -> None:
            async for command in monitor.listen():
                if not command["command"].upper().startswith(("AUTH", "HELLO")):  # how a client comes in
                    run.note("the shared store's commands", command["command"].encode())

        task = asyncio.ensure_future(listen())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await client.aclose()


async def people(run: Run) -> tuple[str, str]:
    """Have the first admin set the installation up, with a second factor; return their cookie and its CSRF token."""
    link = await make_setup_link(run.made.connection)
    wish = {"token": link.text, "email": "ada@club.example", "name": "Ada", "password": PASSWORD}
    made = await run.ask("POST", "/v1/setup", wish, once=True)
    assert made.status == 201, made.body
    run.show(setup_link=link.text)
    cookie, csrf = session_of(made)
    shown = await run.ask("POST", "/v1/session/totp", cookie=cookie, csrf=csrf, once=True)
    code = pyotp.TOTP(shown.json["secret"]).now()
    run.show(totp_secret=shown.json["secret"], first_cookie=cookie)
    done = await run.ask("POST", "/v1/session/totp/confirm", {"code": code}, cookie=cookie, csrf=csrf, once=True)
    assert done.status == 201, done.body
    run.show(**{f"recovery_code_{number}": each for number, each in enumerate(done.json["recovery_codes"])})
    cookie, csrf = session_of(done)
    run.show(cookie=cookie, csrf=csrf)
    changed = await run.ask(
        "POST", "/v1/session/password", {"present": WRONG_PASSWORD, "password": OTHER_PASSWORD}, cookie=cookie, csrf=csrf
    )
    assert changed.status == 422
    for email, password in (("ada@club.example", WRONG_PASSWORD), ("nobody@club.example", WRONG_PASSWORD)):
        refused = await run.ask("POST", "/v1/session", {"email": email, "password": password})
        assert refused.status == 401
    return cookie, csrf


def session_of(answer: Answer) -> tuple[str, str]:
    found = re.search(r"__Host-marketbot=([A-Za-z0-9_-]{43})", answer.headers["set-cookie"])
    assert found is not None
    return found[1], answer.json["csrf_token"]


async def letters(run: Run, cookie: str, csrf: str) -> None:
    """Have somebody invited, and a password forgotten: links go out by e-mail, and are nowhere else."""
    invited = await run.ask(
        "POST", "/v1/operator/invitations", {"email": "eva@club.example", "role": "user"}, cookie=cookie, csrf=csrf
    )
    assert invited.json["mailed"] is True, invited.body
    assert (await run.ask("POST", "/v1/password/forgot", {"email": "ada@club.example"})).status == 202

    async def two() -> bool:
        return len(run.box.letters) >= 2

    await eventually(two, 40)
    for number, letter in enumerate(run.box.letters):
        found = re.search(r"#([A-Za-z0-9_-]{43})", letter.get_content())
        if found is not None:
            run.show(**{f"link_{number}": found[1]})
    assert LOGIN in run.box.logins


async def keys(run: Run) -> None:
    """Connect an account, one whose key its venue refuses, and one that cannot be; then break the table that a key goes to."""
    user_id = await run.made.connection.fetchval("SELECT min(user_id) FROM app_user")
    made = await run.ask("POST", "/v1/operator/tokens", {"user_id": user_id, "name": "ana", "scopes": ["all"]}, once=True)
    if made.status != 201:
        scopes = ["accounts:read", "accounts:write", "orders:read", "settings:write", "tokens:write", "close:write"]
        made = await run.ask("POST", "/v1/operator/tokens", {"user_id": user_id, "name": "ana", "scopes": scopes}, once=True)
    token = made.json["token"]
    run.show(token=token)
    held = {"venue": "bybit", "environment": "testnet"}
    await run.made.control.create_accounts([{**held, "balance": "1000", "api_key": API_KEY, "api_secret": API_SECRET}])
    good = {"label": "good", **held, "api_key": API_KEY, "api_secret": API_SECRET, "follows": ["drill"]}
    bad = {**good, "label": "bad", "api_key": BAD_KEY, "api_secret": BAD_SECRET}
    for wish in (good, bad):
        assert (await run.ask("POST", "/v1/accounts", wish, token=token)).status == 202
    odd = {**good, "label": API_SECRET * 20, "venue": BAD_SECRET, "passphrase": PASSPHRASE}
    assert (await run.ask("POST", "/v1/accounts", odd, token=token)).status == 422

    async def decided() -> bool:
        rows = await run.made.connection.fetch("SELECT status::text FROM account WHERE label IN ('good', 'bad')")
        return sorted(row["status"] for row in rows) == ["quarantined", "ready"]

    await eventually(decided, 60)
    hook = await run.ask("PUT", "/v1/notices", {"url": HOOK}, token=token, once=True)
    channel = await run.ask("POST", "/v1/channels", {"kind": "webhook", "url": HOOK}, token=token, once=True)
    chat = await run.ask("POST", "/v1/channels", {"kind": "telegram"}, token=token, once=True)
    run.show(hook_secret=hook.json["secret"], channel_secret=channel.json["secret"], chat_code=chat.json["code"])
    for path in (
        "/v1/me",
        "/v1/accounts",
        "/v1/tokens",
        "/v1/channels",
        "/v1/notices",
        "/v1/egress",
        "/v1/signals",
        "/v1/orders",
    ):
        assert (await run.ask("GET", path, token=token)).status == 200
    # Now everything that carries a secret fails in the database, with a traceback.
    for table in ("key_box", "api_token", "notice_channel", "notice_hook"):
        await run.made.connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    failing = (
        ("POST", "/v1/accounts", {**good, "label": "third", "api_key": BAD_KEY + "3"}),
        ("PUT", "/v1/notices", {"url": HOOK}),
        ("POST", "/v1/channels", {"kind": "webhook", "url": HOOK}),
        ("POST", "/v1/tokens", {"name": "x", "scopes": ["orders:read"]}),
    )
    failed = [(await run.ask(method, path, document, token=token)).status for method, path, document in failing]
    for table in ("key_box", "api_token", "notice_channel", "notice_hook"):
        await run.made.connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert 500 in failed, failed


async def signals(run: Run) -> None:
    """Make a source of each kind; send what is right, what is wrong and what repeats its secret; rotate."""
    for kind in ("webhook", "program"):
        made = await run.ask("POST", "/v1/operator/sources", {"name": f"room-{kind}", "kind": kind}, once=True)
        assert made.status == 201, made.body
        secret = made.json["secret"]
        run.show(**{f"{kind}_secret": secret})
        body = orjson.dumps({"symbol": "BTCUSDT", "action": "buy", "secret": secret if kind == "webhook" else "x"})
        if kind == "webhook":
            for key in (secret, WRONG_WEBHOOK_SECRET):
                answer = await run.api.send("POST", f"/v1/webhook/room-webhook/{key}", body, content_type="text/plain")
                run.note("answer of the webhook", answer.body)
        else:
            stamp = str(int(time.time()))
            signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            for signature in (signed, "0" * 64):
                told = {"x_marketbot_timestamp": stamp, "x_marketbot_signature": signature}
                run.note("answer of the webhook", (await run.api.send("POST", "/v1/webhook/room-program", body, **told)).body)
    await run.made.settled([await run.made.signal("open_long", SYMBOLS[0])], 60)  # type: ignore[arg-type]


async def crash(run: Run, cookie: str, csrf: str) -> None:
    """Have what reads passwords and sessions fail with a traceback."""
    await run.made.connection.execute("ALTER TABLE person RENAME TO person_away")
    statuses = [
        (await run.ask("POST", "/v1/session", {"email": "ada@club.example", "password": PASSWORD})).status,
        (
            await run.ask(
                "POST", "/v1/session/password", {"present": PASSWORD, "password": OTHER_PASSWORD}, cookie=cookie, csrf=csrf
            )
        ).status,
        (await run.ask("POST", "/v1/password/reset", {"token": "t" * 43, "password": PASSWORD})).status,
    ]
    await run.made.connection.execute("ALTER TABLE person_away RENAME TO person")
    assert 500 in statuses, statuses


async def look_everywhere(run: Run, cookie: str, csrf: str) -> None:
    for path in (*PAGES, *READS):
        by_token = path == "/metrics"
        answer = await run.ask(
            "GET", path, cookie="" if by_token else f"{cookie}", csrf="" if by_token else csrf, once=path == "/v1/session"
        )
        assert answer.status == 200, (path, answer.status, answer.body[:200])
    at_once = asyncio.Semaphore(COMMANDS_AT_ONCE)

    async def ask(command: str) -> None:
        async with at_once:
            await run.command(*command.split())

    await asyncio.gather(*(ask(command) for command in COMMANDS))
    added = await run.command("source", "add", "by-hand", once=True)
    assert added
    wrong = await run.command("notices", "add", "slack", HOOK + "?=x")
    assert URL_SECRET.encode() not in wrong
    await backup(run)
    run.note("database", await dump(run))
    for name in ("api.log", "engine.log"):
        run.note(name, (run.directory / name).read_bytes())


async def backup(run: Run) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "marketbot.backup",
        env=run.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    run.note("output of the backup", said)
    files = [each for each in (run.directory / "backups").rglob("*") if each.is_file()]
    assert len(files) > 10, said
    for each in files:
        held = each.read_bytes()
        run.note("backup", gzip.decompress(held) if each.name.endswith(".gz") else held)


async def dump(run: Run) -> bytes:
    """Return every column of every row: bytes as what they spell, so that nothing hides in hexadecimal."""
    tables = await run.made.connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    lines: list[bytes] = []
    for table in tables:
        for row in await run.made.connection.fetch(f"SELECT * FROM {table['relname']}"):
            lines += [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
    assert len(lines) > 500
    return b"\n".join(lines)


def spellings(secret: str) -> set[bytes]:
    """Return what a secret looks like wherever it is written: as it is, in an address, in hexadecimal, as JSON spells it."""
    return {secret.encode(), quote(secret, safe="").encode(), secret.encode().hex().encode(), orjson.dumps(secret)[1:-1]}


async def test_no_secret_is_ever_said(database: str, tmp_path: Path, place: Path) -> None:
    async with whole_run(database, tmp_path, place) as run:
        await eventually(lambda: run.made.connection.fetchval("SELECT EXISTS (SELECT FROM box_key)"), 20)
        cookie, csrf = await people(run)
        await letters(run, cookie, csrf)
        await signals(run)
        await keys(run)
        await crash(run, cookie, csrf)
        await look_everywhere(run, cookie, csrf)
        secrets = run.shown | {
            "canary": CANARY, "smtp password": LOGIN[1], "telegram token": TELEGRAM_TOKEN, "operator token": OPERATOR_TOKEN,
        }  # fmt: skip
    judge(run, secrets)
    for where in ("api.log", "backup", "the shared store's commands"):
        held = run.said[where]
        run.note(where, b"planted " + BAD_SECRET.encode().hex().encode() + f" {secrets['link_0']}".encode())
        with pytest.raises(AssertionError):
            judge(run, secrets)
        run.said[where] = held


def judge(run: Run, secrets: dict[str, Any]) -> None:
    assert len(secrets) > 20
    found = [
        (name, where)
        for name, secret in secrets.items()
        for spelling in spellings(secret)
        for where, what in run.said.items()
        if spelling in what and not (name == "csrf" and where in OWN_PAGES)
    ]
    assert found == [], found
    # What is searched is there to be searched.
    assert b"Traceback" in run.said["api.log"]
    assert b"account_asked_for" in run.said["api.log"]
    assert b'"level":"debug"' in run.said["api.log"] + run.said["engine.log"]
    assert b"good" in run.said["database"]
    assert b"good" in run.said["backup"]
    assert b"marketbot_" in run.said["answer of GET /metrics"]
    assert any(where.startswith("notified on") for where in run.said)
    assert len(run.said["the shared store's commands"]) > 100
    assert sum(where.startswith("stdout of") and len(what) > 10 for where, what in run.said.items()) > 9

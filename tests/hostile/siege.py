"""A running installation with rows of every kind, two users and staff of every role in it, and what each of them holds."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from argon2 import PasswordHasher
from tests.api.conftest import ANSWER_DEADLINE_S, Answer, Api, read_answer, running
from tests.readiness.kept import kept
from tests.readiness.test_report import report
from tests.users.crowd import give_token, settle_crowd
from tests.web.scene import Login, give_session

from marketbot.accounts.safe import Safe
from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.domain.scope import OPERATOR_TOKEN_SCOPES, USER_SCOPES, Scope, opened_by
from marketbot.store.pool import DirectConnection, connect
from marketbot.store.readiness_reports import keep_report
from marketbot.vault.kek import Kek
from marketbot.vault.vault import Vault

from .addresses import Address
from .bodies import FORMS, JSON, PASSWORD, QUERIES

ANA, RUI = 1, 2
STAFF = ("admin", "manager", "operator", "auditor")
MARK = "of-ana-alone"
"""Stands in every text of hers; what somebody else is answered holds it nowhere."""
ABSENT = 999_999
HTML = "text/html,application/xhtml+xml"
FORM = "application/x-www-form-urlencoded"
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

_PEOPLE = f"""
UPDATE account SET label = label || ' {MARK}', status_reason = '{MARK}' WHERE user_id = 1;
UPDATE app_user SET name = 'Ana {MARK}' WHERE user_id = 1;
UPDATE notice_hook SET host = '{MARK}.example' WHERE user_id = 1;
INSERT INTO person (email, name, role, user_id, password_hash, language, email_confirmed_at) VALUES
    ('ana@club.example', 'Ana {MARK}', 'user', 1, $1, 'en', now()), ('rui@club.example', 'Rui', 'user', 2, $1, 'en', now());
INSERT INTO person (email, name, role, password_hash, language, email_confirmed_at, totp_sealed, totp_confirmed_at)
SELECT role || '@club.example', role, role, $1, 'en', now(), 'sealed', now()
FROM unnest(ARRAY['admin', 'manager', 'operator', 'auditor']) role;
INSERT INTO notice_channel (user_id, place, kind, name) SELECT user_id, 1, 'telegram', 'chat ' || user_id FROM app_user;
INSERT INTO notice_channel (user_id, place, kind, name) VALUES (NULL, 1, 'telegram', 'chat');
UPDATE notice_channel SET name = '{MARK}' WHERE user_id = 1;
INSERT INTO passkey (person_id, credential_id, public_key, name)
SELECT person_id, sha256(email::bytea), 'public', CASE WHEN user_id = 1 THEN '{MARK}' ELSE 'Phone' END
FROM person WHERE user_id IS NOT NULL;
INSERT INTO erasure (person_id, user_id, asked_by, due_at, forced)
SELECT person_id, user_id, 'themselves', now() + interval '7 days', true FROM person WHERE user_id = 1;
INSERT INTO invitation (email, role, expires_at) VALUES ('invited@club.example', 'user', now() + interval '1 day');
INSERT INTO job (kind, key, payload, due_at, attempts, max_attempts, failed, dead_at)
VALUES ('notice', 'dead', '{{}}', now(), 3, 3, 'no answer', now());
INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')
"""
_NUMBERS = {
    "account_id": "SELECT min(account_id) FROM account WHERE user_id = $1",
    "token_id": "SELECT min(token_id) FROM api_token WHERE user_id = $1",
    "command_id": "SELECT min(command_id) FROM control_command WHERE user_id = $1",
    "passkey_id": "SELECT min(passkey_id) FROM passkey JOIN person USING (person_id) WHERE user_id = $1",
    "channel_id": "SELECT min(channel_id) FROM notice_channel WHERE user_id = $1",
    "session_id": "SELECT min(session_id) FROM login_session JOIN person USING (person_id) WHERE user_id = $1",
    "person_id": "SELECT min(person_id) FROM person WHERE user_id = $1",
    "user_id": "SELECT min(user_id) FROM app_user WHERE user_id = $1",
}
"""The least number of each kind that is a user's. An address with a number of another kind belongs here, or below."""
_NUMBERS_OF_STAFF = {
    "signal_id": "SELECT min(signal_id) FROM signal",
    "source_id": "SELECT min(source_id) FROM source",
    "job_id": "SELECT min(job_id) FROM job WHERE dead_at IS NOT NULL",
    "invitation_id": "SELECT min(invitation_id) FROM invitation",
    "erasure_id": "SELECT min(erasure_id) FROM erasure",
    "report_id": "SELECT min(report_id) FROM readiness_report",
}
_RESTLESS = frozenset({
    "worker", "refusal", "idempotency_key", "audit_entry", "audit_address", "process_sample", "user_wall", "slot_map", "notice_look",
})  # fmt: skip
"""Tables that change of themselves, or tell of attempts."""
_OF_NOBODY = frozenset({"source", "signal"})
"""A close that a user commands is a signal, which is everybody's to see and nobody's."""
_RESTLESS_COLUMNS = ["last_seen_at", "last_used_at", "failed_logins", "locked_until", "code_tries"]
_OF_ONE = {
    "user_id": "user_id IS DISTINCT FROM {user}",
    "person_id": "person_id NOT IN (SELECT person_id FROM person WHERE user_id = {user})",
    "account_id": "account_id NOT IN (SELECT account_id FROM account WHERE user_id = {user})",
    "session_id": "session_id NOT IN (SELECT session_id FROM login_session JOIN person USING (person_id) WHERE user_id = {user})",
}
"""By the column that says whose a row is, the first that a table has: which of its rows are not one user's."""
_TABLES = """
SELECT relname, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


class BareApi(Api):
    """Holds no answer against the API's document: that promises what is answered to requests of its kinds, and these are of none.

    An archive is read to its end, for its place is taken until then, and its body is what its files say.
    """

    async def raw(self, request: bytes) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                writer.write(request)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                answer = await read_answer(reader, bodiless=request.startswith(b"HEAD "))
                if answer.headers.get("content-type") != "application/zip":
                    return answer
                return replace(answer, body=said_in(await read_chunks(reader)))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", *([] if "host" in headers else ["host: localhost"]), f"content-length: {len(body)}"]
        lines += ["connection: close", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        return await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    return b"".join(pieces)


def said_in(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return b"\n".join(opened.read(name) for name in opened.namelist())


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with what they show: a token, or a session's cookie and what its pages send along."""

    name: str
    scopes: frozenset[Scope]
    token: str | None = field(default=None, repr=False)
    login: Login | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        if self.token is not None:
            return {"authorization": f"Bearer {self.token}"}
        return {} if self.login is None else {"cookie": self.login.cookie, "x_csrf_token": self.login.csrf}


NOBODY = Caller("nobody", frozenset())


@dataclass(frozen=True, slots=True)
class Siege:
    """``tokens`` and ``sessions`` by name: the users ana and rui, staff by role (tokens: ``desk``, the operators')."""

    api: Api
    store: DirectConnection
    tokens: Mapping[str, Caller]
    sessions: Mapping[str, Caller]

    async def ask(
        self,
        address: Address,
        who: Caller,
        numbers: Mapping[str, object],
        body: object = None,
        *,
        query: str = "",
        **headers: str,
    ) -> Answer:
        """Ask as somebody, with a body or a query that the address takes where none is given."""
        wanted = body if body is not None else body_of(address)
        sent, media = encoded(address, wanted, who)
        headers = {"accept": HTML if address.page else "application/json"} | who.headers | headers
        if media:
            headers.setdefault("content_type", media)
        return await self.api.send(
            address.method, address.at(numbers) + (query or QUERIES.get(str(address), "")), sent, **headers
        )

    async def numbers_of(self, user_id: int) -> dict[str, int]:
        """Return one number of each kind: a user's own, and for what only staff have numbers of, one that is there."""
        found = {name: await self.store.fetchval(question, user_id) for name, question in _NUMBERS.items()}
        return found | {name: await self.store.fetchval(question) for name, question in _NUMBERS_OF_STAFF.items()}

    async def digest(self, *, but_of: int | None = None) -> dict[str, str]:
        """Return what every table holds, as a digest each; without one user's rows where those may change."""
        found = {}
        for table in await self.store.fetch(_TABLES):
            name = table["relname"]
            if name in _RESTLESS or (but_of is not None and name in _OF_NOBODY):
                continue
            where = "true"
            if but_of is not None:
                mine = next((column for column in _OF_ONE if column in table["columns"]), None)
                where = "true" if mine is None else _OF_ONE[mine].format(user=but_of)
            rows = await self.store.fetchval(
                f"SELECT string_agg(line, chr(10) ORDER BY line) FROM "
                f"(SELECT (to_jsonb(t) - $1::text[])::text AS line FROM {name} t WHERE {where}) l",
                _RESTLESS_COLUMNS,
            )
            found[name] = hashlib.sha256((rows or "").encode()).hexdigest()
        return found


def body_of(address: Address) -> dict[str, Any] | None:
    return (FORMS if address.page else JSON).get(str(address))


def encoded(address: Address, wanted: object, who: Caller) -> tuple[bytes, str]:
    """Return a body and its media type: a form with the session's token, or JSON."""
    if not address.writes:
        return b"", ""
    if isinstance(wanted, bytes):
        return wanted, FORM if address.page else "application/json"
    if not address.page:
        return (b"", "") if wanted is None else (json.dumps(wanted).encode(), "application/json")
    assert wanted is None or isinstance(wanted, Mapping)
    token = {} if who.login is None else {"csrf": who.login.csrf}
    return urlencode({**(wanted or {}), **token}).encode(), FORM


@asynccontextmanager
async def siege_of(database: str, data_dir: Path, **changes: Any) -> AsyncIterator[Siege]:
    store = await connect(database, name="test")
    try:
        await settle_crowd(store)
        stored = HASHER.hash(PASSWORD)
        for statement in _PEOPLE.strip().split(";\n"):
            await store.execute(statement, *([stored] if "$1" in statement else []))
        await keep_report(store, *kept(report()))
        tokens = {
            name: Caller(f"{name}'s token", scopes, token=(await give_token(store, user_id)).text)
            for name, user_id, scopes in (
                ("ana", ANA, USER_SCOPES),
                ("rui", RUI, USER_SCOPES),
                ("desk", None, opened_by(OPERATOR_TOKEN_SCOPES)),
            )
        }
        await store.execute("UPDATE api_token SET name = $1 WHERE user_id = 1", MARK)
        sessions = {}
        for name in ("ana", "rui", *STAFF):
            role = Role.USER if name in ("ana", "rui") else Role(name)
            # The first is what others try to end; the second is the one in use.
            await give_session(store, f"{name}@club.example")
            sessions[name] = Caller(
                f"{name}'s session", ROLE_SCOPES[role], login=await give_session(store, f"{name}@club.example")
            )
        async with running(database, data_dir, **changes) as api:
            safe = Safe(Vault.from_file(data_dir / "vault.key"), Kek(lambda: [bytes(range(32))]))
            async with store.transaction():
                await safe.new_box_key(store)
            yield Siege(BareApi(api.port, api.database), store, tokens, sessions)
    finally:
        await store.close()

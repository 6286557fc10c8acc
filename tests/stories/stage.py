"""What a story plays on: a real engine that trades at the simulator, a real API with its console, and people who are logged in."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
from tests.api.conftest import Api, running
from tests.faults.installation import SECRET, SOURCE, Installation, eventually, open_installation_with
from tests.web.scene import Login, give_session

ACCOUNTS = 8
HERS, HIS = "Conta da Ana", "Conta do Rui"
"""The first two users' accounts; the others' are nobody's in particular."""

_PEOPLE = """
INSERT INTO person (email, name, role, user_id, password_hash, language, email_confirmed_at)
SELECT p.name || '@club.example', initcap(p.name), 'user', user_id, 'none', language, now()
FROM (VALUES ('ana', 'user0', 'pt-BR'), ('rui', 'user1', 'en')) p (name, known, language) JOIN app_user u ON u.name = known;
INSERT INTO person (email, name, role, password_hash, language, email_confirmed_at, totp_sealed, totp_confirmed_at)
VALUES ('olga@club.example', 'Olga', 'operator', 'none', 'en', now(), 'sealed', now());
UPDATE account SET label = CASE u.name WHEN 'user0' THEN 'Conta da Ana' WHEN 'user1' THEN 'Conta do Rui' ELSE label END
FROM app_user u WHERE u.user_id = account.user_id
"""


@dataclass(frozen=True, slots=True)
class Stage:
    made: Installation
    api: Api
    ana: Login
    rui: Login
    olga: Login

    async def account_of(self, label: str) -> int:
        number = await self.made.connection.fetchval("SELECT account_id FROM account WHERE label = $1", label)
        assert isinstance(number, int)
        return number

    async def send(self, symbol: str, action: str) -> int:
        """Post a signal to the webhook as its source would, once the engine has told which symbols there are."""
        accepted: list[int] = []

        async def taken() -> bool:
            body = orjson.dumps({"symbol": symbol, "action": action})
            answer = await self.api.send("POST", f"/v1/webhook/{SOURCE}/{quote(SECRET)}", body, content_type="application/json")
            assert answer.status in (202, 503), answer.body
            if answer.status == 202:
                accepted.append(answer.json["signal_id"])
            return bool(accepted)

        await eventually(taken, 60)
        return accepted[0]


@asynccontextmanager
async def on_stage(database: str, directory: Path) -> AsyncIterator[Stage]:
    async with open_installation_with(database, directory, accounts=ACCOUNTS) as made:
        for statement in _PEOPLE.strip().split(";\n"):
            await made.connection.execute(statement)
        await made.start_engine()
        of_api = directory / "api"
        of_api.mkdir()
        shutil.copy2(directory / "vault.key", of_api / "vault.key")
        logins = [await give_session(made.connection, f"{name}@club.example") for name in ("ana", "rui", "olga")]
        async with running(database, of_api) as api:
            yield Stage(made, api, *logins)

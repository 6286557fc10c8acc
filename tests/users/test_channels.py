"""Channels over HTTP: what may be asked for, what is never said again, and how many there may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from marketbot.domain.gcra import Rate
from marketbot.domain.limits import Limit, LimitName
from marketbot.domain.notice import ChannelKind
from marketbot.notices.codes import code_sha256
from marketbot.settings import Settings

from .faces import Faces, faces_of

BOT = "123456:a-secret-of-the-bot-in-these-tests"
DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcdefghij_KLMNOPQRST-uv"


@pytest.fixture
async def faces(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Faces]:
    """An installation with everything to tell by, for callers in a hurry."""
    monkeypatch.setattr("marketbot.api.admission.USER_COMMANDS", Limit(LimitName.USER_COMMANDS, Rate.per(1_000, 60)))
    monkeypatch.setattr(Settings, "channel_kinds", property(lambda _settings: frozenset(ChannelKind)))
    async with faces_of(database, tmp_path, telegram_token=BOT) as made:
        yield made


async def add(faces: Faces, token: str, document: dict[str, Any], path: str = "/v1/channels") -> Any:
    answer = await faces.ask("POST", path, token, document)
    assert answer.status == 201, answer.json
    return answer.json


async def test_each_kind_is_added_and_what_is_secret_is_shown_once(faces: Faces) -> None:
    webhook = await add(faces, faces.ana, {"kind": "webhook", "url": "https://ana.example/a-secret"})
    discord = await add(faces, faces.ana, {"kind": "discord", "url": DISCORD, "language": "en", "minimum": "critical"})
    chat = await add(faces, faces.ana, {"kind": "telegram", "notices": ["position_closed", "position_closed"]})
    mail = await add(faces, faces.ana, {"kind": "email", "address": "ana@example.com"})
    assert webhook["secret"].startswith("whsec_")
    assert chat["send"] == f"/start {chat['code']}"
    assert mail == {"channel": mail["channel"]}
    answer = await faces.get("/v1/channels", faces.ana)
    rows = answer.json["channels"]
    assert [(row["kind"], row["name"], row["minimum"], row["confirmed_at"] is not None) for row in rows] == [
        ("webhook", "ana.example", "warning", True),
        ("discord", "discord.com", "critical", True),
        ("telegram", "Telegram", "info", False),
        ("email", "a***@example.com", "warning", False),
    ]
    assert rows[2]["notices"] == ["position_closed"]
    assert answer.json["simulated"] is True
    assert discord["channel"]["language"] == "en"
    stored = str(await faces.store.fetch("SELECT c::text FROM notice_channel c")) + answer.body.decode()
    for secret in (webhook["secret"], chat["code"], "a-secret", "KLMNOPQRST", "ana@example.com"):
        assert secret not in stored
    assert await faces.store.fetchval("SELECT payload->>'channel_id' FROM job WHERE kind = 'channel_code'") == str(
        rows[3]["channel_id"]
    )


async def test_the_sixth_channel_is_refused_and_one_that_is_removed_makes_room(faces: Faces) -> None:
    made = [await add(faces, faces.ana, {"kind": "discord", "url": DISCORD}) for _ in range(5)]
    full = await faces.ask("POST", "/v1/channels", faces.ana, {"kind": "discord", "url": DISCORD})
    assert (full.status, full.json["reason"]) == (409, "CHANNEL_LIMIT_REACHED")
    await add(faces, faces.rui, {"kind": "discord", "url": DISCORD})
    path = f"/v1/channels/{made[2]['channel']['channel_id']}"
    assert (await faces.ask("DELETE", path, faces.ana)).status == 200
    assert (await faces.ask("DELETE", path, faces.ana)).status == 404
    await add(faces, faces.ana, {"kind": "discord", "url": DISCORD})
    assert await faces.store.fetchval("SELECT array_agg(action ORDER BY entry_id) FROM audit_entry") == [
        *["channel_added"] * 6,
        "channel_removed",
        "channel_added",
    ]
    gone = await faces.store.fetchrow("SELECT * FROM audit_entry WHERE action = 'channel_removed'")
    assert (gone["subject_id"], gone["facts"]) == (path.rpartition("/")[2], {"user_id": 1, "kind": "discord"})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "fax"},
        {"kind": 1},
        {"kind": "webhook"},
        {"kind": "webhook", "url": "http://ana.example/"},
        {"kind": "webhook", "url": "https://127.0.0.1/"},
        {"kind": "webhook", "url": "https://[::ffff:10.0.0.1]/"},
        {"kind": "discord", "url": "https://ana.example/api/webhooks/123456/abcdefghijkl"},
        {"kind": "slack", "url": DISCORD},
        {"kind": "telegram", "url": "https://ana.example/"},
        {"kind": "telegram", "chat_id": 42},
        {"kind": "email", "address": "ana@example.com\r\nBcc: all@example.com"},
        {"kind": "email", "address": ["ana@example.com"]},
        {"kind": "telegram", "language": "fr"},
        {"kind": "telegram", "minimum": "all"},
        {"kind": "telegram", "notices": []},
        {"kind": "telegram", "notices": ["backup_failed"]},
        {"kind": "telegram", "notices": ["test"]},
        {"kind": "telegram", "notices": "position_closed"},
        {"kind": "telegram", "notices": [{}]},
        {"kind": "telegram", "user_id": 2},
    ],
)
async def test_nothing_else_is_taken(faces: Faces, document: dict[str, Any]) -> None:
    answer = await faces.ask("POST", "/v1/channels", faces.ana, document)
    assert (answer.status, answer.json["reason"]) == (422, "FIELD_INVALID")
    assert await faces.store.fetchval("SELECT count(*) FROM notice_channel") == 0


async def test_a_channel_is_changed_tried_and_not_before_it_is_confirmed(faces: Faces) -> None:
    chat = (await add(faces, faces.ana, {"kind": "telegram"}))["channel"]["channel_id"]
    path = f"/v1/channels/{chat}"
    unconfirmed = await faces.ask("POST", f"{path}/test", faces.ana)
    assert (unconfirmed.status, unconfirmed.json["reason"]) == (409, "CHANNEL_UNCONFIRMED")
    await faces.store.execute(
        "UPDATE notice_channel SET target_sealed = 'x', confirmed_at = now(), failed = 'gone', code_sha256 = NULL, code_until = NULL"
    )
    changed = await faces.ask("PATCH", path, faces.ana, {"language": "en", "minimum": "info", "notices": None})
    assert changed.json["channel"] | {"created_at": 0, "confirmed_at": 0} == {
        "channel_id": chat, "kind": "telegram", "name": "Telegram", "language": "en", "minimum": "info", "notices": None,
        "failed": None, "created_at": 0, "confirmed_at": 0,
    }  # fmt: skip
    assert (await faces.ask("PATCH", path, faces.ana, {})).status == 422
    assert (await faces.ask("PATCH", path, faces.ana, {"url": "https://x.example/"})).status == 422
    assert (await faces.ask("POST", f"{path}/test", faces.ana)).status == 202
    assert (await faces.ask("POST", f"{path}/code", faces.ana)).status == 404
    told = await faces.store.fetchrow("SELECT notice, kind FROM notice_item JOIN job USING (job_id)")
    assert told is not None
    assert tuple(told) == ("test", "tell")


async def test_codes_of_a_chat_and_a_mailbox(faces: Faces) -> None:
    chat = await add(faces, faces.ana, {"kind": "telegram"})
    number = chat["channel"]["channel_id"]
    renewed = await faces.ask("POST", f"/v1/channels/{number}/code", faces.ana)
    assert renewed.json["code"] != chat["code"]
    assert await faces.store.fetchval("SELECT code_sha256 FROM notice_channel") == code_sha256(None, renewed.json["code"])
    shown = await faces.ask("POST", f"/v1/channels/{number}/confirm", faces.ana, {"code": renewed.json["code"]})
    assert (shown.status, shown.json["reason"]) == (422, "CODE_WRONG"), "a chat proves itself to the bot"
    mail = (await add(faces, faces.ana, {"kind": "email", "address": "ana@example.com"}))["channel"]["channel_id"]
    await faces.store.execute(
        "UPDATE notice_channel SET code_sha256 = $2, code_until = now() + interval '1 minute' WHERE channel_id = $1",
        mail, code_sha256(mail, "ABCDEFGHJK"),
    )  # fmt: skip
    path = f"/v1/channels/{mail}/confirm"
    assert (await faces.ask("POST", path, faces.ana, {"code": "WRONG"})).json["reason"] == "CODE_WRONG"
    assert (await faces.ask("POST", path, faces.ana, {"code": 7})).json["reason"] == "FIELD_INVALID"
    right = await faces.ask("POST", path, faces.ana, {"code": " abcdefghjk "})
    assert right.json["channel"]["confirmed_at"] is not None
    assert (await faces.ask("POST", path, faces.ana, {"code": "ABCDEFGHJK"})).json["reason"] == "CODE_WRONG"


async def test_letters_to_strangers_are_few(faces: Faces) -> None:
    statuses = []
    for _ in range(6):
        answer = await faces.ask("POST", "/v1/channels", faces.ana, {"kind": "email", "address": "rui@example.com"})
        statuses.append(answer.status)
        if answer.status == 201:
            await faces.ask("DELETE", f"/v1/channels/{answer.json['channel']['channel_id']}", faces.ana)
    assert statuses == [201] * 5 + [429]


async def test_the_operators_channels_are_the_operators(faces: Faces) -> None:
    path = "/v1/operator/channels"
    made = await add(
        faces,
        faces.operator,
        {"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/abcdef", "notices": ["backup_failed"]},
        path,
    )
    number = made["channel"]["channel_id"]
    wrong = await faces.ask("POST", path, faces.operator, {"kind": "telegram", "notices": ["position_closed"]})
    assert (wrong.status, wrong.json["reason"]) == (422, "FIELD_INVALID")
    assert (await faces.ask("PATCH", f"/v1/channels/{number}", faces.ana, {"language": "en"})).status == 404
    assert (await faces.ask("PATCH", f"{path}/{number}", faces.root, {"language": "en"})).json["channel"]["language"] == "en"
    assert (await faces.ask("POST", f"{path}/{number}/test", faces.operator)).status == 202
    hers = (await add(faces, faces.ana, {"kind": "discord", "url": DISCORD}))["channel"]["channel_id"]
    assert (await faces.ask("DELETE", f"{path}/{hers}", faces.root)).status == 404
    assert [row["channel_id"] for row in (await faces.get(path, faces.root)).json["channels"]] == [number]
    assert (await faces.ask("DELETE", f"{path}/{number}", faces.operator)).status == 200


async def test_what_an_installation_has_not_is_not_offered(database: str, tmp_path: Path) -> None:
    async with faces_of(database, tmp_path) as made:
        for document in ({"kind": "telegram"}, {"kind": "email", "address": "ana@example.com"}):
            answer = await made.ask("POST", "/v1/channels", made.ana, document)
            assert (answer.status, answer.json["reason"]) == (409, "CHANNEL_NOT_OFFERED")
        assert (await made.get("/v1/channels", made.ana)).json["offered"] == ["discord", "slack", "webhook"]

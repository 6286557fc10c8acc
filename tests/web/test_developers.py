"""The reference: every operation has its page, and each page says what the document says."""

from __future__ import annotations

import html

from tests.api.promise import document, operations

from marketbot.domain.reasons import Language
from marketbot.web.reference import chapters, detail

from .conftest import Console

ORIGIN = "https://bot.example.com"


def test_every_operation_stands_in_one_chapter() -> None:
    listed = [entry.name for chapter in chapters(document()) for entry in chapter.entries]
    assert sorted(listed) == sorted(operation["operationId"] for _, _, operation in operations())


def test_every_operation_can_be_shown_with_all_its_statuses() -> None:
    for method, path, operation in operations():
        found = detail(document(), operation["operationId"], ORIGIN, Language.PT)
        assert found is not None
        assert (found.entry.method, found.entry.path) == (method, path)
        told = {answer.status for answer in found.answers} | {refusal.status for refusal in found.refusals}
        assert told == set(operation["responses"]) - {"304"}
        assert len(found.parameters) == len(operation.get("parameters", ()))
        assert (found.body is not None) == ("requestBody" in operation)
        assert found.call.startswith("curl")
        assert found.call.split()[-1].startswith(ORIGIN)
        assert "{" not in found.call.split()[-1]


def test_what_a_type_refers_to_is_shown_below_it() -> None:
    found = detail(document(), "list_orders", ORIGIN, Language.EN)
    assert found is not None
    assert [table.name for table in found.answers[0].tables] == ["OrdersPage", "OrdersRow", "OrderRow"]
    assert next(field for field in found.answers[0].tables[0].fields if field.name == "orders").of == "OrdersRow"


async def test_the_pages_are_open_and_speak_the_readers_language(console: Console) -> None:
    listed = html.unescape((await console.get("/developers", None)).body.decode())
    for _, path, operation in operations():
        assert path in listed
        assert f'href="/developers/{operation["operationId"]}"' in listed
    for language, words in (("en", "How it refuses"), ("pt-BR", "Como recusa")):
        shown = await console.get("/developers/close_positions", None, accept_language=language)
        assert shown.status == 200
        assert words in shown.body.decode()
    assert "Idempotency-Key" in shown.body.decode()


async def test_a_name_that_is_none_is_a_page_that_says_so(console: Console) -> None:
    for path in ("/developers/nothing", "/developers/%3Cscript%3E", "/developers/" + "x" * 500):
        found = await console.get(path, None)
        assert found.status == 404
        assert b"<script>" not in found.body

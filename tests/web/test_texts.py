"""The catalogs against each other, and against what pages ask for: nothing is missing, nothing is left over, nothing stands outside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import nodes

from marketbot.domain.reasons import Language
from marketbot.people.password_rules import PasswordFault
from marketbot.people.reception import Refusal
from marketbot.web.page import environment
from marketbot.web.texts import TextMissing, catalog

WEB = Path(__file__).parents[2] / "src" / "marketbot" / "web"
TEMPLATES = sorted(path.relative_to(WEB / "templates").as_posix() for path in (WEB / "templates").rglob("*.html"))
EN, PT = catalog(Language.EN), catalog(Language.PT)
KEYS = EN.keys()
CALLS = {"t", "counted", "known", "texts"}
_SPOKEN = re.compile(r"""\s(?:aria-label|title|placeholder|alt|data-confirm)="([^"{}]*[A-Za-zÀ-ÿ]{2}[^"{}]*)\"""")


def asked(template: str) -> Iterator[tuple[str, bool]]:
    """Yield the keys that a template asks for; True for the beginning of one whose rest is a value."""
    source = (WEB / "templates" / template).read_text()
    for call in environment().parse(source).find_all(nodes.Call):
        name = (
            call.node.name
            if isinstance(call.node, nodes.Name)
            else call.node.attr
            if isinstance(call.node, nodes.Getattr)
            else ""
        )
        if name not in CALLS or not call.args:
            continue
        yield from _key(call.args[0])


def _key(node: nodes.Node) -> Iterator[tuple[str, bool]]:
    if isinstance(node, nodes.Const):
        yield str(node.value), False
    elif isinstance(node, nodes.Concat) and isinstance(node.nodes[0], nodes.Const):
        yield str(node.nodes[0].value), True
    elif isinstance(node, nodes.CondExpr):
        yield from _key(node.expr1)
        if node.expr2 is not None:
            yield from _key(node.expr2)


def in_code() -> set[str]:
    """Return every text of the console's code that could be a key."""
    found = set()
    for path in WEB.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                found.add(str(node.values[0].value))
    return found


def test_both_catalogs_have_the_same_keys_and_placeholders() -> None:
    assert EN.keys() == PT.keys()
    assert {key for key in KEYS if EN.placeholders(key) != PT.placeholders(key)} == set()


def test_no_text_is_empty() -> None:
    assert [key for key in KEYS for each in (EN, PT) if not each.known(key, "").strip()] == []


def test_nothing_was_left_in_the_other_language() -> None:
    same = {key for key in KEYS if EN.known(key, "") == PT.known(key, "") and len(EN.known(key, "").split()) > 2}
    assert same == set()


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_text_that_a_template_asks_for_is_there(template: str) -> None:
    keys = EN.keys()
    missing = [
        key
        for key, begins in asked(template)
        if not any(known.startswith(key) if begins else known in (key, f"{key}.one") for known in keys)
    ]
    assert missing == []


def test_no_text_is_left_over() -> None:
    whole, beginnings = set[str](), set[str]()
    for template in TEMPLATES:
        for key, begins in asked(template):
            (beginnings if begins else whole).add(key)
    code = in_code()
    beginnings |= {text for text in code if text.endswith(".") and text.count(".") >= 1 and len(text) > 2}
    beginnings |= {"said.", "time."}
    left = [
        key
        for key in KEYS
        if key not in whole | code
        and key.removesuffix(".one").removesuffix(".many") not in whole | code
        and not any(key.startswith(each) for each in beginnings)
    ]
    assert left == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_holds_no_words_of_its_own(template: str) -> None:
    source = (WEB / "templates" / template).read_text()
    data = [each.data for each in environment().parse(source).find_all(nodes.TemplateData)]
    outside = re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", " ", "\x00".join(data), flags=re.DOTALL), flags=re.DOTALL)
    # What is left of tags that expressions cut through has a quotation mark or an equals sign about it.
    words = [
        piece
        for piece in re.split(r"[\x00]", outside)
        if re.search(r"[A-Za-zÀ-ÿ]{2}", piece) and not re.search(r"[=\"<>]", piece)
    ]
    assert [word.strip() for word in words] == []
    assert _SPOKEN.findall(source) == []


def test_every_message_that_a_page_sends_on_is_there() -> None:
    said = {key.removeprefix("said.") for key in KEYS if key.startswith("said.")}
    assert said <= in_code()


def test_every_refusal_has_a_text() -> None:
    assert {f"refusal.{each.value}" for each in Refusal} - EN.keys() == set()
    assert {f"password.{each.value}" for each in PasswordFault} - EN.keys() == set()


def test_a_key_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(TextMissing):
        EN("nowhere.to_be_found")
    assert EN.known("venue.ccxt:okx", "ccxt:okx") == "ccxt:okx"


@pytest.mark.parametrize("state", ["halted", "reducing"])
@pytest.mark.parametrize("scope", ["environment", "venue", "instrument", "user", "account"])
def test_a_text_may_have_a_placeholder_named_key(scope: str, state: str) -> None:
    """What is halted is named by its key, on the pages that people open just then."""
    for texts in (EN, PT):
        assert "XRPUSDT" in texts(f"switch.{scope}.{state}", key="XRPUSDT")

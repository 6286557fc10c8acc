"""Bytes -> a flat or shallow document of texts, before anything is believed. Pure.

Three shapes exist: a JSON object, ``KEY=VALUE;`` text, and plain words. The content type is not asked: TradingView derives it
from the message (``application/json`` only if the message happens to be valid JSON; support page 43000529348).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from marketbot.domain.reasons import RefusalReason
from marketbot.intake.refused import Refused

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_CONTAINERS = 256
"""Objects and arrays in one body; it bounds the depth scan too."""
MAX_PAIRS = 64
"""``KEY=VALUE`` pairs in one body."""
MAX_TEXT_LENGTH = 256
"""Characters of a plain-words body."""

REDACTED = "***"
SECRET_FIELDS = ("secret", "token")


class BodyShape(StrEnum):
    JSON = "json"
    PAIRS = "pairs"
    WORDS = "words"


class Number(str):
    """A JSON number as it was written. It becomes a Decimal where it is used and never passes through a float."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A body taken apart. ``text`` is what may be stored: the secret a body carries has been taken out."""

    shape: BodyShape
    fields: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


class _KeyRepeated(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _KeyRepeated
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=Number)
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\s*=")
_BREAKS = re.compile(r"[;\r\n]+")


def read_document(body: bytes) -> Document | Refused:
    """Take a body apart. Any bytes are answered; nothing raises."""
    if len(body) > MAX_BODY_BYTES:
        return Refused(RefusalReason.BODY_TOO_LARGE, f"a body holds at most {MAX_BODY_BYTES} bytes")
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return Refused(RefusalReason.BODY_NOT_UTF8)
    if not text:
        return Refused(RefusalReason.BODY_EMPTY)
    if "\x00" in text:
        return Refused(RefusalReason.BODY_MALFORMED, "the body holds a NUL character")
    if text[0] in "{[":
        return _read_json(text)
    if _PAIR.match(text):
        return _read_pairs(text)
    if len(text) > MAX_TEXT_LENGTH:
        return Refused(RefusalReason.BODY_MALFORMED, f"plain text holds at most {MAX_TEXT_LENGTH} characters")
    return Document(BodyShape.WORDS, {}, text)


def _depth_refusal(text: str) -> Refused | None:
    containers = text.count("{") + text.count("[")
    if containers <= MAX_DEPTH:
        return None
    if containers > MAX_CONTAINERS:
        return Refused(RefusalReason.BODY_TOO_DEEP, f"a body holds at most {MAX_CONTAINERS} objects and arrays")
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return Refused(RefusalReason.BODY_TOO_DEEP, f"objects and arrays nest at most {MAX_DEPTH} deep")
        elif character in "}]":
            depth -= 1
    return None


def _read_json(text: str) -> Document | Refused:
    refusal = _depth_refusal(text)
    if refusal is not None:
        return refusal
    try:
        found = _JSON.decode(text)
    except _KeyRepeated:
        return Refused(RefusalReason.BODY_MALFORMED, "a key stands twice in one object")
    except ValueError:
        # An unquoted placeholder breaks the JSON, and is the more helpful thing to say.
        if "{{" in text:
            return Refused(RefusalReason.PLACEHOLDER_UNREPLACED, "a placeholder was sent as it stands")
        return Refused(RefusalReason.BODY_MALFORMED, "the body begins like JSON and is not valid JSON")
    if not isinstance(found, dict):
        return Refused(RefusalReason.BODY_MALFORMED, "the body is JSON but no object")
    carried = [name for name in SECRET_FIELDS if name in found]
    if not carried:
        return Document(BodyShape.JSON, found, text)
    secret = found[carried[0]]
    kept = {name: REDACTED if name in carried else value for name, value in found.items()}
    return Document(BodyShape.JSON, kept, json.dumps(kept), secret if type(secret) is str else "")


def _read_pairs(text: str) -> Document | Refused:
    parts = [part for part in (part.strip() for part in _BREAKS.split(text)) if part]
    if len(parts) > MAX_PAIRS:
        return Refused(RefusalReason.BODY_MALFORMED, f"a body holds at most {MAX_PAIRS} pairs")
    fields: dict[str, Any] = {}
    secret: str | None = None
    for part in parts:
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not equals or not name:
            return Refused(RefusalReason.BODY_MALFORMED, "a part of the body is no KEY=VALUE pair")
        if name in fields:
            return Refused(RefusalReason.BODY_MALFORMED, "a key stands twice")
        if name in SECRET_FIELDS:
            secret = value if secret is None else secret
            value = REDACTED
        fields[name] = value
    kept = ";".join(f"{name.upper()}={value}" for name, value in fields.items())
    return Document(BodyShape.PAIRS, fields, kept if secret is not None else text, secret)

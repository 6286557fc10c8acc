"""The fields of a body, read one by one; one that cannot be used ends the request with 422 and its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.people.email_address import read_email

MAX_SECRET_CHARS = 1_024
"""Of a password, a code or a link as it is typed."""
MAX_PERSON_NAME_CHARS = 100

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")


class FieldInvalid(Exception):
    """A field that cannot be used; the text names it, and never shows what it held."""


def refuse_others(document: Mapping[str, Any], known: Collection[str]) -> None:
    if not document.keys() <= set(known):
        raise FieldInvalid(f"the body has {', '.join(sorted(known))} and nothing else")


def secret_field(document: Mapping[str, Any], name: str) -> str:
    """Return a password, code or link, as it was typed."""
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SECRET_CHARS:
        raise FieldInvalid(f"{name} is a text of 1 to {MAX_SECRET_CHARS} characters")
    return value


def email_field(document: Mapping[str, Any]) -> str:
    value = document.get("email")
    found = read_email(value) if isinstance(value, str) else None
    if found is None:
        raise FieldInvalid("email is an e-mail address")
    return found


def person_name_field(document: Mapping[str, Any]) -> str:
    value = document.get("name")
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_PERSON_NAME_CHARS or not value.isprintable():
        raise FieldInvalid(f"name is 1 to {MAX_PERSON_NAME_CHARS} printable characters")
    return value.strip()


def language_field(document: Mapping[str, Any], default: Locale) -> Locale:
    value = document.get("language", default.value)
    try:
        return Locale(value)
    except ValueError:
        raise FieldInvalid(f"language is one of: {', '.join(Locale)}") from None


def time_zone_field(document: Mapping[str, Any], default: str) -> str:
    """Return a name of the IANA database, such as ``America/Sao_Paulo``."""
    value = document.get("time_zone", default)
    if not isinstance(value, str) or _ZONE.fullmatch(value) is None:
        raise FieldInvalid("time_zone is a name such as America/Sao_Paulo")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldInvalid("time_zone is a name such as America/Sao_Paulo") from None
    return value


def role_field(document: Mapping[str, Any]) -> Role:
    try:
        return Role(str(document.get("role")))
    except ValueError:
        raise FieldInvalid(f"role is one of: {', '.join(Role)}") from None


def flag_field(document: Mapping[str, Any], name: str) -> bool | None:
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise FieldInvalid(f"{name} is true or false")
    return value

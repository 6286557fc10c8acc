"""The language that a caller reads, as Accept-Language says it."""

from __future__ import annotations

import re

from marketbot.domain.reasons import Language

MAX_LANGUAGES = 8

_RANGE = re.compile(r"\s*([A-Za-z*]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")


def language(accept_language: str) -> Language:
    """Return the language that an Accept-Language header prefers among ours; English where it does not say."""
    best, best_weight = Language.EN, 0.0
    for part in accept_language.split(",")[:MAX_LANGUAGES]:
        match = _RANGE.fullmatch(part)
        if match is None or match[1].lower() not in ("en", "pt"):
            continue
        weight = float(match[2] or 1)
        if weight > best_weight:
            best, best_weight = Language(match[1].lower()), weight
    return best

"""How refusals stand in the document: one answer for each status and set of reasons, which operations share. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketbot.api.contract.operation import Reason
from marketbot.api.problems import MEDIA_TYPE, title_of
from marketbot.domain.reasons import Language

_TEXTS = {
    400: "The request cannot be read.",
    401: "Nobody whom we know.",
    403: "Not for this caller.",
    404: "Not there, or not yours.",
    408: "The body did not come in time.",
    409: "Not as things stand.",
    410: "The link holds no more.",
    413: "The body is too large.",
    415: "Another media type is expected.",
    422: "What it asks for cannot be.",
    429: "Too often.",
    500: "A fault of ours.",
    503: "Not now.",
}
_WAITS = frozenset({429, 503})
_COUNTED = ("RateLimit-Policy", "RateLimit")


class Problems:
    """Makes them; what is the same is made once."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}
        self._names: dict[tuple[int, frozenset[str]], str] = {}

    def of(self, status: int, reasons: Sequence[Reason]) -> dict[str, Any]:
        """Return a reference to the answer of a status with these reasons."""
        key = status, frozenset(reason.value for reason in reasons)
        if key not in self._names:
            before = sum(known == status for known, _ in self._names)
            self._names[key] = f"Problem{status}" + (f"-{before + 1}" if before else "")
            self.components[self._names[key]] = problem_of(status, reasons)
        return {"$ref": f"#/components/responses/{self._names[key]}"}


def problem_of(status: int, reasons: Sequence[Reason]) -> dict[str, Any]:
    """Return the answer itself: which reasons it may have, and how each looks."""
    titles = {reason.value: title_of(reason, Language.EN) for reason in sorted(reasons, key=str)}
    examples = {
        word: {"value": {"type": "about:blank", "title": title, "status": status, "reason": word}}
        for word, title in titles.items()
    }
    narrowed = {"properties": {"status": {"const": status}, "reason": {"enum": list(titles)}}}
    headers = [*_COUNTED, *(["Retry-After"] if status in _WAITS else [])]
    return {
        "description": f"{_TEXTS[status]} {', '.join(f'`{word}`' for word in titles)}",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {
            MEDIA_TYPE: {"schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]}, "examples": examples}
        },
    }

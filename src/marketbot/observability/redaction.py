"""Keeps secrets out of log lines: by the name of a field, by known values, and by the shapes that leak."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

REDACTED = "***"
MAX_REGISTERED = 256
MIN_REGISTERED_LENGTH = 8
"""A shorter value would black out innocent text."""
MAX_NESTING = 6

_NAMES = re.compile(
    r"secret|token|signature|passw|api_?key|authorization|credential|cookie|private|hmac|x-mbx-apikey|x-bapi-(?:sign|api)", re.I
)
_SHAPES = (
    # A source's secret in the webhook's path; a signed query; a bearer token; an API token; a password in a DSN.
    (re.compile(r"(/v1/webhook/[^/\s\"'?]+/)[^/\s\"'?]+"), rf"\1{REDACTED}"),
    (
        re.compile(r"((?:signature|secret|token|api_?key|apikey|password)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',;}]+", re.I),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(Bearer\s+)\S+", re.I), rf"\1{REDACTED}"),
    (re.compile(r"(mb[uo]_)[A-Za-z0-9_-]{20,}"), rf"\1{REDACTED}"),
    (re.compile(r"(://[^:/@\s]+:)[^@/\s]+@"), rf"\1{REDACTED}@"),
)


class Redaction:
    """A structlog processor. It copies nothing that holds no secret."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<Redaction {len(self._values)} of {MAX_REGISTERED} values>"

    def register(self, value: str) -> None:
        """Black a value out wherever it turns up. Beyond the bound the oldest is forgotten; names and shapes still guard it."""
        if len(value) < MIN_REGISTERED_LENGTH:
            return
        self._values.pop(value, None)
        if len(self._values) >= MAX_REGISTERED:
            del self._values[next(iter(self._values))]
        self._values[value] = None

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            event[name] = self._clean(name, value, MAX_NESTING)
        return event

    def text(self, text: str) -> str:
        """Return a text without what must not be read."""
        for value in self._values:
            if value in text:
                text = text.replace(value, REDACTED)
        for shape, kept in _SHAPES:
            text = shape.sub(kept, text)
        return text

    def _clean(self, name: str, value: Any, nesting: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if _NAMES.search(name):
            return REDACTED
        if isinstance(value, str):
            return self.text(value)
        if nesting == 0:
            return "..."
        if isinstance(value, dict):
            return {self.text(str(key)): self._clean(str(key), held, nesting - 1) for key, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", held, nesting - 1) for held in value]
        return self.text(str(value))

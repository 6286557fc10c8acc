"""Server-Sent Events as this API sends them: lines become events, and the place to go on from is kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

RETRY_S = 5.0
"""Before a server said how long to wait before coming back."""
MAX_LINE_CHARS = 65_536
"""A line is a few hundred; what is longer is no stream of ours."""


@dataclass(frozen=True, slots=True)
class Reset:
    """What was before is not known: read everything that is shown."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows of these kinds changed: read those lists anew. ``signals`` are an operator's, whose numbers are told."""

    kinds: tuple[str, ...]
    signals: tuple[int, ...] = ()


Event = Reset | Changed


class StreamReader:
    """Reads lines. ``last_event_id`` and ``retry_s`` are what the next connection needs; ``ended`` why the server closed, if it said."""

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_s = RETRY_S
        self.ended = ""
        self._name = ""
        self._data: list[str] = []

    def __repr__(self) -> str:
        return f"<StreamReader at {self.last_event_id or 'the beginning'}>"

    def feed(self, line: str) -> Event | None:
        """Take one line without its end; return the event that it completes."""
        if len(line) > MAX_LINE_CHARS:
            raise ValueError("this is no stream of MarketBot: a line has no end")
        if line:
            self._field(*_parted(line))
            return None
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        return self._event(name, data)

    def restart(self) -> None:
        """Forget what a connection that ended had not finished."""
        self._name, self._data = "", []

    def _field(self, name: str, value: str) -> None:
        if name == "id":
            self.last_event_id = value
        elif name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value) / 1000

    def _event(self, name: str, data: str) -> Event | None:
        if name == "reset":
            return Reset()
        document: dict[str, Any] = msgspec.json.decode(data) if data else {}
        if name == "end":
            self.ended = str(document.get("reason", ""))
        if name != "changed":
            return None
        return Changed(_texts(document.get("changed", ())), tuple(int(each) for each in document.get("signals", ())))


def _parted(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(each) for each in values)

"""A request as a value: made by the functions of the modules beside this one, sent by ``Client`` or ``AsyncClient``.

A call that is sent again, by the client's own retries or by whoever kept it, is the same call: a command goes under the same
``Idempotency-Key`` and is done once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Row = TypeVar("Row")


class Unset(Enum):
    """The field is not named at all, which is something else than null."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return self.name


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. ``path`` is the document's; what is put into it, the query and the body are not shown: they may hold secrets.

    ``answers`` are types by status; ``key`` is the Idempotency-Key of a command that takes one.
    """

    method: str
    path: str
    answers: Mapping[int, Any] = field(repr=False)
    places: Mapping[str, object] = field(default_factory=dict, repr=False)
    query: Mapping[str, object] = field(default_factory=dict, repr=False)
    body: Mapping[str, object] | str | None = field(default=None, repr=False)
    headers: Mapping[str, object] = field(default_factory=dict, repr=False)
    key: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method == "GET" or self.key is not None


@dataclass(frozen=True, slots=True)
class PagedCall(Call[T], Generic[T, Row]):
    """One page of a list. ``rows`` and ``following`` are fields of its answer; ``Client.each`` walks all pages."""

    rows: str = ""
    following: str = ""


@dataclass(frozen=True, slots=True)
class StreamCall:
    """A stream of events; ``Client.follow`` reads it."""

    path: str


def new_key() -> str:
    """Make the key of a new command."""
    return str(uuid.uuid4())


def given(**values: object) -> dict[str, object]:
    """Return those that are set."""
    return {name: value for name, value in values.items() if value is not UNSET}

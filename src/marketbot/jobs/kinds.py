"""The kinds of jobs that a keeper can do. A new kind is one function and one entry here or where it is registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from marketbot.domain.errors import MarketBotError
from marketbot.store.jobs import ATTEMPTS_DEFAULT, ClaimedJob

TIMEOUT_DEFAULT_S = 30.0
MAX_KINDS = 64
"""Each is a label of the metrics."""

Handler = Callable[[ClaimedJob], Awaitable[None]]
"""Does one job. It may be run again after a kill, so its effect must be the same when repeated; what it raises counts as a failure."""


class TryLater(MarketBotError):
    """A handler failed, and knows that no attempt before ``after_s`` can succeed: somebody asked to be left alone for so long."""

    def __init__(self, text: str, after_s: float) -> None:
        super().__init__(text)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Kind:
    """``every`` makes it recur, on one keeper at a time. ``interruptible``: it does not wait for its end when the process drains."""

    name: str
    handler: Handler
    timeout_s: float = TIMEOUT_DEFAULT_S
    max_attempts: int = ATTEMPTS_DEFAULT
    every: timedelta | None = None
    interruptible: bool = False


class Kinds:
    """All kinds of one process, by name."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds: dict[str, Kind] = {}
        for kind in kinds:
            if kind.name in self._kinds or len(self._kinds) >= MAX_KINDS:
                raise ValueError(f"a kind of job that is there already, or one of too many: {kind.name}")
            self._kinds[kind.name] = kind

    def __repr__(self) -> str:
        return f"<Kinds {', '.join(self._kinds)}>"

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    @property
    def names(self) -> list[str]:
        return list(self._kinds)

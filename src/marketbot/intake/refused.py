"""Why a delivery did not become a signal."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.domain.errors import MarketBotError
from marketbot.domain.limits import Verdict
from marketbot.domain.reasons import RefusalReason


@dataclass(frozen=True, slots=True)
class Refused:
    """``detail`` is one of our own fixed sentences: it never repeats what was sent, for that may hold a secret."""

    reason: RefusalReason
    detail: str = ""
    limit: Verdict | None = None
    """Which limit was used up, and for how long."""


class StoreAway(MarketBotError):
    """The database cannot take the signal now; the sender should try again."""


class NotReady(MarketBotError):
    """No instrument is known yet, so no symbol can be judged: the engine has not read a venue's list so far."""

"""What keeps the service from running, in a plain sentence."""

from __future__ import annotations

from marketbot.domain.errors import MarketBotError


class SupervisorError(MarketBotError):
    """The service cannot be started, or was given up. ``log_tail`` is the end of the failing part's log."""

    def __init__(self, sentence: str, *, log_tail: str = "") -> None:
        super().__init__(sentence if not log_tail else f"{sentence}\n{log_tail}")
        self.sentence = sentence
        self.log_tail = log_tail

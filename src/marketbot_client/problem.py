"""What goes wrong: one exception for what the server refused, one for what is no answer at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MarketBotError(Exception):
    """The root of what this package raises of its own."""


class ApiProblem(MarketBotError):
    """The server's refusal, as its problem document (RFC 9457) says it.

    ``reason`` is a word for programs; ``retry_after_s`` is there where waiting helps; ``errors`` tells every field that is wrong.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        title: str,
        detail: str = "",
        errors: tuple[Mapping[str, Any], ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {title}" + (f" ({detail})" if detail else ""))
        self.status = status
        self.reason = reason
        self.title = title
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s


class AnswerUnreadable(MarketBotError):
    """What came back is no answer of this API: a proxy's page, say, or a cut one."""


class Unreachable(MarketBotError):
    """No answer came. ``sent``: the request may have arrived, and what it asks for may have been done."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent

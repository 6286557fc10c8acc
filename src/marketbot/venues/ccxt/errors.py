"""What CCXT raises -> error classes.

CCXT's exception classes cannot drive retries (a time-out and a refusal may share one, and an unmapped code is a plain
ExchangeError), so the classes here come from the HTTP status, the venue's code and text, and from whether anything was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.venues.answer import MAX_TEXT, Refusal
from marketbot.venues.binance.errors import classify as classify_binance
from marketbot.venues.bybit.errors import classify as classify_bybit

RATE_PAUSE_S = 10.0

_E = ErrorClass


class AnswerRefused(Exception):
    """An answer that CCXT took for an error, with what it threw away: status, body and headers."""

    def __init__(self, status: int, body: Any, retry_after_s: float | None, cause: Exception | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s
        self.cause = cause


Classify = Callable[[AnswerRefused], VenueFault]


def by_binance_code(answer: AnswerRefused) -> VenueFault:
    """Classify as the native Binance client does."""
    code, text = _code_and_text(answer.body, "code", "msg")
    return classify_binance(answer.status, code, text, answer.retry_after_s)


def by_bybit_code(answer: AnswerRefused) -> VenueFault:
    """Classify as the native Bybit client does."""
    code, text = _code_and_text(answer.body, "retCode", "retMsg")
    return classify_bybit(answer.status, code, text, answer.retry_after_s)


def _code_and_text(body: Any, code_key: str, text_key: str) -> tuple[int | None, str]:
    if isinstance(body, Mapping) and type(body.get(code_key)) is int and type(body.get(text_key)) is str:
        return body[code_key], body[text_key]
    return None, body if body == "Service Unavailable." else ""


# In this order: the narrower CCXT class first.
_BY_NAME: tuple[tuple[str, ErrorClass], ...] = (
    ("InvalidNonce", _E.CLOCK),
    ("OperationFailed", _E.AMBIGUOUS),
    ("NetworkError", _E.AMBIGUOUS),
    ("InsufficientFunds", _E.FUNDS),
    ("AuthenticationError", _E.KEY),
    ("OrderNotFound", _E.NOT_FOUND),
    ("DuplicateOrderId", _E.DUPLICATE),
    ("OrderImmediatelyFillable", _E.WOULD_TRIGGER),
    ("NoChange", _E.NO_CHANGE),
    ("InvalidOrder", _E.SIZE),
    ("BadSymbol", _E.SIZE),
    ("BadRequest", _E.REFUSED),
)


def by_exception_name(answer: AnswerRefused) -> VenueFault:
    """Classify an exchange that we have no table for: definite only where CCXT knows the code and the answer is well formed."""
    names = {each.__name__ for each in type(answer.cause).__mro__}
    error_class = _classify_by_name(answer.status, isinstance(answer.body, Mapping | list), names)
    pause = answer.retry_after_s or RATE_PAUSE_S if error_class in (_E.EGRESS_RATE, _E.ACCOUNT_RATE) else answer.retry_after_s
    text = "" if answer.cause is None else str(answer.cause)
    return VenueFault(error_class, str(answer.status), text[:MAX_TEXT], pause)


def _classify_by_name(status: int, readable: bool, names: set[str]) -> ErrorClass:
    if status in (418, 429):
        return _E.EGRESS_RATE
    if not readable or status == 408 or not (status == 200 or 400 <= status < 500):
        return _E.AMBIGUOUS
    if names & {"RateLimitExceeded", "DDoSProtection"}:
        return _E.ACCOUNT_RATE
    for name, error_class in _BY_NAME:
        if name in names:
            return error_class
    # A code that CCXT does not know: with a client-error status it is a refusal, with a 200 it may mean anything.
    return _E.AMBIGUOUS if status == 200 else _E.REFUSED


def refusal_of(error: Exception, classify: Classify, sent: bool) -> Refusal:
    """Return what an exception of a CCXT call means. ``sent`` tells whether any request was handed to the HTTP library."""
    if isinstance(error, AnswerRefused):
        return Refusal(classify(error), answered=True)
    if _never_connected(error):
        return Refusal(VenueFault(_E.NOT_SENT, "connect_failed"), answered=False)
    if sent or isinstance(error, asyncio.TimeoutError):
        return Refusal(VenueFault(_E.AMBIGUOUS, type(error).__name__), answered=False)
    # CCXT's own checks refused it before anything was sent: it would refuse it again.
    return Refusal(VenueFault(_E.REFUSED, type(error).__name__, str(error)[:MAX_TEXT]), answered=True)


def _never_connected(error: BaseException) -> bool:
    """Tell from the HTTP library's own exception, which CCXT keeps as the cause, that no connection was made."""
    names = {each.__name__ for each in type(error.__cause__).__mro__}
    return bool(names & {"ClientConnectorError", "ClientHttpProxyError", "ConnectionTimeoutError", "gaierror"})

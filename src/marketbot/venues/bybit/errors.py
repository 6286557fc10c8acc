"""Bybit's refusals -> error classes, by (HTTP status, retCode, retMsg). Pure.

Sources: bybit-exchange.github.io/docs/v5/error (2026-07-24); texts seen in the wild in docs/venues/bybit.md. Only a well-formed
answer with a known meaning is definite; all else may have executed.
"""

from __future__ import annotations

import re

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.key_reason import KeyReason
from marketbot.venues.answer import MAX_TEXT

BAN_S = 600.0
"""HTTP 403 "access too frequent": the documentation asks to rest the address for at least ten minutes."""

ACCOUNT_PAUSE_S = 1.0
RETRY_S = 0.2

_E = ErrorClass


def _table(rows: dict[ErrorClass, tuple[int, ...]]) -> dict[int, ErrorClass]:
    return {code: error_class for error_class, codes in rows.items() for code in codes}


_BY_CODE = _table(
    {
        _E.AMBIGUOUS: (10000, 10016, 170007, 170146),
        _E.RETRYABLE: (429, 10019, 20003, 110079),
        _E.ACCOUNT_RATE: (10006,),
        _E.EGRESS_RATE: (10018, 10403),
        _E.CLOCK: (10002, -1),
        _E.DUPLICATE: (110072, 10014, 20006, 170141),
        _E.KEY: (10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 10029, 33004),
        _E.FUNDS: (
            *(110004, 110006, 110007, 110009, 110012, 110020, 110021, 110023, 110044, 110045, 110051, 110052, 110053),
            *(110066, 110089, 110090, 110123, 110124, 110125, 110132, 30228),
        ),
        _E.SIZE: (110003, 110074, 110094, 110120, 110121, 30208, 30209),
        _E.LEVERAGE: (110013,),
        _E.WOULD_TRIGGER: (110092, 110093),
        _E.NOT_FOUND: (110001, 110008, 110010),
        _E.NO_CHANGE: (110043, 110025, 110026, 34040),
    }
)

_KEY_REASONS = {
    10003: KeyReason.KEY_UNKNOWN,
    10004: KeyReason.SECRET_WRONG,
    10005: KeyReason.PERMISSION_MISSING,
    10010: KeyReason.ADDRESS_NOT_ALLOWED,
    33004: KeyReason.KEY_EXPIRED,
}

# 10001 is "parameter error" and much else; what it means is in the text (issue threads and public logs, docs/venues/bybit.md).
_PARAMETER_TEXTS: tuple[tuple[re.Pattern[str], ErrorClass], ...] = (
    (re.compile(r"position idx not match position mode", re.IGNORECASE), _E.MODE),
    (re.compile(r"can not set tp/sl/ts for zero position", re.IGNORECASE), _E.NO_POSITION),
    (re.compile(r"(stoploss|takeprofit|\bsl|\btp):\S* ?set for (buy|sell) position", re.IGNORECASE), _E.WOULD_TRIGGER),
    (re.compile(r"base_price", re.IGNORECASE), _E.WOULD_TRIGGER),
    (re.compile(r"leverage", re.IGNORECASE), _E.LEVERAGE),
    (re.compile(r"not modified", re.IGNORECASE), _E.NO_CHANGE),
)

_MARGIN_MODE_FAILED = 3400045
"""Set Margin Mode page (2026-07-24): the reason is in the text, and "not modified" is one."""

_NO_POSITION = re.compile(r"reduce.?only|position is zero", re.IGNORECASE)


def classify(http_status: int, code: int | None, text: str, retry_after_s: float | None = None) -> VenueFault:
    """Return what an answer other than success means.

    ``code`` is the body's retCode, None when the body is not the JSON object that the venue documents. ``retry_after_s`` is what
    the answer's headers say.
    """
    error_class = _classify(http_status, code, text)
    return VenueFault(
        error_class,
        str(http_status if code is None else code),
        text[:MAX_TEXT],
        _retry_after_s(error_class, retry_after_s),
        _KEY_REASONS.get(code or 0, KeyReason.KEY_REFUSED) if error_class is _E.KEY else None,
    )


def _classify(http_status: int, code: int | None, text: str) -> ErrorClass:
    if http_status == 403:
        return _E.EGRESS_RATE  # turned away in front of the matching engine
    if http_status == 429:
        return _E.RETRYABLE
    if http_status == 401:
        return _E.KEY
    if code is None or code == 0 or http_status == 408 or not (http_status == 200 or 400 <= http_status < 500):
        return _E.AMBIGUOUS
    if code == 10001:
        return _parameter_error(text)
    if code == _MARGIN_MODE_FAILED:
        return _E.NO_CHANGE if "not modified" in text.lower() else _E.MODE
    if code == 110017:
        return _E.NO_POSITION if _NO_POSITION.search(text) else _E.SIZE
    return _BY_CODE.get(code, _E.REFUSED)


def _parameter_error(text: str) -> ErrorClass:
    for pattern, error_class in _PARAMETER_TEXTS:
        if pattern.search(text):
            return error_class
    return _E.SIZE


def _retry_after_s(error_class: ErrorClass, named_s: float | None) -> float | None:
    if error_class is _E.EGRESS_RATE:
        return max(named_s or BAN_S, 1.0)
    if error_class is _E.ACCOUNT_RATE:
        return named_s or ACCOUNT_PAUSE_S
    return (named_s or RETRY_S) if error_class is _E.RETRYABLE else None

"""Binance's refusals -> error classes, by (HTTP status, code, text). Pure.

Sources: USDS-margined futures, Error Code page and General Info "HTTP Return Codes" (2026-05-28); docs/venues/binance.md lists
what is verified. The rule that decides about money: only a well-formed, definite refusal is one; all else may have executed.
"""

from __future__ import annotations

import re

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.key_reason import KeyReason
from marketbot.venues.answer import MAX_TEXT

WAF_BLOCK_S = 300.0
"""How long an address rests after a 403 of the firewall; the real length is not published."""

BAN_S = 120.0
"""The shortest ban a 418 stands for, when the answer names none."""

RATE_PAUSE_S = 10.0
"""The pause after a 429 that names none; the weight window is a minute, and the usage header corrects our count."""

ACCOUNT_PAUSE_S = 2.0
RETRY_S = 0.2

_E = ErrorClass


def _table(rows: dict[ErrorClass, tuple[int, ...]]) -> dict[int, ErrorClass]:
    return {code: error_class for error_class, codes in rows.items() for code in codes}


_BY_CODE = _table(
    {
        _E.AMBIGUOUS: (-1000, -1001, -1006, -1007),
        _E.RETRYABLE: (-1008, -1016, -4117),
        _E.ACCOUNT_RATE: (-1015,),
        _E.EGRESS_RATE: (-1003,),
        _E.CLOCK: (-1021, -5028),
        _E.DUPLICATE: (-4116,),
        _E.KEY: (-1002, -1022, -2014, -2015, -2017, -1109),
        _E.FUNDS: (
            *(-2018, -2019, -2023, -2024, -2025, -2027, -2028, -4050, -4051, -4045, -4087, -4088, -4105, -4106, -4107, -4109),
            *(-4189, -4192, -4400, -4401, -4402),
        ),
        _E.SIZE: (
            *(-1013, -1111, -1116, -1117, -1121, -1122, *range(-1106, -1099), -4001, -4002, -4003, -4004, -4005),
            *(-4013, -4014, -4015, -4016, -4023, -4024, -4131, -4140, -4141, -4164, -4183, -4184, -4210, -4211),
        ),
        _E.MODE: (-4060, -4061, -4062, -4120),
        _E.LEVERAGE: (-4028, -4161),
        _E.WOULD_TRIGGER: (-2021, -4142),
        _E.NO_POSITION: (-2022, -4118, -4129, -4509),
        _E.PROTECTION_EXISTS: (-4130,),
        _E.NOT_FOUND: (-2011, -2013),
        _E.NO_CHANGE: (-4046, -4059, -4171),
    }
)

_KEY_REASONS = {
    -1002: KeyReason.PERMISSION_MISSING,
    -1022: KeyReason.SECRET_WRONG,
    -2014: KeyReason.KEY_UNKNOWN,
    -2015: KeyReason.KEY_OR_ADDRESS_REFUSED,
}

_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
UNAVAILABLE = "Service Unavailable."
"""Said by the gateway, as a JSON message or as the bare body; a proxy's page says it otherwise, and means nothing definite."""

_UNABLE = "Internal error; unable to process your request."


def classify(
    http_status: int, code: int | None, text: str, retry_after_s: float | None = None, now_ms: int | None = None
) -> VenueFault:
    """Return what an answer other than success means.

    ``code`` is the body's, None when the body is not the JSON object that the venue documents. ``retry_after_s`` is the header's;
    without it, the end of a ban that the text names ("banned until <ms>") is counted from ``now_ms``.
    """
    error_class = _classify(http_status, code, text)
    return VenueFault(
        error_class,
        str(http_status if code is None else code),
        text[:MAX_TEXT],
        _retry_after_s(error_class, http_status, retry_after_s or _until_s(text, now_ms)),
        _KEY_REASONS.get(code or 0, KeyReason.KEY_REFUSED) if error_class is _E.KEY else None,
    )


def _classify(http_status: int, code: int | None, text: str) -> ErrorClass:
    if http_status == 418 or http_status == 403:
        return _E.EGRESS_RATE  # turned away in front of the matching engine
    if http_status == 429:
        return _E.ACCOUNT_RATE if code == -1015 else _E.EGRESS_RATE
    if http_status == 503:
        return _definite_503(code, text)
    if code is None or not 400 <= http_status < 500 or http_status == 408:
        return _E.AMBIGUOUS
    return _BY_CODE.get(code, _E.REFUSED)


def _definite_503(code: int | None, text: str) -> ErrorClass:
    """The three 503 bodies that General Info calls "100% failure"; every other 503 leaves the outcome open."""
    if text == UNAVAILABLE:
        return _E.RETRYABLE
    if code is not None and (code == -1008 or text.startswith(_UNABLE)):
        return _E.RETRYABLE
    return _E.AMBIGUOUS


def _retry_after_s(error_class: ErrorClass, http_status: int, named_s: float | None) -> float | None:
    if error_class is _E.EGRESS_RATE:
        if named_s is not None and named_s > 0:
            return named_s
        return {418: BAN_S, 403: WAF_BLOCK_S}.get(http_status, RATE_PAUSE_S)
    if error_class is _E.ACCOUNT_RATE:
        return named_s or ACCOUNT_PAUSE_S
    return RETRY_S if error_class is _E.RETRYABLE else None


def _until_s(text: str, now_ms: int | None) -> float | None:
    found = None if now_ms is None else _BANNED_UNTIL.search(text)
    return None if found is None or now_ms is None else max(1.0, (int(found[1]) - now_ms) / 1000)

"""Errors as callers read them: RFC 9457 problem documents with a machine-readable reason, in English or Portuguese.

HTTP statuses live here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

import orjson
from litestar import Response

from marketbot.domain.gcra import US
from marketbot.domain.limits import Verdict
from marketbot.domain.reason_texts import refusal_text
from marketbot.domain.reasons import Language, RefusalReason
from marketbot.intake.refused import Refused

MEDIA_TYPE = "application/problem+json"
STORE_RETRY_AFTER_S = 5
OVERLOAD_RETRY_AFTER_S = 1
STREAM_RETRY_AFTER_S = 15
"""A stream whose caller is gone without a word is noticed with its next sign of life."""
MAX_LANGUAGES = 8


class ApiReason(StrEnum):
    """What goes wrong with a request rather than with a signal."""

    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    NOT_READY = "NOT_READY"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    SCOPE_MISSING = "SCOPE_MISSING"
    USER_DISABLED = "USER_DISABLED"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    TOKEN_LIMIT_REACHED = "TOKEN_LIMIT_REACHED"  # noqa: S105
    CHANNEL_LIMIT_REACHED = "CHANNEL_LIMIT_REACHED"
    CHANNEL_NOT_OFFERED = "CHANNEL_NOT_OFFERED"
    CHANNEL_UNCONFIRMED = "CHANNEL_UNCONFIRMED"
    CODE_WRONG = "CODE_WRONG"
    JSON_EXPECTED = "JSON_EXPECTED"
    JSON_MALFORMED = "JSON_MALFORMED"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    FIELD_INVALID = "FIELD_INVALID"
    SETTING_INVALID = "SETTING_INVALID"
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105
    MEDIA_TYPE_UNSUPPORTED = "MEDIA_TYPE_UNSUPPORTED"
    BODY_TOO_SLOW = "BODY_TOO_SLOW"
    PARAMETER_INVALID = "PARAMETER_INVALID"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    STREAM_LIMIT_REACHED = "STREAM_LIMIT_REACHED"
    OVERLOADED = "OVERLOADED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


_REFUSAL_STATUS = {
    RefusalReason.BODY_TOO_LARGE: 413,
    RefusalReason.BODY_EMPTY: 400,
    RefusalReason.BODY_NOT_UTF8: 400,
    RefusalReason.BODY_MALFORMED: 400,
    RefusalReason.BODY_TOO_DEEP: 400,
    RefusalReason.FIELD_MISSING: 422,
    RefusalReason.FIELD_INVALID: 422,
    RefusalReason.PLACEHOLDER_UNREPLACED: 422,
    RefusalReason.ACTION_UNKNOWN: 422,
    RefusalReason.SYMBOL_UNKNOWN: 422,
    RefusalReason.PRICE_INVALID: 422,
    RefusalReason.SIGNAL_EXPIRED: 409,
    RefusalReason.CREDENTIAL_INVALID: 401,
    RefusalReason.TIMESTAMP_INVALID: 422,
    RefusalReason.SOURCE_DISABLED: 403,
    RefusalReason.ADDRESS_NOT_ALLOWED: 403,
    RefusalReason.RATE_LIMIT_EXCEEDED: 429,
}

_API_STATUS = {
    ApiReason.STORE_UNAVAILABLE: 503,
    ApiReason.NOT_READY: 503,
    ApiReason.NOT_FOUND: 404,
    ApiReason.METHOD_NOT_ALLOWED: 405,
    ApiReason.SCOPE_MISSING: 403,
    ApiReason.USER_DISABLED: 403,
    ApiReason.ALREADY_EXISTS: 409,
    ApiReason.TOKEN_LIMIT_REACHED: 409,
    ApiReason.CHANNEL_LIMIT_REACHED: 409,
    ApiReason.CHANNEL_NOT_OFFERED: 409,
    ApiReason.CHANNEL_UNCONFIRMED: 409,
    ApiReason.CODE_WRONG: 422,
    ApiReason.JSON_EXPECTED: 415,
    ApiReason.JSON_MALFORMED: 400,
    ApiReason.BODY_TOO_LARGE: 413,
    ApiReason.FIELD_INVALID: 422,
    ApiReason.SETTING_INVALID: 422,
    ApiReason.TOKEN_INVALID: 401,
    ApiReason.MEDIA_TYPE_UNSUPPORTED: 415,
    ApiReason.BODY_TOO_SLOW: 408,
    ApiReason.PARAMETER_INVALID: 400,
    ApiReason.RATE_LIMIT_EXCEEDED: 429,
    ApiReason.STREAM_LIMIT_REACHED: 429,
    ApiReason.OVERLOADED: 503,
    ApiReason.INTERNAL_ERROR: 500,
}

_API_TEXT = {
    ApiReason.STORE_UNAVAILABLE: (
        "The database cannot be reached; nothing was stored. Send again shortly.",
        "O banco de dados está inacessível; nada foi gravado. Envie novamente em instantes.",
    ),
    ApiReason.NOT_READY: (
        "No venue's list of instruments has been read yet. Start the engine, or send again shortly.",
        "Nenhuma lista de instrumentos foi lida ainda. Inicie o motor ou envie novamente em instantes.",
    ),
    ApiReason.NOT_FOUND: ("There is nothing here.", "Não há nada aqui."),
    ApiReason.METHOD_NOT_ALLOWED: ("This address takes another method.", "Este endereço aceita outro método."),
    ApiReason.TOKEN_INVALID: (
        "The token is missing, wrong, expired or revoked. Send it as Authorization: Bearer.",
        "O token está ausente, incorreto, expirado ou revogado. Envie-o como Authorization: Bearer.",
    ),
    ApiReason.SCOPE_MISSING: ("This token does not open this address.", "Este token não dá acesso a este endereço."),
    ApiReason.USER_DISABLED: (
        "This user has been disabled by the operator.",
        "Este usuário foi desativado pelo operador.",
    ),
    ApiReason.ALREADY_EXISTS: ("There is one of this name already.", "Já existe um com este nome."),
    ApiReason.TOKEN_LIMIT_REACHED: (
        "There are too many tokens. Revoke one that is not used any more.",
        "Há tokens demais. Revogue um que não seja mais usado.",
    ),
    ApiReason.CHANNEL_LIMIT_REACHED: (
        "There are five channels already. Remove one that is not used any more.",
        "Já há cinco canais. Remova um que não seja mais usado.",
    ),
    ApiReason.CHANNEL_NOT_OFFERED: (
        "This installation has no such channel: its operator has set up no Telegram bot or no mail server.",
        "Esta instalação não oferece esse canal: o operador não configurou um bot do Telegram ou um servidor de e-mail.",
    ),
    ApiReason.CHANNEL_UNCONFIRMED: (
        "The channel is not confirmed yet: show its code first.",
        "O canal ainda não foi confirmado: informe primeiro o código.",
    ),
    ApiReason.CODE_WRONG: (
        "The code is wrong, used or too old. Ask for a new one.",
        "O código está incorreto, já foi usado ou expirou. Peça um novo.",
    ),
    ApiReason.JSON_EXPECTED: ("Send the body as application/json.", "Envie o corpo como application/json."),
    ApiReason.JSON_MALFORMED: ("The body is not a JSON object.", "O corpo não é um objeto JSON."),
    ApiReason.BODY_TOO_LARGE: ("The body is too large.", "O corpo da mensagem é grande demais."),
    ApiReason.FIELD_INVALID: ("A field of the body is not acceptable.", "Um campo do corpo não é aceitável."),
    ApiReason.SETTING_INVALID: (
        "Nothing was changed: a setting is not acceptable.",
        "Nada foi alterado: uma configuração não é aceitável.",
    ),
    ApiReason.MEDIA_TYPE_UNSUPPORTED: (
        "A signal is sent as application/json or text/plain.",
        "Um sinal é enviado como application/json ou text/plain.",
    ),
    ApiReason.BODY_TOO_SLOW: ("The body did not arrive in time.", "O corpo da mensagem não chegou a tempo."),
    ApiReason.PARAMETER_INVALID: ("A parameter is not acceptable.", "Um parâmetro não é aceitável."),
    ApiReason.RATE_LIMIT_EXCEEDED: (
        "Too many requests. Wait as long as Retry-After says.",
        "Requisições demais. Aguarde o tempo indicado em Retry-After.",
    ),
    ApiReason.STREAM_LIMIT_REACHED: (
        "There are too many open streams of yours. Close one that is not looked at any more.",
        "Há transmissões abertas demais. Feche uma que não esteja mais em uso.",
    ),
    ApiReason.OVERLOADED: (
        "The service is full at the moment; nothing was done. Send again shortly.",
        "O serviço está lotado no momento; nada foi feito. Envie novamente em instantes.",
    ),
    ApiReason.INTERNAL_ERROR: (
        "Something went wrong on our side; it was logged.",
        "Algo deu errado do nosso lado; o erro foi registrado.",
    ),
}

_RANGE = re.compile(r"\s*([A-Za-z*]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")


def language(accept_language: str) -> Language:
    """Return the language that an Accept-Language header prefers among ours; English where it does not say."""
    best, best_weight = Language.EN, 0.0
    for part in accept_language.split(",")[:MAX_LANGUAGES]:
        match = _RANGE.fullmatch(part)
        if match is None or match[1].lower() not in ("en", "pt"):
            continue
        weight = float(match[2] or 1)
        if weight > best_weight:
            best, best_weight = Language(match[1].lower()), weight
    return best


def refusal_problem(refused: Refused, spoken: Language) -> Response[bytes]:
    """Answer a refused delivery."""
    headers = {} if refused.limit is None else limit_headers(refused.limit)
    if refused.reason is RefusalReason.CREDENTIAL_INVALID:
        headers["WWW-Authenticate"] = "MarketBot"
    return _problem(
        _REFUSAL_STATUS[refused.reason], refused.reason, refusal_text(refused.reason, spoken), refused.detail, headers
    )


def api_problem(
    reason: ApiReason, spoken: Language, detail: str = "", errors: Sequence[Mapping[str, str]] = ()
) -> Response[bytes]:
    """Answer a request that cannot be served; ``errors`` tells more than one thing that is wrong with it."""
    english, portuguese = _API_TEXT[reason]
    headers: dict[str, str] = {}
    if _API_STATUS[reason] == 503:
        headers["Retry-After"] = str(OVERLOAD_RETRY_AFTER_S if reason is ApiReason.OVERLOADED else STORE_RETRY_AFTER_S)
    if reason is ApiReason.STREAM_LIMIT_REACHED:
        headers["Retry-After"] = str(STREAM_RETRY_AFTER_S)
    if reason is ApiReason.TOKEN_INVALID:
        headers["WWW-Authenticate"] = "Bearer"
    return _problem(_API_STATUS[reason], reason, english if spoken is Language.EN else portuguese, detail, headers, errors)


def limit_problem(verdict: Verdict, spoken: Language) -> Response[bytes]:
    """Answer a request that is over a limit."""
    english, portuguese = _API_TEXT[ApiReason.RATE_LIMIT_EXCEEDED]
    title = english if spoken is Language.EN else portuguese
    return _problem(429, ApiReason.RATE_LIMIT_EXCEEDED, title, verdict.limit.name.value, limit_headers(verdict))


def limit_headers(verdict: Verdict) -> dict[str, str]:
    """Say how a limit stands, as draft-ietf-httpapi-ratelimit-headers does: q in w seconds; r remain, t seconds until there are more."""
    name, rate = verdict.limit.name.value, verdict.limit.rate
    headers = {
        "RateLimit-Policy": f'"{name}";q={rate.burst};w={-(-rate.window_us // US)}',
        "RateLimit": f'"{name}";r={verdict.remaining};t={verdict.retry_after_s}',
    }
    if not verdict.allowed:
        headers["Retry-After"] = str(verdict.retry_after_s)
    return headers


def _problem(
    status: int,
    reason: StrEnum,
    title: str,
    detail: str,
    headers: dict[str, str],
    errors: Sequence[Mapping[str, str]] = (),
) -> Response[bytes]:
    document: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "reason": reason.value}
    if detail:
        document["detail"] = detail
    if errors:
        document["errors"] = [dict(error) for error in errors]
    return Response(orjson.dumps(document), status_code=status, media_type=MEDIA_TYPE, headers=headers)

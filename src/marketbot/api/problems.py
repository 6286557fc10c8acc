"""Errors as callers read them: RFC 9457 problem documents with a machine-readable reason, in English or Portuguese.

HTTP statuses live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import orjson
from litestar import Response

from marketbot.api.answers import HEADERS
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
    CONTROL_REFUSED = "CONTROL_REFUSED"
    COMMAND_IN_PROGRESS = "COMMAND_IN_PROGRESS"
    KEY_REUSED = "KEY_REUSED"
    KEY_LIMIT_REACHED = "KEY_LIMIT_REACHED"
    ACCOUNT_LIMIT_REACHED = "ACCOUNT_LIMIT_REACHED"
    KEY_IN_USE = "KEY_IN_USE"
    KEY_REVOKED = "KEY_REVOKED"
    ACCOUNT_BUSY = "ACCOUNT_BUSY"
    ACCOUNT_DISCONNECTED = "ACCOUNT_DISCONNECTED"
    ENGINE_AWAY = "ENGINE_AWAY"
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
    SESSION_INVALID = "SESSION_INVALID"
    SESSION_MISSING = "SESSION_MISSING"
    CSRF_INVALID = "CSRF_INVALID"
    LOGIN_FAILED = "LOGIN_FAILED"
    SECOND_FACTOR_OWED = "SECOND_FACTOR_OWED"
    CODE_INVALID = "CODE_INVALID"
    PASSWORD_WRONG = "PASSWORD_WRONG"  # noqa: S105
    PASSWORD_UNFIT = "PASSWORD_UNFIT"  # noqa: S105
    LINK_INVALID = "LINK_INVALID"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    SECOND_FACTOR_ENROLLED = "SECOND_FACTOR_ENROLLED"
    SECOND_FACTOR_ABSENT = "SECOND_FACTOR_ABSENT"
    SECOND_FACTOR_REQUIRED = "SECOND_FACTOR_REQUIRED"
    SIGN_UP_CLOSED = "SIGN_UP_CLOSED"
    MAIL_NOT_SET_UP = "MAIL_NOT_SET_UP"
    LAST_ADMIN = "LAST_ADMIN"
    ROLE_CHANGE_REFUSED = "ROLE_CHANGE_REFUSED"
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
    ApiReason.CONTROL_REFUSED: 422,
    ApiReason.COMMAND_IN_PROGRESS: 409,
    ApiReason.KEY_REUSED: 422,
    ApiReason.KEY_LIMIT_REACHED: 429,
    ApiReason.ACCOUNT_LIMIT_REACHED: 409,
    ApiReason.KEY_IN_USE: 409,
    ApiReason.KEY_REVOKED: 409,
    ApiReason.ACCOUNT_BUSY: 409,
    ApiReason.ACCOUNT_DISCONNECTED: 409,
    ApiReason.ENGINE_AWAY: 503,
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
    ApiReason.SESSION_INVALID: 401,
    ApiReason.SESSION_MISSING: 403,
    ApiReason.CSRF_INVALID: 403,
    ApiReason.LOGIN_FAILED: 401,
    ApiReason.SECOND_FACTOR_OWED: 403,
    ApiReason.CODE_INVALID: 422,
    ApiReason.PASSWORD_WRONG: 422,
    ApiReason.PASSWORD_UNFIT: 422,
    ApiReason.LINK_INVALID: 410,
    ApiReason.EMAIL_TAKEN: 409,
    ApiReason.SECOND_FACTOR_ENROLLED: 409,
    ApiReason.SECOND_FACTOR_ABSENT: 409,
    ApiReason.SECOND_FACTOR_REQUIRED: 409,
    ApiReason.SIGN_UP_CLOSED: 403,
    ApiReason.MAIL_NOT_SET_UP: 409,
    ApiReason.LAST_ADMIN: 409,
    ApiReason.ROLE_CHANGE_REFUSED: 409,
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
    ApiReason.CONTROL_REFUSED: (
        "The command cannot be carried out as it was given; nothing was changed.",
        "O comando não pode ser executado como foi dado; nada foi alterado.",
    ),
    ApiReason.COMMAND_IN_PROGRESS: (
        "This command is being carried out. Ask again shortly, under the same Idempotency-Key.",
        "Este comando está em execução. Pergunte novamente em instantes, com a mesma Idempotency-Key.",
    ),
    ApiReason.KEY_REUSED: (
        "This Idempotency-Key was used for another command. Give every command a key of its own.",
        "Esta Idempotency-Key já foi usada em outro comando. Dê a cada comando a sua própria chave.",
    ),
    ApiReason.KEY_LIMIT_REACHED: (
        "Too many commands with an Idempotency-Key within a day.",
        "Comandos demais com Idempotency-Key em um dia.",
    ),
    ApiReason.ACCOUNT_LIMIT_REACHED: (
        "You have as many accounts as you may. Disconnect one that is not used any more, or ask the operator.",
        "Você já tem o máximo de contas. Desconecte uma que não seja mais usada ou fale com o operador.",
    ),
    ApiReason.KEY_IN_USE: (
        "This key is connected already. Every account needs a key of its own.",
        "Esta chave já está conectada. Cada conta precisa de uma chave própria.",
    ),
    ApiReason.KEY_REVOKED: (
        "This key was withdrawn from use. Delete it at the venue and make another.",
        "Esta chave foi retirada de uso. Apague-a na corretora e crie outra.",
    ),
    ApiReason.ACCOUNT_BUSY: (
        "The account holds positions, or orders are on their way. Close them first; force=true disconnects it all the same, and what is"
        " open is then yours to watch.",
        "A conta tem posições abertas ou ordens em andamento. Feche-as primeiro; force=true desconecta mesmo assim, e o que estiver aberto"
        " fica por sua conta.",
    ),
    ApiReason.ACCOUNT_DISCONNECTED: (
        "The account is disconnected. Connect it again under the same label.",
        "A conta está desconectada. Conecte-a de novo com o mesmo nome.",
    ),
    ApiReason.ENGINE_AWAY: (
        "No engine has ever run here, so there is nobody to hand a key to. Start the engine, or send again shortly.",
        "Nenhum motor rodou aqui ainda, e não há a quem entregar uma chave. Inicie o motor ou envie novamente em instantes.",
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
    ApiReason.SESSION_INVALID: ("The session is over. Log in again.", "A sessão terminou. Entre novamente."),
    ApiReason.SESSION_MISSING: (
        "This address is for somebody who is logged in; a token does not open it.",
        "Este endereço é para quem está conectado; um token não dá acesso a ele.",
    ),
    ApiReason.CSRF_INVALID: (
        "This was not asked for from our own page: X-CSRF-Token is missing or wrong. Nothing was done.",
        "O pedido não veio da nossa página: X-CSRF-Token está ausente ou incorreto. Nada foi feito.",
    ),
    ApiReason.LOGIN_FAILED: (
        "E-mail or password is wrong, or there were too many attempts. Wait a quarter of an hour, or have a new password sent to you.",
        "E-mail ou senha incorretos, ou houve tentativas demais. Aguarde quinze minutos ou peça uma nova senha por e-mail.",
    ),
    ApiReason.SECOND_FACTOR_OWED: (
        "A second factor is missing: show its code, or set one up.",
        "Falta o segundo fator: informe o código ou configure um.",
    ),
    ApiReason.CODE_INVALID: (
        "The code is wrong, was used already, or there were too many attempts. Wait for the next one.",
        "O código está incorreto, já foi usado ou houve tentativas demais. Aguarde o próximo.",
    ),
    ApiReason.PASSWORD_WRONG: ("The present password is wrong.", "A senha atual está incorreta."),
    ApiReason.PASSWORD_UNFIT: ("This password is not safe enough.", "Esta senha não é segura o bastante."),
    ApiReason.LINK_INVALID: (
        "This link was used already, is too old, or was withdrawn. Ask for another.",
        "Este link já foi usado, expirou ou foi cancelado. Peça outro.",
    ),
    ApiReason.EMAIL_TAKEN: ("Somebody has this e-mail address already.", "Este endereço de e-mail já está em uso."),
    ApiReason.SECOND_FACTOR_ENROLLED: (
        "A second factor is set up already. Turn it off first.",
        "O segundo fator já está configurado. Desative-o primeiro.",
    ),
    ApiReason.SECOND_FACTOR_ABSENT: ("No second factor is set up.", "Nenhum segundo fator está configurado."),
    ApiReason.SECOND_FACTOR_REQUIRED: (
        "Your role must have a second factor; it cannot be turned off.",
        "Seu perfil exige o segundo fator; ele não pode ser desativado.",
    ),
    ApiReason.SIGN_UP_CLOSED: (
        "Accounts are made by invitation here. Ask the operator for one.",
        "Aqui o cadastro é por convite. Peça um ao operador.",
    ),
    ApiReason.MAIL_NOT_SET_UP: (
        "This installation sends no e-mail. Ask an operator for a link.",
        "Esta instalação não envia e-mail. Peça um link a um operador.",
    ),
    ApiReason.LAST_ADMIN: (
        "Nothing was changed: the last admin cannot be removed.",
        "Nada foi alterado: o último administrador não pode ser removido.",
    ),
    ApiReason.ROLE_CHANGE_REFUSED: (
        "A user stays a user, and staff stay staff. Invite them under another address.",
        "Um usuário continua usuário, e a equipe continua equipe. Convide com outro endereço.",
    ),
    ApiReason.INTERNAL_ERROR: (
        "Something went wrong on our side; it was logged.",
        "Algo deu errado do nosso lado; o erro foi registrado.",
    ),
}


def status_of(reason: ApiReason | RefusalReason) -> int:
    """Return the status that a reason is answered with."""
    return _API_STATUS[reason] if isinstance(reason, ApiReason) else _REFUSAL_STATUS[reason]


def title_of(reason: ApiReason | RefusalReason, spoken: Language) -> str:
    """Return a reason in words."""
    if isinstance(reason, RefusalReason):
        return refusal_text(reason, spoken)
    english, portuguese = _API_TEXT[reason]
    return english if spoken is Language.EN else portuguese


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
    """Say how a limit stands, as draft-ietf-httpapi-ratelimit-headers does: q in w seconds; r remain, one more within t seconds."""
    name, rate = verdict.limit.name.value, verdict.limit.rate
    headers = {
        "RateLimit-Policy": f'"{name}";q={rate.burst};w={-(-rate.window_us // US)}',
        "RateLimit": f'"{name}";r={verdict.remaining};t={verdict.more_in_s}',
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
        document["detail"] = _written(detail)
    if errors:
        document["errors"] = [{name: _written(text) for name, text in error.items()} for error in errors]
    return Response(orjson.dumps(document), status_code=status, media_type=MEDIA_TYPE, headers=HEADERS | headers)


def _written(text: str) -> str:
    """Return a text that can be sent: a field's name may hold half a surrogate pair, which JSON can spell and UTF-8 cannot."""
    return text.encode(errors="replace").decode()

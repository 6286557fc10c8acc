"""The words of notices in English and Brazilian Portuguese, one catalog; numbers and times as each language writes them. Pure.

Facts come from users and venues: labels, reasons. They are put in as plain words on one line; what a channel would take for markup is
escaped where the message is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marketbot.domain.notice import Notice, Severity, Spoken
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language

MAX_FACT_CHARS = 200

LANGUAGES: Mapping[Spoken, Language] = {Spoken.EN: Language.EN, Spoken.PT_BR: Language.PT}

_TEXTS: Mapping[Notice, Mapping[Spoken, str]] = {
    Notice.POSITION_UNPROTECTED: {
        Spoken.EN: (
            "The {side} position in {symbol} of account {label} ({venue}) has no verified stop. It is being seen to; look at the exchange."
        ),
        Spoken.PT_BR: (
            "A posição {side} em {symbol} da conta {label} ({venue}) está sem stop confirmado. "
            "Estamos cuidando disso; confira na corretora."
        ),
    },
    Notice.ACCOUNT_QUARANTINED: {
        Spoken.EN: "Account {label} ({venue}) stopped trading until its key is replaced: {reason}",
        Spoken.PT_BR: "A conta {label} ({venue}) parou de operar até que a chave seja trocada: {reason}",
    },
    Notice.KEY_EXPIRES: {
        Spoken.EN: (
            "The key of account {label} ({venue}) expires in {days} days, at {expires_at}: make another at the venue, and connect that."
        ),
        Spoken.PT_BR: "A chave da conta {label} ({venue}) expira em {days} dias, em {expires_at}: crie outra na corretora e conecte-a.",
    },
    Notice.NEW_LOGIN: {
        Spoken.EN: "Somebody logged in as {person} from {address}. If it was not you, change the password and end the session.",
        Spoken.PT_BR: "Houve um acesso como {person} a partir de {address}. Se não foi você, troque a senha e encerre a sessão.",
    },
    Notice.TRADING_STOPPED: {
        Spoken.EN: "New entries are stopped ({state}) for {scope} {key}: {reason}",
        Spoken.PT_BR: "Novas entradas estão suspensas ({state}) para {scope} {key}: {reason}",
    },
    Notice.TRADING_RESUMED: {
        Spoken.EN: "New entries are made again for {scope} {key}.",
        Spoken.PT_BR: "Novas entradas voltaram a ser feitas para {scope} {key}.",
    },
    Notice.BACKUP_FAILED: {Spoken.EN: "A backup failed: {detail}", Spoken.PT_BR: "Um backup falhou: {detail}"},
    Notice.ERASURE_ASKED: {
        Spoken.EN: (
            "User {user} will be erased here at {due_at}, as was asked for; their exchange accounts enter nothing until then. "
            "If it was not you who asked, log in and take it back."
        ),
        Spoken.PT_BR: (
            "O usuário {user} será apagado aqui em {due_at}, conforme pedido; suas contas de corretora não abrem posições até lá. "
            "Se não foi você quem pediu, entre e cancele o pedido."
        ),
    },
    Notice.POSITION_PROTECTED: {
        Spoken.EN: "Opened {side} {qty} {symbol} at {entry_price} in account {label} ({venue}); stop {stop_price}, target {target_price}.",
        Spoken.PT_BR: "Aberta {side} de {qty} {symbol} a {entry_price} na conta {label} ({venue}); stop {stop_price}, alvo {target_price}.",
    },
    Notice.POSITION_CLOSED: {
        Spoken.EN: "Closed the {side} position in {symbol} of account {label} ({venue}): result {result} before fees.",
        Spoken.PT_BR: "Fechada a posição {side} em {symbol} da conta {label} ({venue}): resultado {result} antes das taxas.",
    },
    Notice.ENTRY_NOT_MADE: {
        Spoken.EN: "No entry in {symbol} for account {label} ({venue}): {why} {detail}",
        Spoken.PT_BR: "Sem entrada em {symbol} na conta {label} ({venue}): {why} {detail}",
    },
    Notice.DAILY_SUMMARY: {
        Spoken.EN: (
            "{day} (UTC): {closed} positions closed with a result of {result} before fees, {not_made} entries not made, "
            "{open} positions open now."
        ),
        Spoken.PT_BR: (
            "{day} (UTC): {closed} posições fechadas com resultado de {result} antes das taxas, {not_made} entradas não feitas, "
            "{open} posições abertas agora."
        ),
    },
    Notice.OPERATOR_SUMMARY: {
        Spoken.EN: (
            "{day} (UTC): {signals} signals; {ready} accounts ready, {quarantined} in quarantine, {open} positions open now, "
            "{unprotected} of them unprotected."
        ),
        Spoken.PT_BR: (
            "{day} (UTC): {signals} sinais; {ready} contas prontas, {quarantined} em quarentena, {open} posições abertas agora, "
            "{unprotected} delas sem proteção."
        ),
    },
    Notice.TEST: {
        Spoken.EN: "This is a test: notices arrive here.",
        Spoken.PT_BR: "Isto é um teste: os avisos chegam aqui.",
    },
}

_TITLES: Mapping[Severity, Mapping[Spoken, str]] = {
    Severity.CRITICAL: {Spoken.EN: "CRITICAL", Spoken.PT_BR: "CRÍTICO"},
    Severity.WARNING: {Spoken.EN: "Warning", Spoken.PT_BR: "Aviso"},
    Severity.INFO: {Spoken.EN: "Info", Spoken.PT_BR: "Informação"},
}

WORDS: Mapping[str, Mapping[Spoken, str]] = {
    "simulation": {Spoken.EN: "SIMULATION", Spoken.PT_BR: "SIMULAÇÃO"},
    "digest": {Spoken.EN: "{count} notices", Spoken.PT_BR: "{count} avisos"},
    "more": {Spoken.EN: "... and {count} more.", Spoken.PT_BR: "... e mais {count}."},
    "linked": {
        Spoken.EN: "This chat is linked: notices of MarketBot arrive here.",
        Spoken.PT_BR: "Este chat está vinculado: os avisos do MarketBot chegam aqui.",
    },
    "code": {
        Spoken.EN: (
            "Enter this code to have notices sent to this address: {code}\n\n"
            "It holds for fifteen minutes. If it was not you who asked, ignore this message."
        ),
        Spoken.PT_BR: (
            "Digite este código para receber avisos neste endereço: {code}\n\n"
            "Ele vale por quinze minutos. Se não foi você quem pediu, ignore esta mensagem."
        ),
    },
    "code_subject": {Spoken.EN: "Confirm this address for notices", Spoken.PT_BR: "Confirme este endereço para receber avisos"},
}

_PORTUGUESE = {
    "long": "comprada",
    "short": "vendida",
    "halted": "parado",
    "reducing": "somente redução",
    "everything": "tudo",
    "environment": "ambiente",
    "venue": "corretora",
    "instrument": "ativo",
    "user": "usuário",
    "account": "conta",
}
_TRANSLATED = frozenset({"side", "state", "scope"})
_NUMBERS = frozenset(
    {
        "qty",
        "entry_price",
        "stop_price",
        "target_price",
        "result",
        "closed",
        "not_made",
        "open",
        "signals",
        "ready",
        "quarantined",
        "unprotected",
        "days",
    }
)
_TIMES = frozenset({"expires_at"})
_NUMBER = re.compile(r"([+-]?)([0-9]{1,30})(?:\.([0-9]{1,30}))?")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


def notice_text(notice: Notice, facts: Mapping[str, Any], spoken: Spoken = Spoken.EN) -> str:
    """Return one sentence or two for people, on one line; a fact that is missing leaves its place empty."""
    return " ".join(_TEXTS[notice][spoken].format_map(_Facts(facts, spoken)).split())


def severity_title(severity: Severity, spoken: Spoken) -> str:
    return _TITLES[severity][spoken]


def word(name: str, spoken: Spoken, **places: object) -> str:
    """Return a text of the catalog that is no notice."""
    return WORDS[name][spoken].format(**places)


def number_text(value: object, spoken: Spoken) -> str:
    """Return 1234.50 as 1,234.50, in Portuguese 1.234,50; what is no plain number as it is."""
    match = _NUMBER.fullmatch(str(value))
    if match is None:
        return clean(value)
    sign, whole, fraction = match.groups()
    text = f"{sign}{int(whole):,}" + (f".{fraction}" if fraction else "")
    return text.translate(str.maketrans(",.", ".,")) if spoken is Spoken.PT_BR else text


def time_text(value: datetime | str, spoken: Spoken) -> str:
    """Return a time in UTC, to the minute."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except ValueError:
        return clean(value)
    utc = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    return f"{utc:%d/%m/%Y %H:%M} UTC" if spoken is Spoken.PT_BR else f"{utc:%Y-%m-%d %H:%M} UTC"


def clean(value: object) -> str:
    """Return a stranger's text on one line, without what cannot be seen, and not endless: nobody forges a second notice in a label."""
    return _INVISIBLE.sub(" ", str(value))[:MAX_FACT_CHARS]


class _Facts(dict[str, Any]):
    def __init__(self, facts: Mapping[str, Any], spoken: Spoken) -> None:
        super().__init__(facts)
        self._spoken = spoken

    def __missing__(self, name: str) -> str:
        return ""

    def __getitem__(self, name: str) -> str:
        spoken = self._spoken
        if name == "why":
            return became_text(str(self.get("became")), self.get("reason"), LANGUAGES[spoken]) or clean(self.get("reason") or "")
        if name not in self or self.get(name) is None:
            return ""
        value = self.get(name)
        if name in _NUMBERS:
            return number_text(value, spoken)
        if name in _TIMES:
            return time_text(str(value), spoken)
        if name in _TRANSLATED and spoken is Spoken.PT_BR:
            return _PORTUGUESE.get(str(value), clean(value))
        return clean(value)

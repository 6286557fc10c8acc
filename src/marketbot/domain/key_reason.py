"""What is wrong with an account's key, or should be known about it, in words for its owner: what it is and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marketbot.domain.reason_texts import Text
from marketbot.domain.reasons import Language


class KeyReason(StrEnum):
    """The first ones keep an account from trading; those of ``ADVICE`` do not."""

    KEY_CAN_WITHDRAW = "KEY_CAN_WITHDRAW"
    KEY_CANNOT_TRADE = "KEY_CANNOT_TRADE"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    SECRET_WRONG = "SECRET_WRONG"  # noqa: S105
    ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
    KEY_OR_ADDRESS_REFUSED = "KEY_OR_ADDRESS_REFUSED"
    """Said by venues that do not tell which of the two it is."""
    PERMISSION_MISSING = "PERMISSION_MISSING"
    KEY_EXPIRED = "KEY_EXPIRED"
    MULTI_ASSETS_MODE = "MULTI_ASSETS_MODE"
    NOT_UNIFIED_ACCOUNT = "NOT_UNIFIED_ACCOUNT"
    KEY_REFUSED = "KEY_REFUSED"
    KEY_UNREADABLE = "KEY_UNREADABLE"
    KEY_REVOKED = "KEY_REVOKED"
    DISCONNECTED = "DISCONNECTED"
    VENUE_UNAVAILABLE = "VENUE_UNAVAILABLE"
    BALANCE_EMPTY = "BALANCE_EMPTY"
    ADDRESSES_UNRESTRICTED = "ADDRESSES_UNRESTRICTED"


ADVICE = frozenset({KeyReason.BALANCE_EMPTY, KeyReason.ADDRESSES_UNRESTRICTED, KeyReason.VENUE_UNAVAILABLE})
MAX_FACT_CHARS = 200

_K = KeyReason

KEY_TEXTS: Mapping[KeyReason, Text] = {
    _K.KEY_CAN_WITHDRAW: Text(
        "The key can move money out of the account. Make one that may only trade, and connect that.",
        "A chave pode retirar dinheiro da conta. Crie uma que só possa operar e conecte essa.",
    ),
    _K.KEY_CANNOT_TRADE: Text(
        "The key may not trade perpetual futures. Give it that permission, or make another.",
        "A chave não pode operar futuros perpétuos. Dê a ela essa permissão ou crie outra.",
    ),
    _K.KEY_UNKNOWN: Text(
        "The venue does not know the key. Copy it again; it may have been deleted, or belong to another environment.",
        "A corretora não reconhece a chave. Copie-a de novo; ela pode ter sido apagada ou ser de outro ambiente.",
    ),
    _K.SECRET_WRONG: Text(
        "The secret does not belong to the key. Copy both again; a lost secret means a new key.",
        "O segredo não corresponde à chave. Copie os dois de novo; se o segredo se perdeu, crie outra chave.",
    ),
    _K.ADDRESS_NOT_ALLOWED: Text(
        "The key does not allow our address. Add the addresses shown for your account to the key's list at the venue.",
        "A chave não permite o nosso endereço. Inclua os endereços indicados para a sua conta na lista da chave, na corretora.",
    ),
    _K.KEY_OR_ADDRESS_REFUSED: Text(
        "The venue refuses the key: it is unknown, lacks the permission for futures, or does not allow our address. Look at all three.",
        "A corretora recusa a chave: ela não existe, não tem permissão para futuros ou não permite o nosso endereço. Confira os três.",
    ),
    _K.PERMISSION_MISSING: Text(
        "The key lacks a permission. Tick trading of futures (orders and positions) for it at the venue.",
        "Falta uma permissão à chave. Marque para ela, na corretora, operar futuros (ordens e posições).",
    ),
    _K.KEY_EXPIRED: Text("The key has expired. Make another and connect that.", "A chave expirou. Crie outra e conecte-a."),
    _K.MULTI_ASSETS_MODE: Text(
        "The account uses multi-assets margin. Switch it to single-asset mode: isolated positions need that.",
        "A conta usa margem multiativos. Mude para o modo de ativo único: posições isoladas precisam dele.",
    ),
    _K.NOT_UNIFIED_ACCOUNT: Text(
        "The account is not a unified trading account. Upgrade it at the venue.",
        "A conta não é uma conta de negociação unificada. Atualize-a na corretora.",
    ),
    _K.KEY_REFUSED: Text("The venue refuses the key ({code} {text}).", "A corretora recusa a chave ({code} {text})."),
    _K.KEY_UNREADABLE: Text(
        "The stored key cannot be opened. Connect the account again.", "A chave guardada não abre. Conecte a conta de novo."
    ),
    _K.KEY_REVOKED: Text(
        "The key was withdrawn from use here. Delete it at the venue, make another, and connect that.",
        "A chave foi retirada de uso aqui. Apague-a na corretora, crie outra e conecte-a.",
    ),
    _K.DISCONNECTED: Text(
        "The account was disconnected. Delete its key at the venue if nothing else uses it.",
        "A conta foi desconectada. Apague a chave na corretora se nada mais a usa.",
    ),
    _K.VENUE_UNAVAILABLE: Text(
        "The venue gave no answer ({code} {text}). It is asked again.",
        "A corretora não respondeu ({code} {text}). Vamos perguntar de novo.",
    ),
    _K.BALANCE_EMPTY: Text(
        "The key works. The futures wallet is empty, so nothing can be traded yet.",
        "A chave funciona. A carteira de futuros está vazia, então ainda não há o que operar.",
    ),
    _K.ADDRESSES_UNRESTRICTED: Text(
        "The key works, and from any address: restrict it to ours. Some venues let such a key expire.",
        "A chave funciona, mas de qualquer endereço: restrinja-a aos nossos. Algumas corretoras deixam essa chave expirar.",
    ),
}


def key_text(reason: KeyReason, facts: Mapping[str, Any], language: Language) -> str:
    """Return a reason in words; a fact that is missing leaves its place empty."""
    text = KEY_TEXTS[reason].spoken(language).format_map(_Facts(facts))
    return text.replace(" )", ")").replace("( ", "(").replace("()", "").replace(" .", ".")


def stored_text(code: str | None, facts: Mapping[str, Any] | None, english: str | None, language: Language) -> str | None:
    """Return why an account stands still, as stored: in the language where the reason is known, else the English words that were kept."""
    return english if code is None or code not in KeyReason.__members__ else key_text(KeyReason(code), facts or {}, language)


class _Facts(dict[str, Any]):
    def __missing__(self, _key: str) -> str:
        return ""

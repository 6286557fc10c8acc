"""Every reason in words: what happened and what to do, for the owner of an account or of a strategy."""

from __future__ import annotations

from typing import NamedTuple

from marketbot.domain.reasons import DenialReason, Language, LapseReason, Reason, RefusalReason, RejectionReason


class Text(NamedTuple):
    en: str
    pt: str

    def spoken(self, language: Language) -> str:
        return self.en if language is Language.EN else self.pt


_R, _D, _L, _V = RefusalReason, DenialReason, LapseReason, RejectionReason

REFUSAL_TEXTS: dict[RefusalReason, Text] = {
    _R.BODY_TOO_LARGE: Text(
        "The alert's message is too large. Send at most 64 KiB.",
        "A mensagem do alerta é grande demais. Envie no máximo 64 KiB.",
    ),
    _R.BODY_EMPTY: Text("The alert's message is empty.", "A mensagem do alerta está vazia."),
    _R.BODY_NOT_UTF8: Text("The alert's message is not UTF-8 text.", "A mensagem do alerta não é texto em UTF-8."),
    _R.BODY_MALFORMED: Text(
        "The alert's message cannot be read. Compare it with the documented forms.",
        "A mensagem do alerta não pôde ser lida. Compare-a com os formatos documentados.",
    ),
    _R.BODY_TOO_DEEP: Text(
        "The alert's message nests too many objects or arrays.",
        "A mensagem do alerta tem objetos ou listas demais, um dentro do outro.",
    ),
    _R.FIELD_MISSING: Text(
        "The alert's message lacks a field that is needed.", "Falta na mensagem do alerta um campo necessário."
    ),
    _R.FIELD_INVALID: Text(
        "A field of the alert's message has a value that cannot be used.",
        "Um campo da mensagem do alerta tem um valor que não pode ser usado.",
    ),
    _R.PLACEHOLDER_UNREPLACED: Text(
        "A {{placeholder}} was sent unreplaced. Check its spelling in the alert's message.",
        "Um {{placeholder}} foi enviado sem ser substituído. Confira como está escrito na mensagem do alerta.",
    ),
    _R.ACTION_UNKNOWN: Text(
        "The signal's text is not one that is traded.", "O texto do sinal não corresponde a nenhuma operação conhecida."
    ),
    _R.SYMBOL_UNKNOWN: Text(
        "The instrument is not one that can be traded here. Check the symbol.",
        "O ativo não pode ser negociado aqui. Confira o símbolo.",
    ),
    _R.PRICE_INVALID: Text("The signal's price is not a possible price.", "O preço do sinal não é um preço possível."),
    _R.SIGNAL_EXPIRED: Text(
        "The entry signal was too old when it arrived, so nothing was opened. Closing signals never expire.",
        "O sinal de entrada chegou tarde demais, e nada foi aberto. Sinais de fechamento nunca expiram.",
    ),
    _R.CREDENTIAL_INVALID: Text(
        "The source or its secret is wrong. Copy the webhook's address again.",
        "A fonte ou o segredo está incorreto. Copie novamente o endereço do webhook.",
    ),
    _R.TIMESTAMP_INVALID: Text(
        "The message's time cannot be read or lies too far from ours. Check the sender's clock.",
        "O horário da mensagem é ilegível ou está distante demais do nosso. Confira o relógio de quem envia.",
    ),
    _R.SOURCE_DISABLED: Text(
        "This source of signals is switched off. Ask the operator.", "Esta fonte de sinais está desativada. Fale com o operador."
    ),
    _R.ADDRESS_NOT_ALLOWED: Text(
        "This source does not accept signals from your network address.",
        "Esta fonte não aceita sinais vindos do seu endereço de rede.",
    ),
    _R.RATE_LIMIT_EXCEEDED: Text(
        "Too many signals came from this source within an hour. Try again later.",
        "Esta fonte enviou sinais demais em uma hora. Tente novamente mais tarde.",
    ),
}

DENIAL_TEXTS: dict[DenialReason, Text] = {
    _D.SIGNAL_EXPIRED: Text(
        "The signal was too old when your account's turn came, so nothing was opened.",
        "O sinal já estava velho quando chegou a vez da sua conta, e nada foi aberto.",
    ),
    _D.ACCOUNT_PAUSED: Text(
        "You paused this account. Resume it to trade the next signals.",
        "Você pausou esta conta. Reative-a para operar os próximos sinais.",
    ),
    _D.ACCOUNT_NOT_READY: Text(
        "This account is still being connected. Wait until its check has passed.",
        "Esta conta ainda está sendo conectada. Aguarde o fim da verificação.",
    ),
    _D.ACCOUNT_QUARANTINED: Text(
        "This account was set aside because the exchange refused its API key. Replace the key.",
        "Esta conta foi isolada porque a corretora recusou a chave de API. Substitua a chave.",
    ),
    _D.TRADING_HALTED: Text(
        "Trading is halted for now by the operator. Your stops keep resting at the exchange.",
        "As operações estão suspensas pelo operador. Seus stops continuam ativos na corretora.",
    ),
    _D.TRADING_STATE_REDUCING: Text(
        "Only closing is allowed for now, so nothing new was opened.",
        "No momento só é permitido fechar posições, e nada novo foi aberto.",
    ),
    _D.SYMBOL_RESTRICTED: Text(
        "The operator does not allow trading this instrument.", "O operador não permite negociar este ativo."
    ),
    _D.SYMBOL_NOT_ALLOWED: Text(
        "Your own symbol lists leave this instrument out. Change them if you want to trade it.",
        "Suas listas de símbolos excluem este ativo. Altere-as se quiser negociá-lo.",
    ),
    _D.INSTRUMENT_NOT_FOUND: Text(
        "Your exchange does not offer this instrument, or does not trade it at present.",
        "Sua corretora não oferece este ativo ou não o negocia no momento.",
    ),
    _D.SYMBOL_COOLDOWN: Text(
        "Your last position in this instrument closed too recently. The next entry waits for the cooldown to end.",
        "Sua última posição neste ativo fechou há pouco. A próxima entrada aguarda o fim do intervalo.",
    ),
    _D.POSITION_EXISTS: Text(
        "You already hold a position in this instrument, so no second one was opened.",
        "Você já tem uma posição neste ativo, e uma segunda não foi aberta.",
    ),
    _D.MAX_POSITIONS: Text(
        "You already hold as many positions as your settings allow.",
        "Você já tem o número máximo de posições que suas configurações permitem.",
    ),
    _D.DAILY_LOSS: Text(
        "Your daily loss limit is reached. Entries start again tomorrow (UTC).",
        "Seu limite de perda diária foi atingido. As entradas voltam amanhã (UTC).",
    ),
    _D.RATE_LIMIT_EXCEEDED: Text(
        "You reached the number of operations allowed within a minute.",
        "Você atingiu o número de operações permitido por minuto.",
    ),
    _D.PRICE_REFERENCE_MISSING: Text(
        "No fresh market price was at hand to judge the signal by, so nothing was opened.",
        "Não havia um preço de mercado recente para avaliar o sinal, e nada foi aberto.",
    ),
    _D.PRICE_OUTSIDE_COLLAR: Text(
        "The market's price was too far from the signal's, so nothing was opened.",
        "O preço de mercado estava longe demais do preço do sinal, e nada foi aberto.",
    ),
    _D.BALANCE_UNKNOWN: Text(
        "Your account's balance has not been read yet, so no size could be computed.",
        "O saldo da sua conta ainda não foi lido, e o tamanho da posição não pôde ser calculado.",
    ),
    _D.MARGIN_EXCEEDS_FREE_BALANCE: Text(
        "Your free balance is smaller than the margin this position needs. Add funds or lower the position size.",
        "Seu saldo livre é menor que a margem necessária. Adicione fundos ou diminua o tamanho da posição.",
    ),
    _D.QUANTITY_BELOW_MINIMUM: Text(
        "The position would be smaller than the exchange's minimum quantity. Raise the balance or the position size.",
        "A posição ficaria abaixo da quantidade mínima da corretora. Aumente o saldo ou o tamanho da posição.",
    ),
    _D.NOTIONAL_BELOW_MINIMUM: Text(
        "The position, its stop or its target would be worth less than the exchange's minimum. Raise the balance or the size.",
        "A posição, o stop ou o alvo ficaria abaixo do valor mínimo da corretora. Aumente o saldo ou o tamanho.",
    ),
    _D.NOTIONAL_EXCEEDS_MAX_PER_ACCOUNT: Text(
        "With this position the account would hold more than the operator allows.",
        "Com esta posição a conta passaria do valor máximo permitido pelo operador.",
    ),
    _D.PROTECTION_PRICE_INVALID: Text(
        "No valid stop and target could be computed for this instrument, and nothing is opened without both.",
        "Não foi possível calcular stop e alvo válidos para este ativo, e nada é aberto sem os dois.",
    ),
    _D.NO_POSITION: Text(
        "You hold no position that this signal would close.", "Você não tem uma posição que este sinal fecharia."
    ),
}

LAPSE_TEXTS: dict[LapseReason, Text] = {
    _L.EXECUTION_WINDOW_PASSED: Text(
        "The order could not be sent in time, so it was dropped. Nothing was opened.",
        "A ordem não pôde ser enviada a tempo e foi descartada. Nada foi aberto.",
    ),
    _L.TRADING_HALTED: Text(
        "Trading was halted before the order was sent. Nothing was opened.",
        "As operações foram suspensas antes do envio da ordem. Nada foi aberto.",
    ),
    _L.ACCOUNT_QUARANTINED: Text(
        "The account was set aside before the order was sent. Check its API key.",
        "A conta foi isolada antes do envio da ordem. Confira a chave de API.",
    ),
    _L.POSITION_GONE: Text(
        "The position was already closed at the exchange, so there was nothing left to close.",
        "A posição já estava fechada na corretora, e não havia mais nada a fechar.",
    ),
    _L.SUPERSEDED_BY_CLOSE: Text(
        "Its source had closed this position before the order was sent, so nothing was opened.",
        "A fonte já tinha encerrado esta posição antes do envio da ordem, e nada foi aberto.",
    ),
}

REJECTION_TEXTS: dict[RejectionReason, Text] = {
    _V.INSUFFICIENT_FUNDS: Text(
        "The exchange says the margin is not enough. Add funds or lower the position size.",
        "A corretora informou margem insuficiente. Adicione fundos ou diminua o tamanho da posição.",
    ),
    _V.KEY_INVALID: Text(
        "The exchange refused the API key. Check its rights, its address list and whether it expired.",
        "A corretora recusou a chave de API. Confira as permissões, a lista de endereços e a validade.",
    ),
    _V.SIZE_OR_PRICE_INVALID: Text(
        "The exchange refused the order's size or price.", "A corretora recusou o tamanho ou o preço da ordem."
    ),
    _V.POSITION_MODE_MISMATCH: Text(
        "The account's position mode (one-way or hedge) changed. It is read again before the next order.",
        "O modo de posição da conta (unidirecional ou hedge) mudou. Ele será lido de novo antes da próxima ordem.",
    ),
    _V.STOP_WOULD_TRIGGER: Text(
        "The market had already passed the stop's or target's price.",
        "O mercado já havia passado do preço do stop ou do alvo.",
    ),
    _V.VENUE_RATE_LIMIT: Text(
        "The exchange limited the number of requests and refused the order.",
        "A corretora limitou o número de requisições e recusou a ordem.",
    ),
    _V.VENUE_UNAVAILABLE: Text(
        "The exchange could not take the order. Nothing was opened by it.",
        "A corretora não pôde receber a ordem. Nada foi aberto por ela.",
    ),
    _V.LEVERAGE_NOT_SET: Text(
        "The exchange did not accept your leverage for this instrument, so the entry was not sent.",
        "A corretora não aceitou sua alavancagem para este ativo, e a entrada não foi enviada.",
    ),
    _V.VENUE_REFUSED: Text(
        "The exchange refused the order. Its own words stand beside this.",
        "A corretora recusou a ordem. A mensagem dela aparece ao lado.",
    ),
}


def refusal_text(reason: RefusalReason, language: Language) -> str:
    return REFUSAL_TEXTS[reason].spoken(language)


def reason_text(reason: Reason, language: Language) -> str:
    """Return what a reason means. The same word may be a reason of two kinds; the member itself tells which."""
    if isinstance(reason, RefusalReason):
        return REFUSAL_TEXTS[reason].spoken(language)
    if isinstance(reason, DenialReason):
        return DENIAL_TEXTS[reason].spoken(language)
    if isinstance(reason, LapseReason):
        return LAPSE_TEXTS[reason].spoken(language)
    return REJECTION_TEXTS[reason].spoken(language)


def became_text(became: str, reason: str | None, language: Language) -> str:
    """Return the words for a stored outcome (``denied``, ``lapsed``, ``rejected`` ...) and its reason; empty without one."""
    kinds: dict[str, type[DenialReason] | type[LapseReason] | type[RejectionReason]] = {
        "denied": DenialReason,
        "lapsed": LapseReason,
        "rejected": RejectionReason,
    }
    kind = kinds.get(became)
    if kind is None or reason is None or reason not in kind.__members__:
        return ""
    return reason_text(kind[reason], language)

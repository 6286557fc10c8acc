"""The page that explains an export to whom it is about, in their language. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from marketbot.domain.person import Locale

FILES: Mapping[str, tuple[str, str]] = {
    "person": ("who you are here: e-mail, name, role, language", "quem você é aqui: e-mail, nome, perfil, idioma"),
    "login_session": (
        "from where you logged in, and with which browser",
        "de onde você entrou, e com qual navegador",
    ),
    "recovery_code": ("which recovery codes were used, and when", "quais códigos de recuperação foram usados, e quando"),
    "passkey": ("your passkeys by name, and when they were used", "suas chaves de acesso por nome, e quando foram usadas"),
    "one_time_link": ("links that were sent to you", "links que foram enviados a você"),
    "invitation": ("how you were invited", "como você foi convidado"),
    "erasure": ("whether you asked to be erased", "se você pediu para ser apagado"),
    "app_user": ("the user that your exchange accounts belong to", "o usuário ao qual suas contas de corretora pertencem"),
    "api_token": ("your API tokens, without what makes them work", "seus tokens de API, sem o que os faz funcionar"),
    "account": ("your exchange accounts and settings; never a key", "suas contas de corretora e ajustes; nunca uma chave"),
    "account_reading": ("the last balances read", "os últimos saldos lidos"),
    "leverage_setting": ("the leverage set at the exchange", "a alavancagem definida na corretora"),
    "follow": ("which sources your accounts follow", "quais fontes suas contas seguem"),
    "data_key": ("when the keys that seal your keys were made", "quando foram criadas as chaves que selam suas chaves"),
    "key_box": ("a key that is on its way to be connected", "uma chave que está a caminho de ser conectada"),
    "key_check": ("what the exchanges said of your keys", "o que as corretoras disseram das suas chaves"),
    "notice_hook": ("the webhook that notices go to", "o webhook para o qual vão os avisos"),
    "notice_channel": ("where notices go to", "para onde vão os avisos"),
    "notice_item": ("notices that were sent lately or wait", "avisos enviados há pouco ou que aguardam"),
    "control_command": ("commands over your accounts", "comandos sobre suas contas"),
    "switch": ("what is stopped for you or your accounts", "o que está suspenso para você ou suas contas"),
    "position": ("positions, as last proven by the exchange", "posições, como a corretora as confirmou por último"),
    "realized_result": (
        "what each closed position gained or lost, before fees",
        "o resultado de cada posição fechada, antes das taxas",
    ),
    "unconfirmed_order": ("orders of which nobody knows yet", "ordens das quais ainda não se sabe"),
    "intent": (
        "what was decided for your accounts about each signal, why, and what came of it",
        "o que foi decidido para suas contas sobre cada sinal, por quê, e o que resultou",
    ),
    "orders": ("every order with all its events", "cada ordem com todos os seus eventos"),
    "audit_entry": ("what you did, and what was done to you", "o que você fez, e o que foi feito a você"),
}
"""What each file tells, in English and Portuguese."""

_HEAD = {
    Locale.EN: (
        "YOUR DATA AT MARKETBOT",
        "Everything that is kept here about you, as you may demand it (LGPD art. 18, GDPR art. 15 and 20). Each file is JSON: a list of",
        "rows, one a line. Times are UTC; amounts are texts, so that no digit is lost. Tables of more than 100,000 rows go on in a",
        "second file. manifest.json is written last: an archive without it was broken off, so make another.",
        "",
        "What is withheld is named in manifest.json with its reason: secrets that nobody is ever shown, and what is about others.",
        "Keep this archive safe: it says where you logged in from and what you traded.",
    ),
    Locale.PT_BR: (
        "SEUS DADOS NO MARKETBOT",
        "Tudo o que é guardado aqui sobre você, como a lei lhe garante (LGPD art. 18, GDPR art. 15 e 20). Cada arquivo é JSON: uma lista",
        "de registros, um por linha. Horários em UTC; valores são textos, para que nenhum dígito se perca. Tabelas com mais de 100.000",
        "registros continuam em um segundo arquivo. manifest.json é escrito por último: um ZIP sem ele foi interrompido; gere outro.",
        "",
        "O que não está aqui é indicado em manifest.json com o motivo: segredos que nunca são mostrados, e o que é sobre outras pessoas.",
        "Guarde este arquivo com cuidado: ele diz de onde você entrou e o que operou.",
    ),
}


def readme(language: Locale) -> str:
    """Return the text of ``README.txt``."""
    place = 1 if language is Locale.PT_BR else 0
    width = max(map(len, FILES)) + len(".json")
    lines = [f"  {f'{name}.json':<{width}}  {texts[place]}" for name, texts in FILES.items()]
    return "\n".join([*_HEAD[language], "", *lines, ""])

"""What our e-mails say, in Portuguese and English. Pure; each text is a subject, and lines between which stands an empty one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from marketbot.domain.person import Locale
from marketbot.domain.role import Role


class Text(StrEnum):
    """One letter as its reader gets it; which one that is may depend on who the reader turns out to be."""

    INVITATION = "invitation"
    RESET = "reset"
    ALREADY_HERE = "already_here"
    """Somebody signs up who is here already."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    PASSKEY_ADDED = "passkey_added"
    ERASURE_ASKED = "erasure_asked"
    ERASED = "erased"


ROLE_NAMES: Mapping[Locale, Mapping[Role, str]] = {
    Locale.PT_BR: {
        Role.ADMIN: "administrador",
        Role.MANAGER: "gerente",
        Role.OPERATOR: "operador",
        Role.AUDITOR: "auditor",
        Role.USER: "usuário",
    },
    Locale.EN: {
        Role.ADMIN: "admin",
        Role.MANAGER: "manager",
        Role.OPERATOR: "operator",
        Role.AUDITOR: "auditor",
        Role.USER: "user",
    },
}

_TEXTS: Mapping[Locale, Mapping[Text, tuple[str, ...]]] = {
    Locale.PT_BR: {
        Text.INVITATION: (
            "Seu convite para o MarketBot",
            "Você foi convidado para o MarketBot como {role}. Abra este link para criar sua senha:",
            "{link}",
            "Ele vale por sete dias e funciona uma única vez. Se você não esperava este convite, ignore esta mensagem.",
        ),
        Text.RESET: (
            "Nova senha no MarketBot",
            "Foi pedida uma nova senha para a sua conta. Abra este link para criá-la:",
            "{link}",
            "Ele vale por uma hora e funciona uma única vez. Se não foi você quem pediu, ignore esta mensagem: sua senha continua a mesma.",
        ),
        Text.ALREADY_HERE: (
            "Você já tem uma conta no MarketBot",
            "Alguém pediu um cadastro com este endereço de e-mail, mas ele já tem uma conta. Entre por aqui:",
            "{link}",
            "Se esqueceu a senha, peça uma nova nessa página. Se não foi você, não é preciso fazer nada.",
        ),
        Text.PASSWORD_CHANGED: (
            "Sua senha no MarketBot foi alterada",
            "A senha da sua conta foi alterada, e todas as outras sessões foram encerradas.",
            "Se não foi você, peça uma nova senha agora e avise o operador:",
            "{link}",
        ),
        Text.SECOND_FACTOR_REMOVED: (
            "O segundo fator da sua conta no MarketBot foi removido",
            "O segundo fator da sua conta foi removido, e as sessões foram encerradas.",
            "Se não foi você nem um operador a seu pedido, troque a senha agora e avise o operador:",
            "{link}",
        ),
        Text.PASSKEY_ADDED: (
            "Uma chave de acesso foi adicionada à sua conta no MarketBot",
            "Uma chave de acesso (passkey) foi adicionada à sua conta. Quem tem o aparelho dela entra sem senha e sem código.",
            "Se não foi você, entre, remova a chave e troque a senha agora:",
            "{link}",
        ),
        Text.ERASURE_ASKED: (
            "Sua conta no MarketBot será apagada",
            "Foi pedido que sua conta e seus dados pessoais sejam apagados. A data está na página Privacidade do seu perfil; até lá, suas"
            " contas de corretora não abrem novas posições.",
            "Para manter a conta, abra este link:",
            "{link}",
            "Se não foi você quem pediu, abra o link e troque a senha.",
        ),
        Text.ERASED: (
            "Sua conta no MarketBot foi apagada",
            "Sua conta e seus dados pessoais foram apagados, como pedido. As chaves das suas contas de corretora foram destruídas aqui;"
            " apague-as também na corretora. O que restou aberto lá continua sob sua responsabilidade.",
            "Ordens e resultados ficam nos livros sob um número, sem o seu nome. Cópias de segurança antigas expiram nos prazos da"
            " política de privacidade. Esta é a última mensagem que você recebe.",
        ),
    },
    Locale.EN: {
        Text.INVITATION: (
            "Your invitation to MarketBot",
            "You have been invited to MarketBot as {role}. Open this link to choose your password:",
            "{link}",
            "It holds for seven days and works once. If you did not expect it, leave it alone.",
        ),
        Text.RESET: (
            "A new password for MarketBot",
            "A new password was asked for your account. Open this link to choose it:",
            "{link}",
            "It holds for one hour and works once. If it was not you who asked, leave it alone: your password stays as it is.",
        ),
        Text.ALREADY_HERE: (
            "You have a MarketBot account already",
            "Somebody asked for an account under this e-mail address, but it has one. Log in here:",
            "{link}",
            "If you forgot the password, ask for a new one on that page. If it was not you, there is nothing to do.",
        ),
        Text.PASSWORD_CHANGED: (
            "Your MarketBot password was changed",
            "The password of your account was changed, and all other sessions have ended.",
            "If it was not you, ask for a new password now and tell the operator:",
            "{link}",
        ),
        Text.SECOND_FACTOR_REMOVED: (
            "The second factor of your MarketBot account was removed",
            "The second factor of your account was removed, and its sessions have ended.",
            "If it was neither you nor an operator whom you asked, change your password now and tell the operator:",
            "{link}",
        ),
        Text.PASSKEY_ADDED: (
            "A passkey was added to your MarketBot account",
            "A passkey was added to your account. Whoever has its device logs in without a password or a code.",
            "If it was not you, log in, remove it, and change your password now:",
            "{link}",
        ),
        Text.ERASURE_ASKED: (
            "Your MarketBot account will be erased",
            "It was asked that your account and your personal data be erased. When, your profile's page Privacy tells; until then your"
            " exchange accounts enter no new positions.",
            "To keep the account, open this link:",
            "{link}",
            "If it was not you who asked, open the link and change your password.",
        ),
        Text.ERASED: (
            "Your MarketBot account was erased",
            "Your account and your personal data were erased, as was asked for. The keys of your exchange accounts are destroyed here;"
            " delete them at the exchange too. What was left open there is yours to look after.",
            "Orders and results stay in the books under a number, without your name. Older backups expire as the privacy policy says."
            " This is the last message that you get.",
        ),
    },
}


def letter_text(text: Text, locale: Locale, *, link: str, role: Role = Role.USER) -> tuple[str, str]:
    """Return subject and body."""
    subject, *lines = _TEXTS[locale][text]
    body = "\n\n".join(line.format(link=link, role=ROLE_NAMES[locale][role]) for line in lines)
    return subject, f"{body}\n\n-- \nMarketBot\n"

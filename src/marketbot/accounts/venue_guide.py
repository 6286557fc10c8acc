"""The venues on offer, and how to make a key at each, step by step. Pure.

What to tick follows from what the key is asked for (docs/venues): reading and futures trading, and nothing that moves money.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marketbot.domain.reason_texts import Text
from marketbot.domain.reasons import Language
from marketbot.domain.venue import Environment


@dataclass(frozen=True, slots=True)
class VenueGuide:
    """``page`` is where keys are made, ``practice_page`` where those of the testnet are: texts to be read; nobody here follows them."""

    venue: str
    name: str
    environments: tuple[Environment, ...]
    passphrase: bool
    page: str
    practice_page: str
    permissions: tuple[Text, ...]
    forbidden: tuple[Text, ...]
    notes: tuple[Text, ...]


_BOTH = (Environment.TESTNET, Environment.MAINNET)
_ADDRESSES = Text(
    "Restrict the key to trusted addresses, and enter the ones shown for your account.",
    "Restrinja a chave a endereços confiáveis e informe os indicados para a sua conta.",
)
_OWN_KEY = Text(
    "Make a key for this service alone: another program on the same key spends its limits.",
    "Crie uma chave só para este serviço: outro programa na mesma chave consome os limites dela.",
)

VENUES = (
    VenueGuide(
        venue="binance",
        name="Binance USDⓈ-M Futures",
        environments=_BOTH,
        passphrase=False,
        page="binance.com > Account > API Management",
        practice_page="demo.binance.com > Account > API Management",
        permissions=(
            Text("Enable Reading", "Ativar leitura (Enable Reading)"),
            Text("Enable Futures", "Ativar futuros (Enable Futures)"),
        ),
        forbidden=(
            Text("Enable Withdrawals", "Ativar saques (Enable Withdrawals)"),
            Text("Enable Internal Transfer", "Ativar transferência interna (Enable Internal Transfer)"),
            Text("Permits Universal Transfer", "Permitir transferência universal (Permits Universal Transfer)"),
        ),
        notes=(
            _ADDRESSES,
            Text(
                "Without trusted addresses the right to trade ends after 90 days. Open the futures account before you make the key.",
                "Sem endereços confiáveis o direito de operar acaba em 90 dias. Abra a conta de futuros antes de criar a chave.",
            ),
            Text("Use single-asset mode.", "Use o modo de ativo único."),
            _OWN_KEY,
        ),
    ),
    VenueGuide(
        venue="bybit",
        name="Bybit",
        environments=_BOTH,
        passphrase=False,
        page="bybit.com > Account > API > Create New Key",
        practice_page="testnet.bybit.com > Account > API > Create New Key",
        permissions=(
            Text("Read-Write", "Leitura e gravação (Read-Write)"),
            Text("Contract: Orders and Positions", "Contratos: ordens e posições (Orders, Positions)"),
        ),
        forbidden=(
            Text("Withdrawal", "Saque (Withdrawal)"),
            Text("Account Transfer", "Transferência entre contas (Account Transfer)"),
            Text("Subaccount Transfer", "Transferência entre subcontas (Subaccount Transfer)"),
        ),
        notes=(
            _ADDRESSES,
            Text(
                "Without addresses the key expires after 90 days. The account must be a unified trading account.",
                "Sem endereços a chave expira em 90 dias. A conta precisa ser uma conta de negociação unificada.",
            ),
            _OWN_KEY,
        ),
    ),
    VenueGuide(
        venue="ccxt:<exchange>",
        name="CCXT",
        environments=_BOTH,
        passphrase=True,
        page="",
        practice_page="",
        permissions=(Text("Reading, and trading of perpetual futures", "Leitura e operação de futuros perpétuos"),),
        forbidden=(Text("Withdrawals and transfers of every kind", "Saques e transferências de qualquer tipo"),),
        notes=(
            Text(
                "Most of these exchanges do not tell what a key may do: nobody but you can make sure that it cannot withdraw.",
                "A maioria dessas corretoras não informa o que a chave pode fazer: só você pode garantir que ela não saca.",
            ),
            _ADDRESSES,
            _OWN_KEY,
        ),
    ),
)


def venue_guides(language: Language) -> list[dict[str, Any]]:
    """Return the venues with their texts in one language."""

    def told(texts: tuple[Text, ...]) -> list[str]:
        return [text.spoken(language) for text in texts]

    return [
        {
            "venue": guide.venue,
            "name": guide.name,
            "environments": [environment.value for environment in guide.environments],
            "passphrase": guide.passphrase,
            "page": guide.page,
            "practice_page": guide.practice_page,
            "tick": told(guide.permissions),
            "leave_empty": told(guide.forbidden),
            "notes": told(guide.notes),
        }
        for guide in VENUES
    ]

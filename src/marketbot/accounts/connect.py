"""Prove one account's key, read what the account has, and set its leverage, before it may trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.key_reason import MAX_FACT_CHARS, KeyReason, key_text
from marketbot.domain.money import ONE, ZERO
from marketbot.domain.policy import Policy, Wishes, settle
from marketbot.domain.reasons import Language
from marketbot.domain.venue import Environment, PositionMode
from marketbot.ports import AccountReading, Credential, KeyReading, VenueClient

REASON_MAX_CHARS = 300

TRANSIENT = frozenset(
    {
        ErrorClass.NOT_SENT,
        ErrorClass.AMBIGUOUS,
        ErrorClass.RETRYABLE,
        ErrorClass.ACCOUNT_RATE,
        ErrorClass.EGRESS_RATE,
        ErrorClass.CLOCK,
    }
)
"""Faults that a later try may escape. All that connecting does may be done twice, so an unclear answer is one of them."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The key is good. ``leverages`` are what the venue holds now; ``notes`` say what could not be set, for the log.

    ``reading`` is None where only leverage was set.
    """

    position_mode: PositionMode
    reading: AccountReading | None
    leverages: Mapping[Symbol, Decimal]
    notes: tuple[str, ...] = ()
    key: KeyReading | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The account must not trade until its owner has mended this. ``facts`` fill the reason's text."""

    code: KeyReason
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Return the reason in English."""
        return key_text(self.code, self.facts, Language.EN)


@dataclass(frozen=True, slots=True)
class NotNow:
    """The venue could not be asked; try again later."""

    fault: VenueFault


ConnectResult = Connected | Refused | NotNow


def leverage_for(policy: Policy, wishes: Wishes, instrument: Instrument) -> Decimal:
    """Return the leverage that entries of this account in this instrument will ask for."""
    return max(min(settle(policy, wishes).leverage, instrument.max_leverage), ONE)


async def connect_account(client: VenueClient, credential: Credential, leverages: Mapping[Instrument, Decimal]) -> ConnectResult:
    """Prove a key and prepare its account. May be done any number of times.

    A key that can withdraw is refused whatever else it may do. Leverage that cannot be set now (an open position in another
    margin mode) does not keep the account away: an entry in that instrument sets it again, or lapses with the venue's reason.
    """
    key = await client.read_key(credential)
    if isinstance(key, VenueFault):
        return _failed(key)
    if (objection := object_to(key)) is not None:
        return Refused(objection)
    credential = replace(credential, position_mode=key.position_mode)
    reading = await client.read_account(credential)
    if isinstance(reading, VenueFault):
        return _failed(reading)
    result = await set_leverages(client, credential, leverages)
    return replace(result, reading=reading, key=key) if isinstance(result, Connected) else result


async def set_leverages(client: VenueClient, credential: Credential, leverages: Mapping[Instrument, Decimal]) -> ConnectResult:
    """Make the venue hold these leverages. May be done any number of times."""
    held: dict[Symbol, Decimal] = {}
    notes: list[str] = []
    for instrument, leverage in leverages.items():
        fault = await client.set_leverage(credential, instrument, leverage)
        if fault is None:
            held[instrument.symbol] = leverage
        elif fault.error_class in TRANSIENT or fault.error_class is ErrorClass.KEY:
            return _failed(fault)
        else:
            notes.append(f"{instrument.symbol}: {fault.code} {fault.text}"[:REASON_MAX_CHARS])
    return Connected(credential.position_mode, None, held, tuple(notes))


def object_to(key: KeyReading) -> KeyReason | None:
    """Return why a key must not be used, or None."""
    if key.can_withdraw:
        return KeyReason.KEY_CAN_WITHDRAW
    if key.problem is not None:
        return key.problem
    return None if key.can_trade else KeyReason.KEY_CANNOT_TRADE


def advise(key: KeyReading, reading: AccountReading, environment: Environment) -> KeyReason | None:
    """Return what the owner of a good key should know, or None."""
    if reading.wallet_balance <= ZERO:
        return KeyReason.BALANCE_EMPTY
    if key.ip_restricted is False and environment is Environment.MAINNET:
        return KeyReason.ADDRESSES_UNRESTRICTED
    return None


def refused_by(fault: VenueFault) -> Refused:
    """Read a venue's refusal of a key."""
    code = fault.key_reason or KeyReason.KEY_REFUSED
    return Refused(code, {"code": fault.code, "text": fault.text[:MAX_FACT_CHARS]})


def _failed(fault: VenueFault) -> ConnectResult:
    return NotNow(fault) if fault.error_class in TRANSIENT else refused_by(fault)

"""One delivery -> a signal committed, or refused with its reason. The cheap checks come first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from marketbot.domain.ids import SignalId, SourceId
from marketbot.domain.limits import SOURCE_ADDRESSES, LimitName, Verdict
from marketbot.domain.reasons import RefusalReason
from marketbot.domain.signal import Signal
from marketbot.intake.authenticate import check_address, check_secret, check_signature
from marketbot.intake.decode import decode
from marketbot.intake.document import REDACTED, Document, read_document
from marketbot.intake.limits import source_checks
from marketbot.intake.refused import NotReady, Refused, StoreAway
from marketbot.intake.source import Known, Register, Source
from marketbot.ports import Clock, Limiter


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came. ``secret`` is the path's; ``timestamp`` and ``signature`` a program's headers."""

    source: str
    body: bytes = field(repr=False)
    address: str
    secret: str | None = field(default=None, repr=False)
    timestamp: str | None = None
    signature: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """``repeated``: this is the id that the first delivery was answered with. ``limit``: how the source's stands now."""

    signal_id: SignalId
    repeated: bool
    limit: Verdict | None = None


class Ledger(Protocol):
    """Where signals and refusals are kept. Both calls may raise StoreAway."""

    async def known(self) -> Known: ...

    async def accept(self, source: Source, signal: Signal, body: str, body_sha256: bytes) -> Receipt | None:
        """Commit a signal; None when the source is not what it was."""
        ...


class RefusalLog(Protocol):
    def record(
        self, source_id: SourceId | None, refused: Refused, address: str, body_sha256: bytes | None, refused_at: datetime
    ) -> None:
        """Note a refusal without waiting."""
        ...


class Intake:
    """Takes deliveries. An answer means: committed, or refused and (soon) in the refusals log."""

    def __init__(self, ledger: Ledger, refusals: RefusalLog, clock: Clock, limits: Limiter) -> None:
        self._ledger = ledger
        self._refusals = refusals
        self._clock = clock
        self._register = Register(ledger.known, clock)
        self._limits = limits

    async def receive(self, delivery: Delivery) -> Receipt | Refused:
        """Judge one delivery and commit its signal.

        Raises:
            StoreAway: nothing could be stored; the sender should try again.
            NotReady: no symbol is known yet.
        """
        known = await self._register.read()
        found = await self._judge(delivery, known)
        if found is None:
            # The source was disabled or got another secret within the register's age: judge by what it is now.
            found = await self._judge(delivery, await self._register.read(max_age_s=0.0), counted=True)
        if found is None:
            raise StoreAway("the source changed while its signal was taken")
        return found

    async def receive_test(self, delivery: Delivery) -> Receipt | Refused:
        """Judge a body that an operator sends in a source's name, who needs neither its secret nor its address; the rest is as ever.

        Raises:
            StoreAway: nothing could be stored.
            NotReady: no symbol is known yet.
        """
        known = await self._register.read(max_age_s=0.0)
        source, now = known.sources.get(delivery.source), self._clock.now()
        if source is None:
            return Refused(RefusalReason.CREDENTIAL_INVALID, "there is no such source")
        if not source.enabled:
            return self._refuse(delivery, source, Refused(RefusalReason.SOURCE_DISABLED), now)
        document = read_document(delivery.body)
        if isinstance(document, Refused):
            return self._refuse(delivery, source, document, now)
        found = await self._take(delivery, source, document, known, now)
        if found is None:
            raise StoreAway("the source changed while its signal was taken")
        return found

    async def read_test(self, delivery: Delivery) -> Signal | Refused:
        """Return what ``receive_test`` would take a body for. Nothing is committed, nothing noted.

        Raises:
            StoreAway: what is known of sources is too old to go by.
            NotReady: no symbol is known yet.
        """
        known = await self._register.read(max_age_s=0.0)
        source = known.sources.get(delivery.source)
        if source is None or not source.enabled:
            return Refused(RefusalReason.SOURCE_DISABLED)
        document = read_document(delivery.body)
        return document if isinstance(document, Refused) else _read(source, document, known, self._clock.now())

    def refuse_unread(self, address: str, reason: RefusalReason) -> Refused:
        """Note a body that was not read to its end, so that nothing is known of its source."""
        refused = Refused(reason)
        self._refusals.record(None, refused, address, None, self._clock.now())
        return refused

    async def _judge(self, delivery: Delivery, known: Known, *, counted: bool = False) -> Receipt | Refused | None:
        source = known.sources.get(delivery.source)
        now = self._clock.now()
        document: Document | Refused | None = None
        if delivery.secret is not None:
            refused = check_secret(source, delivery.secret)
        elif delivery.signature is not None:
            refused = check_signature(source, delivery.timestamp or "", delivery.signature, delivery.body, now)
        else:
            document = read_document(delivery.body)
            refused = document if isinstance(document, Refused) else check_secret(source, document.secret or "")
        if refused is not None or source is None:
            return self._refuse(delivery, None, refused or Refused(RefusalReason.CREDENTIAL_INVALID), now)
        verdict = await self._admit(delivery, source, counted=counted)
        if isinstance(verdict, Refused):
            return self._refuse(delivery, source, verdict, now)
        document = document or read_document(delivery.body)
        if isinstance(document, Refused):
            return self._refuse(delivery, source, replace(document, limit=verdict), now)
        found = await self._take(delivery, source, document, known, now)
        return None if found is None else replace(found, limit=verdict)

    async def _take(
        self, delivery: Delivery, source: Source, document: Document, known: Known, now: datetime
    ) -> Receipt | Refused | None:
        """Read the signal that a body is, and commit it."""
        signal = _read(source, document, known, now)
        if isinstance(signal, Refused):
            return self._refuse(delivery, source, signal, now)
        # A sender may have put the path's secret into the message as well.
        kept = document.text.replace(delivery.secret, REDACTED) if delivery.secret else document.text
        return await self._ledger.accept(source, signal, kept, _digest(delivery.body))

    async def _admit(self, delivery: Delivery, source: Source, *, counted: bool) -> Refused | Verdict | None:
        """Return why a delivery may not pass; else how its source's limit stands, where it was counted now."""
        if not source.enabled:
            return Refused(RefusalReason.SOURCE_DISABLED)
        refused = check_address(source, delivery.address)
        if refused is not None or counted:
            return refused
        verdict = await self._limits.take(*source_checks(source.source_id, delivery.address, source.signals_per_hour))
        if verdict.allowed:
            return verdict
        one = "one address" if verdict.limit.name is LimitName.SOURCE_ADDRESS else f"all addresses, {SOURCE_ADDRESSES} times over"
        return Refused(RefusalReason.RATE_LIMIT_EXCEEDED, f"{source.signals_per_hour} signals an hour from {one}", verdict)

    def _refuse(self, delivery: Delivery, source: Source | None, refused: Refused, now: datetime) -> Refused:
        source_id = None if source is None else source.source_id
        self._refusals.record(source_id, refused, delivery.address, _digest(delivery.body), now)
        return refused


def _read(source: Source, document: Document, known: Known, now: datetime) -> Signal | Refused:
    """Return the signal that a body is, of an instrument that can be traded."""
    signal = decode(document, now=now, window_s=known.validation_window_s, chart_interval_s=source.chart_interval_s)
    return signal if isinstance(signal, Refused) else _check_symbol(source, signal, known) or signal


def _check_symbol(source: Source, signal: Signal, known: Known) -> Refused | None:
    if not known.symbols:
        raise NotReady("no venue's list of instruments has been read yet")
    if signal.symbol not in known.symbols:
        return Refused(RefusalReason.SYMBOL_UNKNOWN, "no connected venue lists the symbol")
    if source.instruments and signal.symbol not in source.instruments:
        return Refused(RefusalReason.SYMBOL_UNKNOWN, "the symbol is not among the source's instruments")
    return None


def _digest(body: bytes) -> bytes:
    """Return the name of a body: blanks around it do not make it another."""
    return hashlib.sha256(body.strip()).digest()

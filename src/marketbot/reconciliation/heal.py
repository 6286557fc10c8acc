"""From findings to deeds: each difference is mended through the same machines that orders go through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import structlog

from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import AccountId, ClientOrderId, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.order import SETTLED, OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg
from marketbot.domain.venue import Market
from marketbot.execution.desk import Desk
from marketbot.execution.resolve import look_up
from marketbot.execution.siblings import CANCEL_DELAYS_AGAIN_S, position_went_away, settle_protection
from marketbot.ports import Credential
from marketbot.reconciliation.compare import Finding, Kind
from marketbot.reconciliation.evidence import is_gone, move_leg
from marketbot.reconciliation.rearm import Rearmed, rearm_stop, rearm_target
from marketbot.store import positions as rows
from marketbot.store.pool import Pool
from marketbot.store.positions import BookedPosition, Books, InstrumentLookup

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patient:
    """One account under reconciliation: whose it is, how to reach it, what our books say."""

    account_id: AccountId
    user_id: UserId
    market: Market
    credential: Credential
    books: Books


class Healer:
    """Mends one finding at a time. The account's lock is held by the caller."""

    def __init__(self, desk: Desk, pool: Pool, tag: str, instruments: InstrumentLookup) -> None:
        self._desk = desk
        self._pool = pool
        self._tag = tag
        self._instruments = instruments

    async def heal(self, patient: Patient, findings: tuple[Finding, ...]) -> set[Finding]:
        """Mend findings in their order and return those that are mended; a position that has gone takes its other findings along.

        Raises:
            UnreadableError, KeyLostError: the account cannot be asked; what is left waits for the next time.
        """
        healed: set[Finding] = set()
        closed: set[tuple[str, str]] = set()
        for finding in findings:
            place = (finding.symbol, finding.side)
            if place in closed:
                healed.add(finding)
                continue
            booked = next((b for b in patient.books.positions if (b.symbol, b.side) == place), None)
            mended, is_closed = await self._mend(patient, finding, booked)
            if mended:
                healed.add(finding)
            if is_closed:
                closed.add(place)
        await self._desk.journal.durable()
        return healed

    async def _mend(self, patient: Patient, finding: Finding, booked: BookedPosition | None) -> tuple[bool, bool]:
        """Return whether the finding is mended, and whether its position is closed now."""
        match finding.kind:
            case Kind.POSITION_GONE:
                assert booked is not None
                done = await self._close_books(booked)
                return done, done
            case Kind.STOP_MISSING:
                assert booked is not None and booked.run is not None and finding.held is not None  # noqa: PT018
                ended = await rearm_stop(self._desk, booked.run, finding.held, booked.protection)
                return True, ended is Rearmed.CLOSED
            case Kind.TARGET_MISSING:
                assert booked is not None and booked.run is not None and finding.held is not None  # noqa: PT018
                ended = await rearm_target(self._desk, booked.run, finding.held)
                return ended is not Rearmed.LATER, ended is Rearmed.CLOSED
            case Kind.QUANTITY_DIFFERS:
                assert booked is not None and finding.held is not None  # noqa: PT018
                await self._desk.journal.durable()  # a row in the batch must not overtake this one
                await rows.write_quantity(self._pool, booked, finding.held)
                return True, False
            case Kind.STOP_UNRECORDED:
                assert booked is not None and finding.held is not None  # noqa: PT018
                self._record_stop(booked, finding.held)
                return True, False
            case Kind.POSITION_FOREIGN:
                assert finding.held is not None
                await self._take_in(patient, finding, finding.held)
                return True, False
            case Kind.ORPHAN_PROTECTION:
                return await self._see_off(patient, finding, booked), False
            case _ as never:
                assert_never(never)

    async def _close_books(self, booked: BookedPosition) -> bool:
        if booked.run is None:
            await rows.close_foreign(self._pool, booked)
            return True
        age_s = (self._desk.clock.now() - booked.opened_at).total_seconds()
        if not await is_gone(self._desk, booked.run, age_s):
            return False
        await position_went_away(self._desk, booked.run, closed_by=None)
        return True

    def _record_stop(self, booked: BookedPosition, held: VenuePosition) -> None:
        """The venue shows a stop for a position that our books call unprotected: write that down."""
        run = booked.run
        assert run is not None
        for name in (Leg.STOP_LOSS, Leg.TAKE_PROFIT):
            leg = run.legs.get(name)
            shows = name is Leg.STOP_LOSS or held.target_price is not None
            if leg is not None and shows and leg.state in (OrderState.PLANNED, OrderState.UNCONFIRMED):
                move_leg(self._desk, run, leg, OrderReport(OrderState.ACCEPTED))
        self._desk.journal.position(
            run, ProtectionState.PROTECTED, self._desk.clock.now(), qty=held.qty, entry_price=held.entry_price
        )

    async def _take_in(self, patient: Patient, finding: Finding, held: VenuePosition) -> None:
        """Write an unknown position down: as ours, when an entry that was given up has made it after all, else as a person's."""
        instrument = self._instruments(patient.market, finding.symbol)
        if instrument is not None and await self._adopt(patient, instrument, held):
            return
        await rows.write_foreign(self._pool, patient.account_id, patient.user_id, finding.symbol, held)

    async def _adopt(self, patient: Patient, instrument: Instrument, held: VenuePosition) -> bool:
        """Protect a position that an entry of ours made although our books say it came to nothing; False when none did."""
        doubtful = await rows.doubtful_entries(
            self._pool,
            patient.account_id,
            patient.market,
            held,
            tag=self._tag,
            credential=patient.credential,
            instrument=instrument,
        )
        for run in doubtful:
            answer = await look_up(self._desk, run, run.legs[Leg.ENTRY])
            if not isinstance(answer, OrderReport) or answer.filled_qty <= 0:
                continue
            log.critical("entry_was_executed_after_all", account_id=run.account_id, signal_id=run.signal_id)
            self._desk.watch.emergency(run, "ENTRY_UNRECORDED")
            run.filled_at = self._desk.clock.now()
            self._desk.journal.position(
                run, ProtectionState.PROTECTING, run.filled_at, qty=held.qty, entry_price=held.entry_price
            )
            if await rearm_stop(self._desk, run, held, ProtectionState.PROTECTING) is not Rearmed.CLOSED:
                await rearm_target(self._desk, run, held)
            return True
        return False

    async def _see_off(self, patient: Patient, finding: Finding, booked: BookedPosition | None) -> bool:
        """Bring a stop or target without a position to its end; the position is looked at once more before."""
        client = self._desk.clients[patient.market]
        instrument = self._instruments(patient.market, finding.symbol)
        if instrument is None:
            return False
        positions = await client.read_positions(patient.credential, instrument, urgent=True)
        if not isinstance(positions, tuple) or any(each.side is finding.side for each in positions):
            return False
        if finding.order is None:
            assert booked is not None and booked.run is not None  # noqa: PT018
            await settle_protection(self._desk, booked.run, CANCEL_DELAYS_AGAIN_S)
            return all(leg.state in SETTLED for name, leg in booked.run.legs.items() if name.is_protective)
        if await rows.was_placed_lately(self._pool, patient.account_id, finding.order.client_order_id):
            return False  # its position may not show yet
        order_id = ClientOrderId(finding.order.client_order_id)
        return await client.cancel_order(patient.credential, instrument, order_id, Leg(finding.order.kind)) is None

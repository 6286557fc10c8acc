"""Orders that stayed unconfirmed after their chunk was done: asked for until the venue gives evidence, one account at a time."""

from __future__ import annotations

from datetime import timedelta

from marketbot.accounts.keyring import Keyring
from marketbot.domain.execution_report import Absent, OrderReport
from marketbot.domain.ids import AccountId, ClientOrderId
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.execution.absence import AbsenceProof
from marketbot.execution.desk import Desk
from marketbot.execution.resolve import look_up
from marketbot.execution.siblings import CANCEL_DELAYS_AGAIN_S, settle_order
from marketbot.reconciliation.evidence import move_leg, position_of
from marketbot.store.pool import Pool
from marketbot.store.positions import Doubt, InstrumentLookup, unconfirmed_orders

MAX_DOUBTS = 20
"""Orders of one account asked for in one look; the others wait for the next."""
MAX_PROOFS = 10_000
"""Orders whose empty look-ups are counted; past it counting begins anew, and proving absence takes longer."""


class Doubts:
    """Each look is short, for orders of the account wait behind it; what proves absence is counted from look to look."""

    def __init__(self, desk: Desk, pool: Pool, keyring: Keyring, instruments: InstrumentLookup, tag: str) -> None:
        self._desk = desk
        self._pool = pool
        self._keyring = keyring
        self._instruments = instruments
        self._tag = tag
        self._proofs: dict[ClientOrderId, AbsenceProof] = {}

    def __repr__(self) -> str:
        return f"<Doubts proofs={len(self._proofs)}>"

    async def look(self, account_id: AccountId, older_than: timedelta, *, compared: bool) -> bool:
        """Ask for each order in doubt once; True when none is left. The account's lock is held by the caller.

        ``compared``: what the account holds has just been compared with its venue; without that an entry is left in doubt.

        Raises:
            UnreadableError, KeyLostError: the account cannot be asked.
        """
        credential = (await self._keyring.credentials([account_id])).get(account_id)
        if credential is None:
            return False
        await self._desk.journal.durable()  # an end that is on its way to the store is an end
        doubts = await unconfirmed_orders(
            self._pool,
            account_id,
            older_than,
            MAX_DOUBTS,
            tag=self._tag,
            credential=credential,
            instruments=self._instruments,
        )
        for doubt in doubts:
            if compared or doubt.leg.leg is not Leg.ENTRY:
                await self._ask(doubt)
        await self._desk.journal.durable()
        return all(doubt.leg.state is not OrderState.UNCONFIRMED for doubt in doubts)

    async def _ask(self, doubt: Doubt) -> None:
        run, leg = doubt.run, doubt.leg
        if leg.leg.is_protective and not doubt.is_held and await position_of(self._desk, run) is None:
            # Nothing is held that it could protect. Beside another position it is only asked for: that one may have taken it as its stop.
            await settle_order(self._desk, run, leg, CANCEL_DELAYS_AGAIN_S)
            return
        asked_at_s = self._desk.clock.monotonic()
        answer = await look_up(self._desk, run, leg)
        if isinstance(answer, OrderReport):
            self._proofs.pop(leg.client_order_id, None)
            self._desk.watch.resolved(run, leg.leg)
            move_leg(self._desk, run, leg, answer)
        elif (
            isinstance(answer, Absent)
            and not (leg.leg.is_protective and doubt.is_its_own)
            and await self._is_absent(doubt, asked_at_s)
        ):
            self._desk.watch.resolved(run, leg.leg)
            move_leg(self._desk, run, leg, OrderReport(OrderState.LAPSED))

    async def _is_absent(self, doubt: Doubt, asked_at_s: float) -> bool:
        """Count an empty look-up and tell whether the order has never been there. A stop or target of a position that is held is
        never given up here: the round that looks at positions places it anew."""
        run, leg = doubt.run, doubt.leg
        if leg.client_order_id not in self._proofs and len(self._proofs) >= MAX_PROOFS:
            self._proofs.clear()
        if not self._proofs.setdefault(leg.client_order_id, AbsenceProof()).found_nothing(asked_at_s):
            return False
        if leg.leg is Leg.ENTRY and await position_of(self._desk, run) is not None:
            return False
        self._proofs.pop(leg.client_order_id, None)
        return True

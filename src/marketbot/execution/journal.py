"""Where execution writes down what it learns. The store fulfils it, in batches."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Protocol

from marketbot.domain.execution_report import OrderReport
from marketbot.domain.order import OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.execution.run import IntentRun, LegRun


class Journal(Protocol):
    """Calls without ``await`` put rows into the next batch; ``durable`` returns when all put so far are committed.

    A row that is stored already changes nothing: a chunk that is run twice writes the same keys.
    """

    def order_moved(self, run: IntentRun, leg: LegRun, left: OrderState, at: datetime, report: OrderReport | None = None) -> None:
        """Append one move of one order, already applied to ``leg``; advances ``leg.seq``."""
        ...

    def position(
        self,
        run: IntentRun,
        state: ProtectionState,
        at: datetime,
        *,
        qty: Decimal,
        entry_price: Decimal,
        closed_by: str | None = None,
        exit_price: Decimal | None = None,
    ) -> None:
        """Write what the account now holds on the run's instrument and side; only the last of several in a batch is stored."""
        ...

    def finished(
        self, run: IntentRun, result: str, at: datetime, *, reason: str | None = None, detail: str | None = None
    ) -> None:
        """Write the intent's one outcome."""
        ...

    async def order_planned(self, run: IntentRun, leg: LegRun, at: datetime) -> None:
        """Store a further order of a run, durably, before it may be sent."""
        ...

    async def leverage_set(self, run: IntentRun, leverage: Decimal) -> None: ...

    async def quarantine(self, run: IntentRun, reason: str) -> None:
        """Stop an account from trading until its key is replaced."""
        ...

    async def durable(self) -> None: ...

"""What planning needs from the outside. Rows are read by column name; ``store.planning`` documents the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.intent import Decision
from marketbot.domain.policy import Policy
from marketbot.domain.trading_state import Switches
from marketbot.domain.venue import Environment, Market


class Row(Protocol):
    """A row, read by column name."""

    def __getitem__(self, name: str, /) -> Any: ...


class ReferencePrices(Protocol):
    """The live prices, as some process keeps them."""

    def get(self, market: Market, symbol: Symbol) -> tuple[Decimal, float] | None:
        """Return the price and its age in seconds, or None when there is none."""
        ...


class Instruments(Protocol):
    """The shared instrument tables, one a market."""

    def get(self, market: Market, symbol: Symbol) -> Instrument | None: ...


class PlanPage(Protocol):
    """One transaction in which one page of a signal is read, decided and written. It commits when its context ends well."""

    @property
    def signal(self) -> Row: ...

    async def policy(self) -> Policy: ...

    async def switches(self) -> Switches: ...

    async def others_open(self) -> Sequence[SignalId]:
        """Return the other entry signals whose orders may still be on their way."""
        ...

    async def accounts(self, environment: Environment | None, after: AccountId, limit: int) -> Sequence[Row]:
        """Return the next followers after ``after`` in the order of their ids, of one environment or of both."""
        ...

    async def positions(self, accounts: Sequence[AccountId]) -> Sequence[Row]:
        """Return what is open, and what was held in the signal's symbol."""
        ...

    async def results(self, accounts: Sequence[AccountId], day_start: datetime) -> Sequence[Row]:
        """Return (account_id, user_id, result): what the positions closed since ``day_start`` gained or lost."""
        ...

    async def entries_on_their_way(self, signals: Sequence[SignalId], accounts: Sequence[AccountId]) -> Sequence[Row]: ...

    async def operations(self, users: Sequence[UserId], since: datetime) -> Sequence[Row]:
        """Return (user_id, operations): the entries planned after ``since``."""
        ...

    async def write(
        self, decisions: Sequence[Decision], chunks: Mapping[tuple[Market, int], Sequence[AccountId]], now: datetime
    ) -> None:
        """Write the intents, their orders, and the chunks: of each market the accounts that have an order."""
        ...

    async def advance(self, phase: int, after: AccountId) -> None:
        """Remember how far planning has come."""
        ...

    async def finish(self) -> None:
        """Mark the signal planned, and settled where nothing is left to be worked off."""
        ...


class PlanStore(Protocol):
    """Where signals wait and decisions go."""

    async def open_signals(self, limit: int) -> Sequence[SignalId]:
        """Return the accepted signals that are not wholly planned: closes first, then the oldest."""
        ...

    async def close_waits(self) -> bool:
        """Tell whether a close waits to be planned."""
        ...

    def page(self, signal_id: SignalId) -> AbstractAsyncContextManager[PlanPage | None]:
        """Open the next page of an accepted signal; None when it is planned already, or another planner has it now."""
        ...

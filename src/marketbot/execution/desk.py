"""What every step of execution works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from marketbot.domain.errors import MarketBotError
from marketbot.domain.reasons import LapseReason
from marketbot.domain.trading_state import Switches, TradingState
from marketbot.domain.venue import Market
from marketbot.execution.closes import Closes
from marketbot.execution.journal import Journal
from marketbot.execution.loose import Loose
from marketbot.execution.run import IntentRun
from marketbot.ports import Clock, VenueClient


class KeyLostError(MarketBotError):
    """The venue refuses the account's key while a position needs us: nothing more can be done until the key is replaced."""


class Watch(Protocol):
    """Who is told how long the stages took and what went wrong; metrics and logs fulfil it."""

    def entry_sent(self, run: IntentRun, waited_s: float) -> None: ...

    def entry_acknowledged(self, run: IntentRun, took_s: float) -> None: ...

    def protected(self, run: IntentRun, unprotected_s: float) -> None: ...

    def unconfirmed(self, run: IntentRun, leg: str) -> None: ...

    def resolved(self, run: IntentRun, leg: str) -> None: ...

    def emergency(self, run: IntentRun, why: str) -> None: ...

    def finished(self, run: IntentRun, result: str, reason: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """The surroundings of a run: venues, the journal, time, the kill switch."""

    clients: Mapping[Market, VenueClient]
    journal: Journal
    clock: Clock
    switches: Callable[[], Switches]
    watch: Watch
    closes: Closes = field(default_factory=Closes)
    loose: Loose = field(default_factory=Loose)

    def client(self, run: IntentRun) -> VenueClient:
        return self.clients[run.market]

    def entry_is_barred(self, run: IntentRun) -> LapseReason | None:
        """Tell why an entry that is not on the wire must not go there any more."""
        if self.clock.now() >= run.expires_at:
            return LapseReason.EXECUTION_WINDOW_PASSED
        if run.quarantined:
            return LapseReason.ACCOUNT_QUARANTINED
        if run.superseded or self.closes.supersede(run.account_id, run.symbol, run.side, run.signal_id):
            return LapseReason.SUPERSEDED_BY_CLOSE
        switches = self.switches()
        if not switches.set:
            return None
        state = switches.state_for(
            environment=run.market.environment,
            venue=run.market.venue,
            symbol=run.symbol,
            user_id=run.user_id,
            account_id=run.account_id,
        )
        return None if state is TradingState.ACTIVE else LapseReason.TRADING_HALTED

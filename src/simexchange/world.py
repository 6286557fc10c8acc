"""Hold everything that the control port may look at or change."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from simexchange.clock import Clock
from simexchange.config import Place
from simexchange.engine.account import Account
from simexchange.engine.ledger import Ledger
from simexchange.engine.market import Market
from simexchange.faults import Faults
from simexchange.limits import LimitSettings, SourceLimit
from simexchange.wire.http import Reply, Request, Upgraded
from simexchange.wire.listener import Listener


class Face(Protocol):
    """A venue's way to answer."""

    market: Market
    sources: SourceLimit
    requests: Counter[str]

    def respond(self, request: Request) -> Reply:
        """Answer one request."""

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Upgraded | None:
        """Take a connection over as a WebSocket, or leave it to `respond`."""


@dataclass(slots=True)
class World:
    """One simulator's whole state."""

    seed: int
    clock: Clock
    ledger: Ledger
    faults: Faults
    limits: LimitSettings
    markets: dict[Place, Market] = field(default_factory=dict)
    faces: dict[Place, Face] = field(default_factory=dict)
    listeners: dict[Place, Listener] = field(default_factory=dict)
    next_account_id: int = 1

    def account(self, account_id: int) -> tuple[Market, Account] | None:
        """Return an account and where it lives, or None."""
        for market in self.markets.values():
            found = market.accounts.get(account_id)
            if found is not None:
                return market, found
        return None

    def reset(self) -> None:
        """Forget accounts, orders, faults, usage and the ledger; the ports stay."""
        for market in self.markets.values():
            market.clear()
        for face in self.faces.values():
            face.sources.clear()
            face.requests.clear()
        for listener in self.listeners.values():
            listener.restore()
        self.faults.rules.clear()
        self.faults.rng.seed(self.seed)
        self.ledger.entries.clear()

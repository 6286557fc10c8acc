"""What the rooms need from the outside, as Protocols. Adapters fulfil them; only ``bootstrap`` knows which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from marketbot.domain.execution_report import Absent, OrderReport, VenueFault
from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.limits import Check, Verdict
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.signer import Signer
from marketbot.domain.venue import Market, PositionMode


class Clock(Protocol):
    """Time, injected. ``now`` is aware UTC; ``monotonic`` counts seconds from anywhere."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened under a topic such as ``user:7``. ``payload`` None: it was too large to be carried; read the rows anew."""

    topic: str
    payload: bytes | None = field(repr=False)


class Subscribed(Protocol):
    """An asynchronous iterator over events. ``dropped`` counts those that came faster than they were read."""

    dropped: int

    def __aiter__(self) -> Subscribed: ...

    async def __anext__(self) -> Event: ...

    def close(self) -> None: ...


class Events(Protocol):
    """Live events to all instances: hints, of which one may be lost; the rows are the truth."""

    async def publish(self, topic: str, payload: bytes) -> None: ...

    def subscribe(self, topics: Iterable[str]) -> Subscribed: ...


class Limiter(Protocol):
    """Counts what callers do. It never raises, and answers within a fifth of a second."""

    async def take(self, *checks: Check) -> Verdict:
        """Take one from every limit named, or from none when one of them is used up."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """What a venue client signs with. The secret never shows in a repr."""

    account_id: AccountId
    api_key: str = field(repr=False)
    secret: bytes = field(repr=False)
    egress: int = 0
    """The index of the source address that this account sticks to."""
    position_mode: PositionMode = PositionMode.ONE_WAY
    signer: Signer = field(init=False, repr=False, compare=False)
    is_speakable: bool = field(init=False, repr=False, compare=False)
    """Whether the key can stand in a header: it came from a person, and a line break in it would be a second header."""

    def __post_init__(self) -> None:
        key = self.api_key
        object.__setattr__(self, "signer", Signer(self.secret))
        object.__setattr__(self, "is_speakable", key.isascii() and key.isprintable() and " " not in key and bool(key))


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """A market order that opens ``side``. The protective prices ride along where a venue attaches them."""

    instrument: Instrument
    client_order_id: ClientOrderId
    side: PositionSide
    qty: Decimal
    stop_price: Decimal
    target_price: Decimal


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """A reduce-only market order that closes ``qty`` of a position on ``side``."""

    instrument: Instrument
    client_order_id: ClientOrderId
    side: PositionSide
    qty: Decimal


@dataclass(frozen=True, slots=True)
class ProtectiveOrder:
    """A stop or target that closes the whole position on ``side`` when ``trigger_price`` is reached.

    ``sibling_price`` is the other leg's, when it is to stand as well: a venue that pairs the two sets both in one call.
    """

    instrument: Instrument
    client_order_id: ClientOrderId
    leg: Leg
    side: PositionSide
    trigger_price: Decimal
    sibling_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AccountReading:
    """One look at an account. Balances in quote currency; ``positions`` holds only open ones."""

    wallet_balance: Decimal
    available_balance: Decimal
    positions: tuple[VenuePosition, ...]


@dataclass(frozen=True, slots=True)
class KeyReading:
    """What a venue says an API key may do. ``problem`` is set when it must not be used, in plain English."""

    can_trade: bool
    can_withdraw: bool
    position_mode: PositionMode
    ip_restricted: bool | None = None
    expires_at: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class VenueTraits:
    """How a venue protects and answers; execution asks these instead of a venue's name.

    ``attaches_protection``: stop and target ride on the entry. ``entry_reply_is_final``: the reply to a market order tells the
    fill; otherwise it is an acknowledgement and the position must be read. ``id_is_idempotent``: a second order with the same
    client order id is refused for ever, not only while the first is open.
    """

    attaches_protection: bool
    entry_reply_is_final: bool
    id_is_idempotent: bool


class VenueClient(Protocol):
    """One market, all its accounts. No call raises for what a venue answers: faults are values.

    Every call is bounded in time by the client's own time-out. ``urgent`` calls (risk-reducing) are served before others when
    sockets or budget are short.
    """

    market: Market
    traits: VenueTraits

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    # Market-wide, unsigned.
    async def instruments(self) -> Sequence[Instrument] | VenueFault: ...

    async def prices(self) -> dict[Symbol, Decimal] | VenueFault:
        """Return the live reference price of every symbol from one request."""
        ...

    async def sync_clock(self) -> VenueFault | None:
        """Measure the venue's clock against ours and sign with the difference from now on."""
        ...

    def budgets(self) -> Sequence[float]:
        """Return the used share of each egress address's budget, 0 to 1."""
        ...

    async def keep_warm(self) -> None:
        """Have sockets open for the next signal; called every few seconds, never raises for a venue that is away."""
        ...

    # An account's orders. A report's state is accepted, partially_filled, filled, canceled, expired, rejected, unconfirmed
    # (with a fault) or planned (with a fault: no byte left).
    async def submit_entry(self, credential: Credential, order: EntryOrder) -> OrderReport: ...

    async def submit_exit(self, credential: Credential, order: ExitOrder) -> OrderReport: ...

    async def submit_protection(self, credential: Credential, order: ProtectiveOrder) -> OrderReport:
        """Place a resting stop or target; at a venue that attaches, set it on the position."""
        ...

    async def find_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> OrderReport | Absent | VenueFault:
        """Look one order up by its client order id."""
        ...

    async def cancel_order(
        self, credential: Credential, instrument: Instrument, client_order_id: ClientOrderId, leg: Leg
    ) -> VenueFault | None:
        """Cancel a resting order; None when it is gone, whether or not this call did it."""
        ...

    async def read_positions(
        self, credential: Credential, instrument: Instrument | None, *, urgent: bool = False
    ) -> tuple[VenuePosition, ...] | VenueFault:
        """Return the open positions, of one instrument or of all."""
        ...

    async def resting_orders(self, credential: Credential, instrument: Instrument) -> tuple[RestingOrder, ...] | VenueFault:
        """Return the open orders of one instrument, plain and conditional, ours and foreign."""
        ...

    async def read_account(self, credential: Credential) -> AccountReading | VenueFault: ...

    async def read_key(self, credential: Credential) -> KeyReading | VenueFault: ...

    async def set_leverage(self, credential: Credential, instrument: Instrument, leverage: Decimal) -> VenueFault | None:
        """Set leverage and isolated margin; None when both hold, whether or not this call changed them."""
        ...

"""What the rooms need from the outside, as Protocols. Adapters fulfil them; only ``bootstrap`` knows which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from marketbot.domain.breaker import BreakerState
from marketbot.domain.execution_report import Absent, OrderReport, VenueFault
from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.key_reason import KeyReason
from marketbot.domain.limits import Check, Verdict
from marketbot.domain.live import Changed
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
class Where:
    """The accounts that a worker may act for: those of these slots (None: every account), counted over so many egress addresses."""

    slots: list[int] | None = None
    egresses: int = 1


class Owned(Protocol):
    """Which accounts this process may act for: nobody else does, for as long as the answer stands."""

    def owns(self, egress: int, account_id: AccountId) -> bool: ...

    def keeps(self, egress: int, account_id: AccountId) -> bool:
        """Tell whether the account is this process's and is not about to be handed over: what can wait is not begun in one that is."""
        ...

    def where(self) -> Where: ...

    def share(self, egress: int) -> float:
        """Return how much of an egress address is this process's, 0 to 1."""
        ...


class OwnsAll:
    """The answers where no other process is at work."""

    def owns(self, egress: int, account_id: AccountId) -> bool:
        return True

    def keeps(self, egress: int, account_id: AccountId) -> bool:
        return True

    def where(self) -> Where:
        return Where()

    def share(self, egress: int) -> float:
        return 1.0


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


class Tell(Protocol):
    """Takes note of whom something changed for, once it is committed. Never blocks and never raises: somebody may want to look anew."""

    def __call__(self, users: Iterable[int], changed: Changed, signals: Iterable[int] = ()) -> None: ...


class Limiter(Protocol):
    """Counts what callers do. It never raises, and answers within a fifth of a second."""

    async def take(self, *checks: Check) -> Verdict:
        """Take one from every limit named, or from none when one of them is used up."""
        ...


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key sealed by a key-encryption key, and that one's id."""

    kek_id: str
    sealed: bytes = field(repr=False)


class KeyWrapper(Protocol):
    """What wraps data keys: keys read from a file or the environment (``vault.kek``), or a key management service that never lets its own
    key out. Asked once for every user whose accounts' keys are read, so an adapter that calls out should remember what it unwrapped.

    Both calls raise ``vault.VaultError``. ``aad`` binds a wrapped key to its place.
    """

    @property
    def current(self) -> str:
        """The id of the key that wraps now. Older ones still unwrap, for as long as anything is wrapped by them."""
        ...

    async def wrap(self, secret: bytes, *, aad: bytes) -> Wrapped: ...

    async def unwrap(self, wrapped: Wrapped, *, aad: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Credential:
    """What a venue client signs with. The secret never shows in a repr."""

    account_id: AccountId
    api_key: str = field(repr=False)
    secret: bytes = field(repr=False)
    egress: int = 0
    """The index of the source address that this account sticks to."""
    position_mode: PositionMode = PositionMode.ONE_WAY
    passphrase: str | None = field(default=None, repr=False)
    """Asked for by some exchanges that CCXT knows."""
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
    """What a venue says an API key may do. ``problem`` is set when it must not be used. ``expires_at``: where the venue tells it."""

    can_trade: bool
    can_withdraw: bool
    position_mode: PositionMode
    ip_restricted: bool | None = None
    expires_at: datetime | None = None
    problem: KeyReason | None = None


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


@dataclass(frozen=True, slots=True)
class EgressReading:
    """How one source address stands at one market, for the metrics page. Shares are 0 to 1."""

    used: float
    """Of the budget in force."""
    share: float
    """Of the address's limit, that this process may use."""
    throttle: float
    """What the venue's refusals for too many requests have left of it; 1 when there were none lately."""
    blocked_s: float
    """How long a ban still lasts."""
    breaker: BreakerState = BreakerState.CLOSED
    breaker_openings: int = 0


class EgressNews(Protocol):
    """Carries bans of source addresses between the processes that use them. Losing a message costs a refusal more, nothing else."""

    def publish(self, market: Market, egress: int, until: datetime) -> None:
        """Tell the others that a venue shut an address out until then. Never blocks and never raises."""
        ...

    def on_block(self, listener: Callable[[Market, int, datetime], None]) -> None:
        """Have ``listener`` told of what others publish, in the event loop of the caller."""
        ...


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

    def egress_readings(self) -> Sequence[EgressReading]:
        """Return how each egress address stands."""
        ...

    def set_shares(self, shares: Sequence[Fraction], spent: Mapping[int, int] | None = None) -> None:
        """Use these shares of the egress addresses' limits, one each, from the next call on. Until then all of all.

        An address of share 0 is not called through, except that the market is read through the first one. The caller makes sure
        that the shares of all processes sum to at most one, and that whoever gives a share away has stopped. ``spent``, by address:
        the ``overspent`` of those who gave what is added now; where it is missing, all of it is taken for spent.
        """
        ...

    def overspent(self) -> Sequence[int]:
        """Return, for each egress address, the units spent within its window beyond the share held now."""

    def forget(self, accounts: Collection[AccountId]) -> None:
        """Drop what is kept for accounts that left; a budget of theirs that is in use stays."""
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

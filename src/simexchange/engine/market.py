"""Hold one venue's one environment: instruments, prices, accounts, and the counters that name things."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from simexchange.clock import Clock
from simexchange.engine.account import Account
from simexchange.engine.instrument import Instrument
from simexchange.engine.ledger import Ledger
from simexchange.engine.order import Conditional, Order
from simexchange.engine.protection import Protection
from simexchange.engine.refusal import Reason, RefusedError
from simexchange.engine.trigger_index import TriggerIndex
from simexchange.engine.vocabulary import Environment, LedgerEvent, Venue

FIRST_ORDER_ID = 8_389_765_000_000
FIRST_CONDITIONAL_ID = 2_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Where the venues differ inside the engine."""

    taker_fee: Decimal
    maker_fee: Decimal
    client_order_id_reusable: bool
    """A closed order's client id may be used again (Binance: unique among open orders only)."""
    conditionals_share_order_ids: bool
    """A triggered conditional order keeps its id (Bybit); else its child gets a new one (Binance)."""
    one_close_position_each: bool
    """Only one closePosition order per type and direction (Binance, -4130)."""
    conditionals_per_account: int
    conditionals_per_symbol: int


RULES = {
    Venue.BINANCE: Rules(Decimal("0.0005"), Decimal("0.0002"), True, False, True, 200, 200),
    Venue.BYBIT: Rules(Decimal("0.00055"), Decimal("0.0002"), False, True, False, 500, 10),
}


class Market:
    """One (venue, environment): everything in it, and nothing of any other."""

    def __init__(
        self,
        venue: Venue,
        environment: Environment,
        instruments: dict[str, Instrument],
        clock: Clock,
        ledger: Ledger,
    ) -> None:
        self.venue = venue
        self.environment = environment
        self.rules = RULES[venue]
        self.instruments = instruments
        self.clock = clock
        self.ledger = ledger
        self.skew_ms = 0
        self.prices: dict[str, Decimal] = {}
        self.triggers: dict[str, TriggerIndex] = {}
        self.accounts: dict[int, Account] = {}
        self.by_key: dict[str, Account] = {}
        self.protection = Protection(venue, environment)
        self.price_listeners: list[Callable[[str], None]] = []
        """Told the symbol after each price move."""
        self.rendered: dict[str, bytes] = {}
        """What a face has written once and sends often, such as the list of instruments."""
        self._order_id = FIRST_ORDER_ID
        self._conditional_id = FIRST_CONDITIONAL_ID
        self._trade_id = 0
        self.clear()

    def clear(self) -> None:
        """Forget accounts, orders and episodes, and put the prices back."""
        self.prices = {symbol: instrument.first_price for symbol, instrument in self.instruments.items()}
        self.triggers = {symbol: TriggerIndex() for symbol in self.instruments}
        self.accounts.clear()
        self.by_key.clear()
        self.protection = Protection(self.venue, self.environment)
        self.skew_ms = 0

    def time_ms(self) -> int:
        """Return the venue's own clock, skew included."""
        return self.clock.now_ms() + self.skew_ms

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument or refuse."""
        found = self.instruments.get(symbol)
        if found is None:
            raise RefusedError(Reason.SYMBOL_UNKNOWN, symbol=symbol)
        return found

    def add_account(self, account: Account) -> None:
        """Let an account trade here."""
        self.accounts[account.account_id] = account
        self.by_key[account.api_key] = account

    def next_order_id(self) -> int:
        """Return a new order id."""
        self._order_id += 1
        return self._order_id

    def next_conditional_id(self) -> int:
        """Return a new conditional order id; from the orders' numbers where the venue has only one kind."""
        if self.rules.conditionals_share_order_ids:
            return self.next_order_id()
        self._conditional_id += 1
        return self._conditional_id

    def next_trade_id(self) -> int:
        """Return a new trade id."""
        self._trade_id += 1
        return self._trade_id

    def record(self, event: LedgerEvent, order: Order, qty: Decimal, price: Decimal) -> None:
        """Write an order's event into the ledger."""
        self.ledger.record_order(self.clock.now(), self.venue, self.environment, event, order, qty, price)

    def record_conditional(self, event: LedgerEvent, conditional: Conditional) -> None:
        """Write a conditional order's event into the ledger."""
        self.ledger.record_conditional(self.clock.now(), self.venue, self.environment, event, conditional)

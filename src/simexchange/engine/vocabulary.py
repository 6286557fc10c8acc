"""Name the closed sets of words that the engine uses."""

from enum import StrEnum


class Venue(StrEnum):
    """A simulated exchange."""

    BINANCE = "binance"
    BYBIT = "bybit"


class Environment(StrEnum):
    """The exchange's real-money or test side; the two share nothing."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class Side(StrEnum):
    """The direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return 1 for a purchase and -1 for a sale."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class PositionSide(StrEnum):
    """The position an order belongs to: BOTH in one-way mode, LONG or SHORT in hedge mode."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class OrderKind(StrEnum):
    """How an order executes."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """How long an order may rest; GTX is post-only."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTE_GTC = "GTE_GTC"


class OrderStatus(StrEnum):
    """The life of an order in the book."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class ConditionalStatus(StrEnum):
    """The life of an order that waits for a price."""

    NEW = "NEW"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class Purpose(StrEnum):
    """What a conditional order is for; PLAIN is any that is neither stop nor target by type."""

    STOP = "stop"
    TARGET = "target"
    PLAIN = "plain"


class Ending(StrEnum):
    """Why an order left the book without being filled."""

    NONE = ""
    BY_USER = "by_user"
    POSITION_CLOSED = "position_closed"
    SIBLING_STOP_TRIGGERED = "sibling_stop_triggered"
    SIBLING_TARGET_TRIGGERED = "sibling_target_triggered"
    REPLACED = "replaced"
    NOT_MARKETABLE = "not_marketable"
    WOULD_TAKE = "would_take"
    REDUCE_ONLY = "reduce_only"
    MARGIN = "margin"


class LedgerEvent(StrEnum):
    """What the exchange did, as the ledger names it."""

    ACCEPTED = "accepted"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    TRIGGERED = "triggered"
    REJECTED = "rejected"

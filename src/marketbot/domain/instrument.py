"""What a venue says of an instrument: the grid that prices and quantities must lie on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.ids import Symbol


@dataclass(frozen=True, slots=True)
class Instrument:
    """One USDT-margined perpetual at one market.

    Prices are quote per base, quantities in base, notionals in quote. ``max_market_qty`` bounds one market order, which venues
    keep below the bound of a limit order. ``max_leverage`` is the venue's.
    """

    symbol: Symbol
    venue_symbol: str
    tick_size: Decimal
    lot_size: Decimal
    min_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    max_leverage: Decimal = Decimal(125)
    tradable: bool = True

"""What a venue says an account holds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.side import PositionSide


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """One open position as the venue reports it; ``qty`` > 0 in base, prices in quote per base.

    ``stop_price`` and ``target_price`` are filled in only by venues that hold protection as a property of the position (Bybit).
    """

    venue_symbol: str
    side: PositionSide
    qty: Decimal
    entry_price: Decimal
    mark_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """One open order, plain or conditional, as the venue reports it."""

    client_order_id: str
    venue_order_id: str
    venue_symbol: str
    conditional: bool
    kind: str
    """``stop_loss``, ``take_profit`` or ``other``."""
    side: str
    trigger_price: Decimal | None
    closes_position: bool

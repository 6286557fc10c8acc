"""Where the stop and the target stand, and whether all three legs are large enough for the venue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.instrument import Instrument
from marketbot.domain.money import ONE, ceil_to_step, floor_to_step, plain
from marketbot.domain.policy import TradeSettings
from marketbot.domain.reasons import DenialReason
from marketbot.domain.side import PositionSide
from marketbot.risk.objection import Objection

_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class ProtectivePrices:
    """Both protective prices, on the tick, on either side of the reference."""

    stop_price: Decimal
    target_price: Decimal


def protect_entry(
    side: PositionSide, reference_price: Decimal, settings: TradeSettings, leverage: Decimal, instrument: Instrument
) -> ProtectivePrices | Objection:
    """Compute stop and target; object where the grid leaves no room for them.

    Both are rounded towards the reference: the loss is never larger than asked for, and the target is reached no later.
    """
    if settings.stop_distance_pct * leverage >= _PERCENT:
        # At this distance the venue liquidates first, so the stop would protect nothing.
        return Objection(DenialReason.PROTECTION_PRICE_INVALID, "the stop lies beyond the whole margin")
    stop_share = settings.stop_distance_pct / _PERCENT
    target_share = settings.target_distance_pct / _PERCENT
    tick = instrument.tick_size
    if side is PositionSide.LONG:
        low = stop = ceil_to_step(reference_price * (ONE - stop_share), tick)
        high = target = floor_to_step(reference_price * (ONE + target_share), tick)
    else:
        high = stop = floor_to_step(reference_price * (ONE + stop_share), tick)
        low = target = ceil_to_step(reference_price * (ONE - target_share), tick)
    if not 0 < low < reference_price < high:
        return Objection(
            DenialReason.PROTECTION_PRICE_INVALID,
            f"a tick of {plain(tick)} leaves no room around {plain(reference_price)}",
        )
    return ProtectivePrices(stop, target)


def check_legs(qty: Decimal, reference_price: Decimal, prices: ProtectivePrices, instrument: Instrument) -> Objection | None:
    """Object when any of the three legs would be below what the venue takes.

    Binance lets reduce-only orders below its minimum pass and others do not, so the strictest reading serves every venue: an
    entry whose stop could not be placed as a plain order is not made.
    """
    if qty <= 0 or qty < instrument.min_qty:
        return Objection(DenialReason.QUANTITY_BELOW_MINIMUM, f"{plain(qty)} is below the minimum of {plain(instrument.min_qty)}")
    smallest = qty * min(reference_price, prices.stop_price, prices.target_price)
    if smallest < instrument.min_notional:
        return Objection(
            DenialReason.NOTIONAL_BELOW_MINIMUM,
            f"its smallest leg is worth {plain(round(smallest, 2))}; the minimum is {plain(instrument.min_notional)}",
        )
    return None

"""How much: a share of the balance as margin, times the leverage, on the instrument's grid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.instrument import Instrument
from marketbot.domain.money import ONE, floor_to_step, plain
from marketbot.domain.policy import TradeSettings

_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class Size:
    """A quantity in base with what it costs in quote. ``detail`` says which limit made it smaller, if one did."""

    qty: Decimal
    notional: Decimal
    margin: Decimal
    detail: str = ""


def leverage_at(settings: TradeSettings, instrument: Instrument) -> Decimal:
    """Return the leverage an entry has: what is wished, as far as the venue goes along."""
    return max(min(settings.leverage, instrument.max_leverage), ONE)


def size_entry(
    settings: TradeSettings,
    leverage: Decimal,
    wallet_balance: Decimal,
    reference_price: Decimal,
    instrument: Instrument,
    max_order_notional: Decimal,
) -> Size:
    """Return the largest order inside the margin, the operator's and the venue's limit; ``qty`` may be zero.

    The limit for one order makes it smaller and says so, where the one for an account denies (risk.checks): a large account
    still follows the strategy, with less, while an account that is full takes no more.
    """
    notional = wallet_balance * settings.position_size_pct / _PERCENT * leverage
    detail = ""
    if notional > max_order_notional:
        detail = f"made smaller: one order may be worth {plain(max_order_notional)}, not {plain(round(notional, 2))}"
        notional = max_order_notional
    # Whole division truncates exactly; a rounded quotient could come out one lot above the margin.
    qty = notional // (reference_price * instrument.lot_size) * instrument.lot_size
    if qty > instrument.max_market_qty:
        qty = floor_to_step(instrument.max_market_qty, instrument.lot_size)
        detail = f"made smaller: {instrument.symbol} takes {plain(qty)} in one market order"
    worth = qty * reference_price
    return Size(qty, worth, worth / leverage, detail)

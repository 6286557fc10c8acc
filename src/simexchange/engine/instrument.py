"""Describe a perpetual contract and check a quantity or a price against its filters."""

from dataclasses import dataclass
from decimal import Decimal

from simexchange.engine.refusal import Reason, RefusedError


@dataclass(frozen=True, slots=True)
class Instrument:
    """A linear USDT perpetual. Steps, limits and prices are exact; notionals are in USDT."""

    symbol: str
    base: str
    tick: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    band: Decimal
    """How far a limit price may lie from the mark: 0.10 means 10 %."""
    max_leverage: int
    first_price: Decimal

    @property
    def price_scale(self) -> int:
        """Return the number of decimals of a price."""
        return decimals(self.tick)

    @property
    def qty_scale(self) -> int:
        """Return the number of decimals of a quantity."""
        return decimals(self.qty_step)

    def check_qty(self, qty: Decimal, maximum: Decimal) -> None:
        """Refuse a quantity off the step or outside the limits."""
        if qty <= 0:
            raise RefusedError(Reason.QTY_NOT_POSITIVE)
        if qty > maximum:
            raise RefusedError(Reason.QTY_ABOVE_MAXIMUM, maximum=format(maximum, "f"))
        if qty % self.qty_step:
            raise RefusedError(Reason.QTY_OFF_STEP, symbol=self.symbol)
        if qty < self.min_qty:
            raise RefusedError(Reason.QTY_BELOW_MINIMUM, minimum=format(self.min_qty, "f"))

    def check_price(self, price: Decimal) -> None:
        """Refuse a price that is not positive or off the tick."""
        if price <= 0:
            raise RefusedError(Reason.PRICE_NOT_POSITIVE)
        if price % self.tick:
            raise RefusedError(Reason.PRICE_OFF_TICK, symbol=self.symbol)

    def round_down(self, qty: Decimal) -> Decimal:
        """Return the largest multiple of the step not above the quantity."""
        return qty - qty % self.qty_step


def decimals(step: Decimal) -> int:
    """Return how many decimals a step such as 0.001 needs."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)

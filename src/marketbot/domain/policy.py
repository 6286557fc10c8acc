"""The operator's bounds, an account's wishes, and what comes out when the one clamps the other.

The percentages of the product are return on margin: at leverage L a stop of ``m x L`` per cent of margin lies ``m`` per cent
of the price away, so the multiplier *is* the price distance. Clamping comes first, computing second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from marketbot.domain.ids import Symbol
from marketbot.domain.money import clamp


@dataclass(frozen=True, slots=True)
class Bound:
    """A default and the range that a wish is moved into."""

    default: Decimal
    low: Decimal
    high: Decimal

    def settle(self, wish: Decimal | None) -> Decimal:
        """Return the wish inside the range, or the default where there is none."""
        return self.default if wish is None else clamp(wish, self.low, self.high)


def _bound(default: str, low: str, high: str) -> Bound:
    return Bound(Decimal(default), Decimal(low), Decimal(high))


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's numbers. Units: per cent where named so, seconds, minutes, quote currency."""

    leverage: Bound = field(default_factory=lambda: _bound("5", "1", "10"))
    stop_multiplier: Bound = field(default_factory=lambda: _bound("2", "0.5", "4"))
    target_multiplier: Bound = field(default_factory=lambda: _bound("3", "0.5", "5"))
    position_size_pct: Bound = field(default_factory=lambda: _bound("30", "10", "50"))
    max_positions: Bound = field(default_factory=lambda: _bound("2", "1", "5"))
    cooldown_min: Bound = field(default_factory=lambda: _bound("120", "0", "1440"))
    validation_window_s: int = 30
    execution_window_s: int = 120
    operations_per_minute: int = 10
    price_collar_pct: Decimal = Decimal(5)
    """How far the live reference may stand from the signal's price before an entry is denied."""
    reference_max_age_s: int = 10
    max_order_notional: Decimal = Decimal(100_000)
    max_account_notional: Decimal = Decimal(250_000)
    restricted_symbols: frozenset[Symbol] = frozenset()


class Wishes(NamedTuple):
    """What an account's owner set; None means the default. Never used before it went through ``settle``.

    A tuple, for it is looked up by once an account and hashes without a line of Python.
    """

    leverage: Decimal | None = None
    stop_multiplier: Decimal | None = None
    target_multiplier: Decimal | None = None
    position_size_pct: Decimal | None = None
    max_positions: int | None = None
    cooldown_min: int | None = None
    daily_loss_limit: Decimal | None = None
    allowed_symbols: frozenset[Symbol] | None = None
    denied_symbols: frozenset[Symbol] = frozenset()


@dataclass(frozen=True, slots=True)
class TradeSettings:
    """The mandatory settings of one account, every one inside its bounds."""

    leverage: Decimal
    stop_distance_pct: Decimal
    target_distance_pct: Decimal
    position_size_pct: Decimal
    max_positions: int
    cooldown_min: int

    @property
    def stop_pct_of_margin(self) -> Decimal:
        return self.stop_distance_pct * self.leverage

    @property
    def target_pct_of_margin(self) -> Decimal:
        return self.target_distance_pct * self.leverage


def settle(policy: Policy, wishes: Wishes) -> TradeSettings:
    """Clamp every wish into the operator's bounds."""
    return TradeSettings(
        leverage=policy.leverage.settle(wishes.leverage).to_integral_value(rounding="ROUND_FLOOR"),
        stop_distance_pct=policy.stop_multiplier.settle(wishes.stop_multiplier),
        target_distance_pct=policy.target_multiplier.settle(wishes.target_multiplier),
        position_size_pct=policy.position_size_pct.settle(wishes.position_size_pct),
        max_positions=int(policy.max_positions.settle(_decimal(wishes.max_positions))),
        cooldown_min=int(policy.cooldown_min.settle(_decimal(wishes.cooldown_min))),
    )


def _decimal(number: int | None) -> Decimal | None:
    return None if number is None else Decimal(number)

"""Pre-trade limits. Each is a plain function of numbers; all of them fail shut: what is not known counts as a no."""

from __future__ import annotations

from decimal import Decimal

from marketbot.domain.money import ZERO, plain
from marketbot.domain.policy import Policy
from marketbot.domain.reasons import DenialReason
from marketbot.domain.trading_state import TradingState
from marketbot.risk.objection import Objection

PERCENT = Decimal(100)


def check_trading_state(state: TradingState, *, account_reduce_only: bool) -> Objection | None:
    """Object to an entry where a switch, or the account's owner, lets only risk be reduced."""
    if state is TradingState.HALTED:
        return Objection(DenialReason.TRADING_HALTED, "a kill switch covers this account or instrument")
    if state is TradingState.REDUCING:
        return Objection(DenialReason.TRADING_STATE_REDUCING, "a switch allows only closes here")
    if account_reduce_only:
        return Objection(DenialReason.TRADING_STATE_REDUCING, "the account is set to reduce only")
    return None


def check_reference(reference: Decimal | None, age_s: float | None, policy: Policy) -> Objection | None:
    """Object when there is no live price, or none young enough to size and protect an order by."""
    if reference is None or age_s is None or not reference.is_finite() or reference <= 0:
        return Objection(DenialReason.PRICE_REFERENCE_MISSING, "no live price of this instrument")
    # Written so that an age that is not a number objects too.
    if not age_s <= policy.reference_max_age_s:
        return Objection(
            DenialReason.PRICE_REFERENCE_MISSING,
            f"the last price is {age_s:.0f} s old; {policy.reference_max_age_s} s are allowed",
        )
    return None


def check_collar(reference: Decimal, signal_price: Decimal | None, policy: Policy) -> Objection | None:
    """Object when the market has moved further from the signal's own price than the operator allows."""
    if signal_price is None:
        return None
    if not signal_price.is_finite() or signal_price <= 0:
        return Objection(DenialReason.PRICE_OUTSIDE_COLLAR, "the signal's price is not a price")
    distance_pct = abs(reference - signal_price) / signal_price * PERCENT
    if distance_pct <= policy.price_collar_pct:
        return None
    return Objection(
        DenialReason.PRICE_OUTSIDE_COLLAR,
        f"live {plain(reference)} against the signal's {plain(signal_price)}: {distance_pct:.2f} % apart, "
        f"{plain(policy.price_collar_pct)} % allowed",
    )


def check_daily_loss(realized_loss: Decimal, limit: Decimal | None) -> Objection | None:
    """Object when the account has lost its limit since midnight UTC."""
    if limit is None or realized_loss < limit:
        return None
    return Objection(DenialReason.DAILY_LOSS, f"lost {plain(realized_loss)} today; the limit is {plain(limit)}")


def check_rate(operations_last_minute: int, policy: Policy) -> Objection | None:
    """Object when the user's accounts have entered as often in the last minute as one user may."""
    if operations_last_minute < policy.operations_per_minute:
        return None
    return Objection(
        DenialReason.RATE_LIMIT_EXCEEDED,
        f"{operations_last_minute} entries in the last minute; {policy.operations_per_minute} are allowed",
    )


def check_account_notional(notional: Decimal, open_notional: Decimal, policy: Policy) -> Objection | None:
    """Object when the order and what is open would together be more than one account may hold."""
    total = notional + open_notional
    if total <= policy.max_account_notional:
        return None
    return Objection(
        DenialReason.NOTIONAL_EXCEEDS_MAX_PER_ACCOUNT,
        f"{plain(notional)} with {plain(open_notional)} open; {plain(policy.max_account_notional)} are allowed",
    )


def check_margin(margin: Decimal, available_balance: Decimal) -> Objection | None:
    """Object when the account's free balance does not carry the order's margin."""
    if margin <= available_balance:
        return None
    return Objection(
        DenialReason.MARGIN_EXCEEDS_FREE_BALANCE,
        f"margin {plain(round(margin, 2))} needed, {plain(round(max(available_balance, ZERO), 2))} free",
    )

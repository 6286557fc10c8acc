"""One account, one signal, one decision.

The order of the checks is fixed, cheap and decisive ones first, and the first objection is the reason that is stored:

- entry: age, connection, pause, kill switch and reduce-only, symbol lists and listing, live price, collar, positions (same
  instrument, how many, cooldown), daily loss, operations a minute, balance, protective prices, the three legs' sizes, notional
  an account, free margin.
- close: connection, position. It reduces risk, so pauses, switches, lists and ages do not hold it up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from marketbot.domain.intent import Denial, Entry, Exit
from marketbot.domain.money import ZERO
from marketbot.domain.reasons import DenialReason
from marketbot.domain.side import PositionSide
from marketbot.planning.eligibility import check_connection, check_positions
from marketbot.planning.facts import AccountFacts, MarketFacts, Occasion
from marketbot.planning.protection import check_legs
from marketbot.planning.sizing import size_entry
from marketbot.planning.terms import Terms, terms_of
from marketbot.risk.approval import Approved, approve_entry, approve_exit
from marketbot.risk.checks import (
    check_account_notional,
    check_daily_loss,
    check_margin,
    check_rate,
    check_trading_state,
)
from marketbot.risk.objection import Objection

BALANCE_MAX_AGE = timedelta(days=1)
"""A balance older than this says nothing. Reconciliation reads every account many times a day; one it could not read for a
whole day is in trouble."""

COSTS = Decimal("0.0015")
"""The share of an order's worth that the venue wants free beside the margin: the fees of both ways, and the market moving meanwhile."""

Verdict = Approved[Entry] | Approved[Exit] | Denial


def decide(occasion: Occasion, account: AccountFacts, market: MarketFacts, terms: Terms | None = None) -> Verdict:
    """Return what ``account`` does about the signal, or why it does nothing. ``terms`` are those of its wishes, if known already."""
    if occasion.signal.action.is_entry:
        terms = terms or terms_of(occasion, account.market, market, account.wishes)
        outcome: Approved[Entry] | Approved[Exit] | Objection = _enter(occasion, account, market, terms)
    else:
        outcome = _leave(occasion, account)
    if isinstance(outcome, Objection):
        return Denial(account.account_id, account.user_id, occasion.lane(account.market), outcome.reason, outcome.detail)
    return outcome


def _leave(occasion: Occasion, account: AccountFacts) -> Approved[Exit] | Objection:
    """Close whatever the account holds on the signal's sides, an entry that is still on its way included."""
    if objection := check_connection(account):
        return objection
    signal = occasion.signal
    sides = signal.action.position_sides
    held: dict[PositionSide, Decimal] = {}
    for holding in account.holdings:
        if holding.symbol == signal.symbol and holding.side in sides:
            held[holding.side] = held.get(holding.side, ZERO) + holding.qty
    if not held:
        return Objection(DenialReason.NO_POSITION, f"it holds no such position in {signal.symbol}")
    side = max(held, key=lambda one: (held[one], one))
    return approve_exit(
        Exit(
            account_id=account.account_id,
            user_id=account.user_id,
            side=side,
            known_qty=held[side],
            opposite_qty=held.get(side.opposite, ZERO),
        )
    )


def _enter(occasion: Occasion, account: AccountFacts, market: MarketFacts, terms: Terms) -> Approved[Entry] | Objection:
    (side,) = occasion.signal.action.position_sides
    return (
        _check_permission(occasion, account)
        or terms.objection
        or check_positions(occasion, account, terms.settings, side)
        or check_daily_loss(account.realized_loss, account.wishes.daily_loss_limit)
        or check_rate(account.operations_last_minute, occasion.policy)
        or _check_balance(occasion, account)
        or _build_entry(occasion, account, market, terms, side)
    )


def _check_permission(occasion: Occasion, account: AccountFacts) -> Objection | None:
    if occasion.expired:
        return Objection(DenialReason.SIGNAL_EXPIRED, f"older than {occasion.policy.validation_window_s} s when its turn came")
    if occasion.signal.superseded:
        return Objection(DenialReason.SIGNAL_EXPIRED, "its source has since asked to close this")
    if objection := check_connection(account):
        return objection
    if account.paused:
        return Objection(DenialReason.ACCOUNT_PAUSED, "its owner paused it")
    state = occasion.switches.state_for(
        environment=account.market.environment,
        venue=account.market.venue,
        symbol=occasion.signal.symbol,
        user_id=account.user_id,
        account_id=account.account_id,
    )
    return check_trading_state(state, account_reduce_only=account.reduce_only)


def _check_balance(occasion: Occasion, account: AccountFacts) -> Objection | None:
    wallet, available, read_at = account.wallet_balance, account.available_balance, account.read_at
    if wallet is None or available is None or read_at is None or not (wallet.is_finite() and available.is_finite()):
        return Objection(DenialReason.BALANCE_UNKNOWN, "its balance was never read")
    if occasion.now - read_at > BALANCE_MAX_AGE:
        return Objection(DenialReason.BALANCE_UNKNOWN, f"its balance was last read at {read_at:%Y-%m-%d %H:%M} UTC")
    return None


def _opened_since(account: AccountFacts, read_at: datetime) -> Decimal:
    """Return the worth of the positions that hold margin which the balance, read at ``read_at``, still shows as free.

    Their leverage is taken to be this entry's: the wish is the same, and the next reading puts right what is not.
    """
    return sum([one.notional for one in account.holdings if one.opened_at is not None and one.opened_at > read_at], ZERO)


def _build_entry(
    occasion: Occasion, account: AccountFacts, market: MarketFacts, terms: Terms, side: PositionSide
) -> Approved[Entry] | Objection:
    """Size and protect the order, then have it approved."""
    policy, prices = occasion.policy, terms.prices
    instrument, reference = market.instrument, market.reference_price
    wallet, available, read_at = account.wallet_balance, account.available_balance, account.read_at
    # Earlier checks have proven these to be there.
    assert instrument is not None
    assert reference is not None
    assert prices is not None
    assert wallet is not None
    assert available is not None
    assert read_at is not None
    if isinstance(prices, Objection):
        return prices
    size = size_entry(terms.settings, terms.leverage, wallet, reference, instrument, policy.max_order_notional)
    open_notional = sum([holding.notional for holding in account.holdings], ZERO)
    objection = (
        check_legs(size.qty, reference, prices, instrument)
        or check_account_notional(size.notional, open_notional, policy)
        or check_margin(size.margin + size.notional * COSTS, available - _opened_since(account, read_at) / terms.leverage)
    )
    if objection:
        return objection
    entry = Entry(
        account_id=account.account_id,
        user_id=account.user_id,
        lane=occasion.lane(account.market),
        side=side,
        qty=size.qty,
        leverage=terms.leverage,
        reference_price=reference,
        stop_price=prices.stop_price,
        target_price=prices.target_price,
        detail=size.detail,
    )
    return approve_entry(entry, instrument, policy)

"""One account, one signal, one decision: the numbers of the product, and every reason to say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketbot.domain.intent import Denial, Entry, Exit
from marketbot.domain.lane import Lane
from marketbot.domain.policy import Policy, Wishes
from marketbot.domain.reasons import DenialReason
from marketbot.domain.side import PositionSide
from marketbot.domain.signal import Action
from marketbot.domain.trading_state import Scope, Switches, TradingState
from marketbot.domain.venue import Environment, Market
from marketbot.planning.decide import BALANCE_MAX_AGE, decide
from marketbot.planning.facts import AccountStatus
from marketbot.risk.approval import Approved

from .worlds import ACCOUNT, BTC, INSTRUMENT, MARKET, NOW, holding, occasion

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def entry(**changes: Any) -> Entry:
    account = replace(ACCOUNT, **changes.pop("account", {}))
    market = replace(MARKET, **changes.pop("market", {}))
    approved = decide(occasion(**changes), account, market)
    assert isinstance(approved, Approved), approved
    assert isinstance(approved.intent, Entry)
    return approved.intent


def denial(**changes: Any) -> Denial:
    account = replace(ACCOUNT, **changes.pop("account", {}))
    market = replace(MARKET, **changes.pop("market", {}))
    denied = decide(occasion(**changes), account, market)
    assert isinstance(denied, Denial), denied
    assert (denied.account_id, denied.user_id) == (account.account_id, account.user_id)
    assert denied.detail
    return denied


def test_the_default_long_at_100_stops_at_98_and_takes_profit_at_103() -> None:
    made = entry()
    assert (made.stop_price, made.target_price) == (98, 103)
    assert made.leverage == 5
    # 30 % of 1,000 as margin, five times: 1,500 quote at 100.
    assert made.qty == 15
    assert made.lane is Lane.MAINNET


def test_the_default_short_is_the_mirror_image() -> None:
    made = entry(action=Action.OPEN_SHORT)
    assert (made.stop_price, made.target_price) == (102, 97)


def test_a_leverage_of_15_is_clamped_before_anything_is_computed_from_it() -> None:
    made = entry(account={"wishes": Wishes(leverage=Decimal(15))})
    assert made.leverage == 10
    assert made.qty == 30
    assert (made.stop_price, made.target_price) == (98, 103)


def test_the_venues_own_leverage_bound_counts_too() -> None:
    made = entry(
        account={"wishes": Wishes(leverage=Decimal(10))}, market={"instrument": replace(INSTRUMENT, max_leverage=Decimal(3))}
    )
    assert made.leverage == 3
    assert made.qty == 9


def test_a_testnet_account_enters_in_the_last_lane_whatever_its_size() -> None:
    made = entry(account={"market": Market(ACCOUNT.market.venue, Environment.TESTNET), "wallet_balance": Decimal(900)})
    assert made.lane is Lane.TESTNET


def test_an_order_above_the_limit_for_one_order_is_made_smaller_and_says_so() -> None:
    made = entry(policy=Policy(max_order_notional=Decimal(1000)))
    assert made.qty == 10
    assert "1000" in made.detail


def test_a_market_order_never_exceeds_what_the_instrument_takes_at_once() -> None:
    made = entry(market={"instrument": replace(INSTRUMENT, max_market_qty=Decimal("2.0005"))})
    assert made.qty == 2
    assert "market order" in made.detail


def test_an_instrument_with_a_coarse_tick_never_widens_the_stop() -> None:
    made = entry(market={"instrument": replace(INSTRUMENT, tick_size=Decimal(3))})
    assert (made.stop_price, made.target_price) == (99, 102)


D = DenialReason
READ_AT = NOW - timedelta(seconds=60)
OPENED_SINCE = (holding(SHORT, "6", symbol="AUSDT", opened_at=NOW - timedelta(seconds=1)),)
"""Worth 600, and at five times leverage 120 of the balance as it was read before."""
DENIALS = [
    (D.SIGNAL_EXPIRED, {"age_s": 31}),
    (D.ACCOUNT_NOT_READY, {"account": {"status": AccountStatus.CONNECTING}}),
    (D.ACCOUNT_QUARANTINED, {"account": {"status": AccountStatus.QUARANTINED}}),
    (D.ACCOUNT_PAUSED, {"account": {"paused": True}}),
    (D.TRADING_STATE_REDUCING, {"account": {"reduce_only": True}}),
    (D.TRADING_HALTED, {"switches": Switches({(Scope.EVERYTHING, ""): TradingState.HALTED})}),
    (D.TRADING_HALTED, {"switches": Switches({(Scope.ENVIRONMENT, "mainnet"): TradingState.HALTED})}),
    (D.TRADING_HALTED, {"switches": Switches({(Scope.VENUE, "binance"): TradingState.HALTED})}),
    (D.TRADING_HALTED, {"switches": Switches({(Scope.USER, "3"): TradingState.HALTED})}),
    (D.TRADING_HALTED, {"switches": Switches({(Scope.ACCOUNT, "7"): TradingState.HALTED})}),
    (D.TRADING_STATE_REDUCING, {"switches": Switches({(Scope.INSTRUMENT, BTC): TradingState.REDUCING})}),
    (D.SYMBOL_RESTRICTED, {"policy": Policy(restricted_symbols=frozenset({BTC}))}),
    (D.SYMBOL_NOT_ALLOWED, {"account": {"wishes": Wishes(denied_symbols=frozenset({BTC}))}}),
    (D.SYMBOL_NOT_ALLOWED, {"account": {"wishes": Wishes(allowed_symbols=frozenset())}}),
    (D.INSTRUMENT_NOT_FOUND, {"market": {"instrument": None}}),
    (D.INSTRUMENT_NOT_FOUND, {"market": {"instrument": replace(INSTRUMENT, tradable=False)}}),
    (D.PRICE_REFERENCE_MISSING, {"market": {"reference_price": None}}),
    (D.PRICE_REFERENCE_MISSING, {"market": {"reference_price": Decimal("NaN")}}),
    (D.PRICE_REFERENCE_MISSING, {"market": {"reference_price": Decimal(0)}}),
    (D.PRICE_REFERENCE_MISSING, {"market": {"reference_age_s": 10.5}}),
    (D.PRICE_REFERENCE_MISSING, {"market": {"reference_age_s": float("nan")}}),
    (D.PRICE_REFERENCE_MISSING, {"market": {"reference_age_s": None}}),
    (D.PRICE_OUTSIDE_COLLAR, {"price": "94"}),
    (D.PRICE_OUTSIDE_COLLAR, {"price": "106"}),
    (D.POSITION_EXISTS, {"account": {"holdings": (holding(LONG),)}}),
    (D.POSITION_EXISTS, {"account": {"holdings": (holding(SHORT),)}}),
    (D.POSITION_EXISTS, {"account": {"holdings": (holding(LONG, pending=True),)}}),
    (D.POSITION_EXISTS, {"account": {"holdings": (holding(LONG),), "hedge_mode": True}}),
    (D.MAX_POSITIONS, {"account": {"holdings": (holding(LONG, symbol="AUSDT"), holding(SHORT, symbol="BUSDT"))}}),
    (D.SYMBOL_COOLDOWN, {"account": {"closed_at": NOW - timedelta(minutes=119, seconds=59)}}),
    (D.DAILY_LOSS, {"account": {"realized_loss": Decimal(50), "wishes": Wishes(daily_loss_limit=Decimal(50))}}),
    (D.RATE_LIMIT_EXCEEDED, {"account": {"operations_last_minute": 10}}),
    (D.BALANCE_UNKNOWN, {"account": {"wallet_balance": None}}),
    (D.BALANCE_UNKNOWN, {"account": {"wallet_balance": Decimal("NaN")}}),
    (D.BALANCE_UNKNOWN, {"account": {"read_at": NOW - BALANCE_MAX_AGE - timedelta(seconds=1)}}),
    (D.MARGIN_EXCEEDS_FREE_BALANCE, {"account": {"available_balance": Decimal("302.24")}}),
    (D.MARGIN_EXCEEDS_FREE_BALANCE, {"account": {"available_balance": Decimal(-1)}}),
    (
        D.MARGIN_EXCEEDS_FREE_BALANCE,
        {"account": {"available_balance": Decimal("422.24"), "read_at": READ_AT, "holdings": OPENED_SINCE}},
    ),
    (D.QUANTITY_BELOW_MINIMUM, {"account": {"wallet_balance": Decimal(0)}}),
    (D.QUANTITY_BELOW_MINIMUM, {"market": {"instrument": replace(INSTRUMENT, min_qty=Decimal(16))}}),
    # 1,500 at the entry, but 1,470 at the stop.
    (D.NOTIONAL_BELOW_MINIMUM, {"market": {"instrument": replace(INSTRUMENT, min_notional=Decimal(1471))}}),
    (
        D.NOTIONAL_EXCEEDS_MAX_PER_ACCOUNT,
        {"policy": Policy(max_account_notional=Decimal(1599)), "account": {"holdings": (holding(LONG, symbol="AUSDT"),)}},
    ),
    (D.PROTECTION_PRICE_INVALID, {"market": {"instrument": replace(INSTRUMENT, tick_size=Decimal(50))}}),
]


@pytest.mark.parametrize(("reason", "changes"), DENIALS)
def test_every_denial_has_its_reason(reason: DenialReason, changes: dict[str, Any]) -> None:
    assert denial(**changes).reason is reason


def test_every_reason_to_deny_is_covered_here() -> None:
    assert {reason for reason, _ in DENIALS} | {D.NO_POSITION} == set(DenialReason)


@pytest.mark.parametrize(
    "changes",
    [
        {"age_s": 30},
        {"price": "95.24"},
        {"price": "105"},
        {"market": {"reference_age_s": 10.0}},
        {"account": {"closed_at": NOW - timedelta(minutes=120)}},
        {"account": {"available_balance": Decimal("422.25"), "read_at": READ_AT, "holdings": OPENED_SINCE}},
        {"account": {"available_balance": Decimal("302.25"), "read_at": NOW, "holdings": OPENED_SINCE}},
        {"account": {"operations_last_minute": 9}},
        {"account": {"available_balance": Decimal("302.25")}},
        {"account": {"holdings": (holding(SHORT),), "hedge_mode": True}},
        {"account": {"realized_loss": Decimal("49.99"), "wishes": Wishes(daily_loss_limit=Decimal(50))}},
        {"market": {"instrument": replace(INSTRUMENT, min_notional=Decimal(1470))}},
        {"policy": Policy(max_account_notional=Decimal(1500))},
    ],
)
def test_the_last_value_inside_each_limit_still_trades(changes: dict[str, Any]) -> None:
    assert entry(**changes).qty == 15


def test_the_first_objection_in_the_fixed_order_is_the_one_reason() -> None:
    everything = {"age_s": 60, "account": {"paused": True, "status": AccountStatus.QUARANTINED}, "market": {"instrument": None}}
    assert denial(**everything).reason is D.SIGNAL_EXPIRED
    assert denial(**(everything | {"age_s": 0})).reason is D.ACCOUNT_QUARANTINED


def closing(action: Action, *holdings: Any, **account: Any) -> Exit | Denial:
    verdict = decide(
        occasion(action, age_s=account.pop("age_s", 0), switches=account.pop("switches", None)),
        replace(ACCOUNT, holdings=holdings, **account),
        replace(MARKET, instrument=None, reference_price=None),
    )
    return verdict if isinstance(verdict, Denial) else verdict.intent  # type: ignore[return-value]


def test_a_close_goes_to_whoever_holds_that_side() -> None:
    made = closing(Action.CLOSE_LONG, holding(LONG, "2"))
    assert isinstance(made, Exit)
    assert (made.side, made.known_qty, made.opposite_qty, made.lane) == (LONG, 2, 0, Lane.RISK_REDUCING)


@pytest.mark.parametrize("held", [(), (holding(SHORT),), (holding(LONG, symbol="AUSDT"),)])
def test_a_close_of_what_is_not_held_is_denied(held: Any) -> None:
    made = closing(Action.CLOSE_LONG, *held)
    assert isinstance(made, Denial)
    assert made.reason is D.NO_POSITION
    assert made.lane is Lane.RISK_REDUCING


def test_a_close_reaches_paused_reducing_and_halted_accounts_at_any_age() -> None:
    halted = Switches({(Scope.EVERYTHING, ""): TradingState.HALTED})
    made = closing(Action.CLOSE_SHORT, holding(SHORT), paused=True, reduce_only=True, switches=halted, age_s=9e6)
    assert isinstance(made, Exit)


@pytest.mark.parametrize("status", [AccountStatus.CONNECTING, AccountStatus.QUARANTINED])
def test_a_close_cannot_reach_an_account_without_a_proven_key(status: AccountStatus) -> None:
    assert isinstance(closing(Action.CLOSE_LONG, holding(LONG), status=status), Denial)


def test_close_all_of_a_hedged_account_covers_both_sides_in_one_intent() -> None:
    made = closing(Action.CLOSE_ALL, holding(LONG, "2"), holding(SHORT, "3"), hedge_mode=True)
    assert isinstance(made, Exit)
    assert (made.side, made.known_qty, made.opposite_qty) == (SHORT, 3, 2)


def test_a_close_takes_an_entry_that_is_still_on_its_way() -> None:
    assert isinstance(closing(Action.CLOSE_LONG, holding(LONG, pending=True)), Exit)


def test_an_approval_cannot_be_forged() -> None:
    with pytest.raises(TypeError):
        Approved(entry(), object())

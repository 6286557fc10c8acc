"""What holds of every decision, whatever the numbers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.instrument import Instrument
from marketbot.domain.intent import Denial, Entry
from marketbot.domain.policy import Policy, Wishes, settle
from marketbot.domain.side import PositionSide
from marketbot.domain.signal import Action
from marketbot.planning.decide import decide
from marketbot.planning.facts import AccountFacts, MarketFacts
from marketbot.risk.approval import Approved

from .worlds import ACCOUNT, BTC, MARKET, NOW, occasion

STEPS = st.sampled_from([Decimal(1).scaleb(n) * m for n in range(-8, 3) for m in (1, 2, 5)])


def decimals(low: str, high: str, places: int = 8) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False, allow_infinity=False)


WISHES = st.builds(
    Wishes,
    leverage=st.none() | decimals("-5", "500", 2),
    stop_multiplier=st.none() | decimals("-5", "50", 3),
    target_multiplier=st.none() | decimals("-5", "50", 3),
    position_size_pct=st.none() | decimals("-5", "500", 2),
    max_positions=st.none() | st.integers(-5, 50),
    cooldown_min=st.none() | st.integers(-5, 5000),
    daily_loss_limit=st.none() | decimals("0.01", "100000", 2),
    allowed_symbols=st.sampled_from([None, frozenset(), frozenset({BTC})]),
    denied_symbols=st.sampled_from([frozenset(), frozenset({BTC})]),
)
INSTRUMENTS = st.builds(
    Instrument,
    symbol=st.just(BTC),
    venue_symbol=st.just("BTCUSDT"),
    tick_size=STEPS,
    lot_size=STEPS,
    min_qty=STEPS,
    max_market_qty=decimals("0.001", "1000000", 3),
    min_notional=st.sampled_from([Decimal(0), Decimal(5), Decimal(100)]),
    max_leverage=decimals("1", "125", 0),
)
ACCOUNTS = st.builds(
    lambda wishes, wallet, share: replace(
        ACCOUNT, wishes=wishes, wallet_balance=wallet, available_balance=wallet * share, read_at=NOW
    ),
    wishes=WISHES,
    wallet=decimals("0", "10000000", 4),
    share=decimals("-0.1", "1", 2),
)
MARKETS = st.builds(
    MarketFacts, instrument=INSTRUMENTS, reference_price=decimals("0.00000001", "200000"), reference_age_s=st.just(0.0)
)
ENTRIES = st.sampled_from([Action.OPEN_LONG, Action.OPEN_SHORT])


@given(action=ENTRIES, account=ACCOUNTS, market=MARKETS)
def test_an_entry_is_always_protected_on_the_grid_and_inside_its_margin(
    action: Action, account: AccountFacts, market: MarketFacts
) -> None:
    policy = Policy()
    verdict = decide(occasion(action, policy=policy), account, market)
    if isinstance(verdict, Denial):
        return
    made, instrument, reference = verdict.intent, market.instrument, market.reference_price
    assert isinstance(made, Entry)
    assert instrument is not None
    assert reference is not None
    assert account.wallet_balance is not None
    assert account.available_balance is not None
    settings = settle(policy, account.wishes)

    assert policy.leverage.low <= made.leverage <= policy.leverage.high
    assert made.leverage <= instrument.max_leverage
    assert made.qty * reference <= account.wallet_balance * settings.position_size_pct / 100 * made.leverage
    assert made.qty * reference / made.leverage <= account.available_balance
    assert made.qty * reference <= policy.max_order_notional
    assert instrument.min_qty <= made.qty <= instrument.max_market_qty
    assert made.qty % instrument.lot_size == 0
    assert made.stop_price % instrument.tick_size == 0
    assert made.target_price % instrument.tick_size == 0
    assert made.qty * min(reference, made.stop_price, made.target_price) >= instrument.min_notional

    sign = 1 if made.side is PositionSide.LONG else -1
    risked, sought = sign * (reference - made.stop_price), sign * (made.target_price - reference)
    assert 0 < risked <= reference * settings.stop_distance_pct / 100
    assert 0 < sought <= reference * settings.target_distance_pct / 100
    # Rounding moves a price by less than a tick.
    assert reference * settings.stop_distance_pct / 100 - risked < instrument.tick_size
    assert reference * settings.target_distance_pct / 100 - sought < instrument.tick_size


@given(wallet=decimals("20", "100000", 2), more=decimals("0", "100000", 2), leverage=decimals("1", "10", 0))
def test_more_balance_never_means_a_smaller_order(wallet: Decimal, more: Decimal, leverage: Decimal) -> None:
    def quantity(balance: Decimal) -> Decimal:
        account = replace(ACCOUNT, wallet_balance=balance, available_balance=balance, wishes=Wishes(leverage=leverage))
        verdict = decide(occasion(), account, MARKET)
        assert isinstance(verdict, Approved)
        assert isinstance(verdict.intent, Entry)
        return verdict.intent.qty

    assert quantity(wallet) <= quantity(wallet + more)


@given(
    action=st.sampled_from(Action),
    account=ACCOUNTS,
    market=MARKETS | st.just(MarketFacts(None, None, None)),
    wallet=st.none() | st.just(Decimal("Infinity")) | st.just(Decimal("NaN")) | decimals("0", "1"),
    price=st.none() | decimals("0.00000001", "200000"),
)
def test_every_account_gets_exactly_one_decision_and_nothing_raises(
    action: Action, account: AccountFacts, market: MarketFacts, wallet: Decimal | None, price: Decimal | None
) -> None:
    here = occasion(action, price=None if price is None else format(price, "f"))
    verdict = decide(here, replace(account, wallet_balance=wallet), market)
    assert isinstance(verdict, Denial | Approved)
    made = verdict if isinstance(verdict, Denial) else verdict.intent
    assert made.account_id == account.account_id

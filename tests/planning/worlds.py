"""Facts for tests of decisions: one ordinary account, market and occasion, to be bent with ``replace``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.policy import Policy, Wishes
from marketbot.domain.side import PositionSide
from marketbot.domain.signal import Action
from marketbot.domain.trading_state import Switches
from marketbot.domain.venue import BINANCE, Environment, Market
from marketbot.planning.facts import AccountFacts, AccountStatus, Holding, MarketFacts, Occasion, SignalFacts

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BTC = Symbol("BTCUSDT")

INSTRUMENT = Instrument(
    symbol=BTC,
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_qty=Decimal("0.001"),
    max_market_qty=Decimal(100),
    min_notional=Decimal(5),
)
MARKET = MarketFacts(instrument=INSTRUMENT, reference_price=Decimal(100), reference_age_s=1.0)
ACCOUNT = AccountFacts(
    account_id=AccountId(7),
    user_id=UserId(3),
    market=Market(BINANCE, Environment.MAINNET),
    egress=0,
    status=AccountStatus.READY,
    paused=False,
    reduce_only=False,
    hedge_mode=False,
    wishes=Wishes(),
    wallet_balance=Decimal(1000),
    available_balance=Decimal(1000),
    read_at=NOW,
)


def occasion(
    action: Action = Action.OPEN_LONG,
    *,
    price: str | None = None,
    age_s: float = 0,
    policy: Policy | None = None,
    switches: Switches | None = None,
) -> Occasion:
    signal = SignalFacts(
        signal_id=SignalId(1),
        source_id=1,
        action=action,
        symbol=BTC,
        price=None if price is None else Decimal(price),
        sent_at=None,
        received_at=NOW - timedelta(seconds=age_s),
    )
    return Occasion(signal, policy or Policy(), switches or Switches({}), NOW)


def holding(
    side: PositionSide, qty: str = "1", *, symbol: str = BTC, pending: bool = False, opened_at: datetime | None = None
) -> Holding:
    return Holding(Symbol(symbol), side, Decimal(qty), Decimal(qty) * 100, pending, opened_at)

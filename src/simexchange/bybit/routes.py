"""List what the face serves."""

from simexchange.bybit import holdings, market_data, order_queries, orders
from simexchange.bybit.call import Route
from simexchange.faults import Write

_SETTING = Write.SETTING

ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/v5/market/time"): Route(market_data.time, signed=False),
    ("GET", "/v5/market/instruments-info"): Route(market_data.instruments, signed=False),
    ("GET", "/v5/market/tickers"): Route(market_data.tickers, signed=False),
    ("GET", "/v5/market/orderbook"): Route(market_data.order_book, signed=False),
    ("GET", "/v5/market/kline"): Route(market_data.klines, signed=False),
    ("GET", "/v5/market/mark-price-kline"): Route(market_data.klines, signed=False),
    ("GET", "/v5/market/index-price-kline"): Route(market_data.klines, signed=False),
    ("GET", "/v5/market/premium-index-price-kline"): Route(market_data.klines, signed=False),
    ("GET", "/v5/market/recent-trade"): Route(market_data.recent_trades, signed=False),
    ("GET", "/v5/market/funding/history"): Route(market_data.funding_history, signed=False),
    ("GET", "/v5/market/risk-limit"): Route(market_data.risk_limit, signed=False),
    ("POST", "/v5/order/create"): Route(orders.create, write=Write.ORDER),
    ("POST", "/v5/order/create-batch"): Route(orders.create_batch, write=Write.ORDER),
    ("POST", "/v5/order/cancel"): Route(orders.cancel, write=_SETTING),
    ("POST", "/v5/order/cancel-batch"): Route(orders.cancel_batch, write=_SETTING),
    ("POST", "/v5/order/cancel-all"): Route(orders.cancel_all, write=_SETTING),
    ("POST", "/v5/order/amend"): Route(orders.amend, write=_SETTING),
    ("POST", "/v5/order/amend-batch"): Route(orders.amend_batch, write=_SETTING),
    ("GET", "/v5/order/realtime"): Route(order_queries.realtime),
    ("GET", "/v5/order/history"): Route(order_queries.history),
    ("GET", "/v5/execution/list"): Route(order_queries.executions),
    ("GET", "/v5/position/closed-pnl"): Route(order_queries.closed_pnl),
    ("GET", "/v5/position/list"): Route(holdings.positions),
    ("POST", "/v5/position/trading-stop"): Route(holdings.set_trading_stop, write=Write.STOP),
    ("POST", "/v5/position/set-leverage"): Route(holdings.set_leverage, write=_SETTING),
    ("POST", "/v5/position/switch-mode"): Route(holdings.switch_mode, write=_SETTING),
    ("POST", "/v5/position/switch-isolated"): Route(holdings.switch_isolated, write=_SETTING),
    ("GET", "/v5/account/wallet-balance"): Route(holdings.wallet_balance),
    ("GET", "/v5/account/info"): Route(holdings.account_info),
    ("GET", "/v5/account/fee-rate"): Route(holdings.fee_rate),
    ("POST", "/v5/account/set-margin-mode"): Route(holdings.set_margin_mode, write=_SETTING),
    ("GET", "/v5/account/transaction-log"): Route(holdings.transaction_log),
    ("GET", "/v5/account/withdrawal"): Route(holdings.withdrawal),
    ("GET", "/v5/user/query-api"): Route(holdings.key_info),
    ("GET", "/v5/asset/coin/query-info"): Route(holdings.coins),
}

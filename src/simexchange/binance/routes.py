"""List what the face serves, with weights from the USD-M futures docs (2026)."""

from simexchange.binance import algo_orders, batch_orders, holdings, market_data, orders
from simexchange.binance.call import Route, Security
from simexchange.faults import Write

_SIGNED = Security.SIGNED
_SETTING = Write.SETTING

PUBLIC: dict[tuple[str, str], Route] = {
    ("GET", "/api/v3/ping"): Route(market_data.ping),
    ("GET", "/fapi/v1/ping"): Route(market_data.ping),
    ("GET", "/fapi/v1/time"): Route(market_data.time),
    ("GET", "/fapi/v1/exchangeInfo"): Route(market_data.exchange_info),
    ("GET", "/fapi/v1/premiumIndex"): Route(market_data.premium_index, weight_without_symbol=10),
    ("GET", "/fapi/v1/ticker/price"): Route(market_data.ticker_price, weight_without_symbol=2),
    ("GET", "/fapi/v2/ticker/price"): Route(market_data.ticker_price, weight_without_symbol=2),
    ("GET", "/fapi/v1/ticker/bookTicker"): Route(market_data.book_ticker, weight=2, weight_without_symbol=5),
    ("GET", "/fapi/v1/ticker/24hr"): Route(market_data.ticker_24h, weight_without_symbol=40),
    ("GET", "/fapi/v1/depth"): Route(market_data.depth, weight=10),
    ("GET", "/fapi/v1/klines"): Route(market_data.klines),
    ("GET", "/fapi/v1/markPriceKlines"): Route(market_data.klines),
    ("GET", "/fapi/v1/indexPriceKlines"): Route(market_data.klines),
    ("GET", "/fapi/v1/premiumIndexKlines"): Route(market_data.klines),
    ("GET", "/fapi/v1/fundingRate"): Route(market_data.funding_rate),
    ("GET", "/fapi/v1/trades"): Route(market_data.trades, weight=5),
    ("GET", "/fapi/v1/openInterest"): Route(market_data.open_interest),
    ("GET", "/sapi/v1/margin/allPairs"): Route(market_data.margin_pairs, Security.KEY),
}

TRADING: dict[tuple[str, str], Route] = {
    ("POST", "/fapi/v1/order"): Route(orders.place, _SIGNED, weight=0, write=Write.ORDER, orders=1),
    ("POST", "/fapi/v1/order/test"): Route(orders.test, _SIGNED, weight=0),
    ("GET", "/fapi/v1/order"): Route(orders.show, _SIGNED),
    ("PUT", "/fapi/v1/order"): Route(orders.amend, _SIGNED, write=_SETTING, orders=1),
    ("DELETE", "/fapi/v1/order"): Route(orders.cancel, _SIGNED, write=_SETTING),
    # A batch counts five on the ten seconds and one on the minute, and five of weight (batch orders page).
    ("POST", "/fapi/v1/batchOrders"): Route(batch_orders.place, _SIGNED, weight=5, write=Write.ORDER, orders=5, orders_1m=1),
    ("PUT", "/fapi/v1/batchOrders"): Route(batch_orders.amend, _SIGNED, weight=5, write=_SETTING, orders=5, orders_1m=1),
    ("DELETE", "/fapi/v1/batchOrders"): Route(batch_orders.cancel, _SIGNED, write=_SETTING),
    ("GET", "/fapi/v1/openOrder"): Route(orders.show_one_open, _SIGNED),
    ("GET", "/fapi/v1/openOrders"): Route(orders.show_open, _SIGNED, weight_without_symbol=40),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(orders.cancel_all, _SIGNED, write=_SETTING),
    ("GET", "/fapi/v1/allOrders"): Route(orders.show_all, _SIGNED, weight=5),
    ("GET", "/fapi/v1/userTrades"): Route(orders.trades, _SIGNED, weight=5),
    ("GET", "/fapi/v1/income"): Route(orders.income, _SIGNED, weight=30),
    # algoOrder counts on the order limits since about 2026-06-20, and has no weight.
    ("POST", "/fapi/v1/algoOrder"): Route(algo_orders.place, _SIGNED, weight=0, write=Write.STOP, orders=1),
    ("GET", "/fapi/v1/algoOrder"): Route(algo_orders.show, _SIGNED),
    ("DELETE", "/fapi/v1/algoOrder"): Route(algo_orders.cancel, _SIGNED, write=_SETTING),
    ("GET", "/fapi/v1/openAlgoOrders"): Route(algo_orders.show_open, _SIGNED, weight_without_symbol=40),
    ("GET", "/fapi/v1/allAlgoOrders"): Route(algo_orders.show_all, _SIGNED, weight=5),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Route(algo_orders.cancel_all, _SIGNED, write=_SETTING),
}

HOLDINGS: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v2/positionRisk"): Route(holdings.position_risk_v2, _SIGNED, weight=5),
    ("GET", "/fapi/v3/positionRisk"): Route(holdings.position_risk_v3, _SIGNED, weight=5),
    ("GET", "/fapi/v2/balance"): Route(holdings.balance, _SIGNED, weight=5),
    ("GET", "/fapi/v3/balance"): Route(holdings.balance, _SIGNED, weight=5),
    ("GET", "/fapi/v2/account"): Route(holdings.account_v3, _SIGNED, weight=5),
    ("GET", "/fapi/v3/account"): Route(holdings.account_v3, _SIGNED, weight=5),
    ("GET", "/fapi/v1/accountConfig"): Route(holdings.account_config, _SIGNED, weight=5),
    ("GET", "/fapi/v1/symbolConfig"): Route(holdings.symbol_config, _SIGNED, weight=5),
    ("GET", "/fapi/v1/commissionRate"): Route(holdings.commission_rate, _SIGNED, weight=20),
    ("GET", "/fapi/v1/leverageBracket"): Route(holdings.leverage_bracket, _SIGNED),
    ("POST", "/fapi/v1/leverage"): Route(holdings.set_leverage, _SIGNED, write=_SETTING),
    ("POST", "/fapi/v1/marginType"): Route(holdings.set_margin_type, _SIGNED, write=_SETTING),
    ("GET", "/fapi/v1/positionSide/dual"): Route(holdings.position_mode, _SIGNED, weight=30),
    ("POST", "/fapi/v1/positionSide/dual"): Route(holdings.set_position_mode, _SIGNED, write=_SETTING),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(holdings.multi_assets_mode, _SIGNED, weight=30),
    ("GET", "/fapi/v1/apiReferral/ifNewUser"): Route(holdings.referral, _SIGNED),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(holdings.api_restrictions, _SIGNED),
    ("GET", "/sapi/v1/capital/config/getall"): Route(market_data.spot_coins, _SIGNED, weight=10),
}

ROUTES = {**PUBLIC, **TRADING, **HOLDINGS}

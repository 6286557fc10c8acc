"""Paths of Bybit v5 and what each call draws (docs/venues/bybit.md: limits)."""

from __future__ import annotations

from typing import Final

from marketbot.venues.limits import USABLE_SHARE, Cost, Limits, Rule

TIME: Final = "/v5/market/time"
INSTRUMENTS: Final = "/v5/market/instruments-info"
TICKERS: Final = "/v5/market/tickers"
CREATE: Final = "/v5/order/create"
CANCEL: Final = "/v5/order/cancel"
REALTIME: Final = "/v5/order/realtime"
HISTORY: Final = "/v5/order/history"
POSITIONS: Final = "/v5/position/list"
TRADING_STOP: Final = "/v5/position/trading-stop"
LEVERAGE: Final = "/v5/position/set-leverage"
WALLET: Final = "/v5/account/wallet-balance"
ACCOUNT_INFO: Final = "/v5/account/info"
MARGIN_MODE: Final = "/v5/account/set-margin-mode"
KEY_INFO: Final = "/v5/user/query-api"

LIMITS: Final = Limits(
    egress=Rule(int(600 * USABLE_SHARE), 5.0),
    # By UID and endpoint in a rolling second, for the lowest level; the answers' headers raise them for higher ones.
    account={
        "create": (Rule(10, 1.0),),
        "cancel": (Rule(10, 1.0),),
        "trading-stop": (Rule(10, 1.0),),
        "leverage": (Rule(10, 1.0),),
        "orders": (Rule(50, 1.0),),
        "history": (Rule(50, 1.0),),
        "positions": (Rule(50, 1.0),),
        "wallet": (Rule(50, 1.0),),
        "key": (Rule(10, 1.0),),
    },
)

PUBLIC: Final = Cost(weight=1)
COST: Final = {
    CREATE: Cost(1, "create"),
    CANCEL: Cost(1, "cancel"),
    TRADING_STOP: Cost(1, "trading-stop"),
    LEVERAGE: Cost(1, "leverage"),
    REALTIME: Cost(1, "orders"),
    HISTORY: Cost(1, "history"),
    POSITIONS: Cost(1, "positions"),
    WALLET: Cost(1, "wallet"),
    ACCOUNT_INFO: Cost(1, "wallet"),
    MARGIN_MODE: Cost(1, "leverage"),
    KEY_INFO: Cost(1, "key"),
}

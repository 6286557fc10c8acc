"""Paths of Binance USD-M futures and what each call draws (docs/venues/binance.md: limits)."""

from __future__ import annotations

from typing import Final

from marketbot.venues.limits import USABLE_SHARE, Cost, Limits, Rule

TIME: Final = "/fapi/v1/time"
EXCHANGE_INFO: Final = "/fapi/v1/exchangeInfo"
PRICES: Final = "/fapi/v2/ticker/price"
ORDER: Final = "/fapi/v1/order"
ALGO_ORDER: Final = "/fapi/v1/algoOrder"
OPEN_ORDERS: Final = "/fapi/v1/openOrders"
OPEN_ALGO_ORDERS: Final = "/fapi/v1/openAlgoOrders"
POSITIONS: Final = "/fapi/v3/positionRisk"
BALANCE: Final = "/fapi/v3/balance"
ACCOUNT_CONFIG: Final = "/fapi/v1/accountConfig"
LEVERAGE: Final = "/fapi/v1/leverage"
MARGIN_TYPE: Final = "/fapi/v1/marginType"
KEY_RIGHTS: Final = "/sapi/v1/account/apiRestrictions"

ORDERS: Final = "orders"
"""The account's order counters: entries, exits and, since June 2026, conditional orders too."""

LIMITS: Final = Limits(
    egress=Rule(int(2_400 * USABLE_SHARE), 60.0),
    account={ORDERS: (Rule(300, 10.0), Rule(1_200, 60.0))},
)

FREE: Final = Cost(weight=0)
ONE: Final = Cost(weight=1)
PLACE: Final = Cost(weight=0, bucket=ORDERS)
READ: Final = Cost(weight=5)
PRICE_READ: Final = Cost(weight=2)

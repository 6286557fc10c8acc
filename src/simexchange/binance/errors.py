"""Say no in Binance's words: codes, texts and HTTP statuses (error-code page of the USD-M futures docs, 2026)."""

from simexchange.engine.refusal import Reason, RefusedError


class BinanceError(Exception):
    """A refusal as Binance sends it: HTTP status, code and msg."""

    def __init__(self, code: int, msg: str, status: int = 400, headers: bytes = b"") -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.headers = headers


def missing(name: str) -> BinanceError:
    """Return the refusal of a request without a mandatory parameter."""
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


_TEXTS: dict[Reason, tuple[int, str]] = {
    Reason.SYMBOL_UNKNOWN: (-1121, "Invalid symbol."),
    Reason.QTY_NOT_POSITIVE: (-4003, "Quantity less than or equal to zero."),
    Reason.QTY_OFF_STEP: (-1111, "Precision is over the maximum defined for this asset."),
    Reason.QTY_BELOW_MINIMUM: (-4004, "Quantity less than min quantity."),
    Reason.QTY_ABOVE_MAXIMUM: (-4005, "Quantity greater than max quantity."),
    Reason.PRICE_NOT_POSITIVE: (-4001, "Price less than or equal to zero."),
    Reason.PRICE_OFF_TICK: (-4014, "Price not increased by tick size."),
    Reason.PRICE_ABOVE_BAND: (-4016, "Limit price can't be higher than {bound}."),
    Reason.PRICE_BELOW_BAND: (-4024, "Limit price can't be lower than {bound}."),
    Reason.NOTIONAL_BELOW_MINIMUM: (
        -4164,
        "Order's notional must be no smaller than {minimum} (unless you choose reduce only).",
    ),
    Reason.MARGIN_INSUFFICIENT: (-2019, "Margin is insufficient."),
    Reason.REDUCE_ONLY_WITHOUT_POSITION: (-2022, "ReduceOnly Order is rejected."),
    Reason.POSITION_SIDE_MISMATCH: (-4061, "Order's position side does not match user's setting."),
    Reason.REDUCE_ONLY_IN_HEDGE: (-1106, "Parameter 'reduceonly' sent when not required."),
    Reason.CLIENT_ORDER_ID_DUPLICATE: (-4116, "ClientOrderId is duplicated."),
    Reason.TRIGGER_ALREADY_PASSED: (-2021, "Order would immediately trigger."),
    Reason.POSITION_ABSENT: (
        -4509,
        "Time in Force (TIF) GTE can only be used with open positions. Please ensure that positions are available.",
    ),
    Reason.CLOSE_POSITION_EXISTS: (
        -4130,
        "An open stop or take profit order with GTE and closePosition in the direction is existing.",
    ),
    Reason.ORDERS_TOO_MANY: (-2025, "Reach max open order limit."),
    Reason.CONDITIONALS_TOO_MANY: (-4045, "Reach max stop order limit."),
    Reason.STOP_LOSS_WRONG_SIDE: (-2021, "Order would immediately trigger."),
    Reason.TAKE_PROFIT_WRONG_SIDE: (-2021, "Order would immediately trigger."),
    Reason.MODE_UNCHANGED: (-4059, "No need to change position side."),
    Reason.MODE_HAS_ORDERS: (-4067, "Position side cannot be changed if there exists open orders."),
    Reason.MODE_HAS_POSITIONS: (-4068, "Position side cannot be changed if there exists position."),
    Reason.LEVERAGE_OUT_OF_RANGE: (-4028, "Leverage {leverage} is not valid"),
    Reason.LEVERAGE_UNCHANGED: (-1000, "unreachable at this venue"),
    Reason.ORDER_UNKNOWN: (-2011, "Unknown order sent."),
    Reason.NOTHING_TO_AMEND: (-5027, "No need to modify the order."),
}


def from_refusal(refused: RefusedError) -> BinanceError:
    """Return the engine's refusal in Binance's words."""
    code, text = _TEXTS[refused.reason]
    return BinanceError(code, text.format(**refused.detail) if "{" in text else text)

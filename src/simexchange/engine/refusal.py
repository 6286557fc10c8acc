"""Say why the engine refuses a request; each venue's face turns the reason into its own code and text."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason for a refusal, in no venue's words."""

    SYMBOL_UNKNOWN = "symbol_unknown"
    QTY_NOT_POSITIVE = "qty_not_positive"
    QTY_OFF_STEP = "qty_off_step"
    QTY_BELOW_MINIMUM = "qty_below_minimum"
    QTY_ABOVE_MAXIMUM = "qty_above_maximum"
    PRICE_NOT_POSITIVE = "price_not_positive"
    PRICE_OFF_TICK = "price_off_tick"
    PRICE_ABOVE_BAND = "price_above_band"
    PRICE_BELOW_BAND = "price_below_band"
    NOTIONAL_BELOW_MINIMUM = "notional_below_minimum"
    MARGIN_INSUFFICIENT = "margin_insufficient"
    REDUCE_ONLY_WITHOUT_POSITION = "reduce_only_without_position"
    POSITION_SIDE_MISMATCH = "position_side_mismatch"
    REDUCE_ONLY_IN_HEDGE = "reduce_only_in_hedge"
    CLIENT_ORDER_ID_DUPLICATE = "client_order_id_duplicate"
    TRIGGER_ALREADY_PASSED = "trigger_already_passed"
    POSITION_ABSENT = "position_absent"
    CLOSE_POSITION_EXISTS = "close_position_exists"
    ORDERS_TOO_MANY = "orders_too_many"
    CONDITIONALS_TOO_MANY = "conditionals_too_many"
    STOP_LOSS_WRONG_SIDE = "stop_loss_wrong_side"
    TAKE_PROFIT_WRONG_SIDE = "take_profit_wrong_side"
    MODE_UNCHANGED = "mode_unchanged"
    MODE_HAS_ORDERS = "mode_has_orders"
    MODE_HAS_POSITIONS = "mode_has_positions"
    LEVERAGE_OUT_OF_RANGE = "leverage_out_of_range"
    LEVERAGE_UNCHANGED = "leverage_unchanged"
    ORDER_UNKNOWN = "order_unknown"
    NOTHING_TO_AMEND = "nothing_to_amend"


class RefusedError(Exception):
    """Carry a refusal out of the engine: nothing was changed.

    `detail` holds the figures or names that a venue puts into its text.
    """

    def __init__(self, reason: Reason, **detail: str) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail

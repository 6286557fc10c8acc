"""Say no in Bybit's words: retCode and retMsg, mostly with HTTP 200 (v5 error-code page, 2026)."""

from decimal import Decimal

from simexchange.engine.refusal import Reason, RefusedError


class BybitError(Exception):
    """A refusal as Bybit sends it."""

    def __init__(self, ret_code: int, ret_msg: str) -> None:
        super().__init__(f"{ret_code} {ret_msg}")
        self.ret_code = ret_code
        self.ret_msg = ret_msg


def param_error(detail: str) -> BybitError:
    """Return the refusal of a malformed parameter."""
    return BybitError(10001, f"params error: {detail}")


_TEXTS: dict[Reason, tuple[int, str]] = {
    Reason.SYMBOL_UNKNOWN: (10001, "params error: symbol invalid {symbol}"),
    Reason.QTY_NOT_POSITIVE: (10001, "Qty invalid"),
    Reason.QTY_OFF_STEP: (10001, "Qty invalid"),
    Reason.QTY_BELOW_MINIMUM: (10001, "The number of contracts below minimum limit allowed: {minimum}"),
    Reason.QTY_ABOVE_MAXIMUM: (10001, "The number of contracts exceeds maximum limit allowed: {maximum}"),
    Reason.PRICE_NOT_POSITIVE: (10001, "Price invalid"),
    Reason.PRICE_OFF_TICK: (10001, "Price invalid"),
    Reason.PRICE_ABOVE_BAND: (110003, "Order price exceeds the allowable range."),
    Reason.PRICE_BELOW_BAND: (110003, "Order price exceeds the allowable range."),
    Reason.NOTIONAL_BELOW_MINIMUM: (110094, "Order does not meet minimum order value {minimum}USDT"),
    Reason.MARGIN_INSUFFICIENT: (110007, "ab not enough for new order"),
    Reason.REDUCE_ONLY_WITHOUT_POSITION: (110017, "current position is zero, cannot fix reduce-only order qty"),
    Reason.POSITION_SIDE_MISMATCH: (10001, "position idx not match position mode"),
    Reason.REDUCE_ONLY_IN_HEDGE: (110017, "Reduce-only rule not satisfied"),
    Reason.CLIENT_ORDER_ID_DUPLICATE: (110072, "OrderLinkedID is duplicate"),
    Reason.TRIGGER_ALREADY_PASSED: (110092, ""),
    Reason.POSITION_ABSENT: (10001, "can not set tp/sl/ts for zero position"),
    Reason.CLOSE_POSITION_EXISTS: (110061, "Not allowed to have more than 20 TP/SLs under Partial tpSlMode"),
    Reason.ORDERS_TOO_MANY: (110020, "Not allowed to have more than 500 active orders"),
    Reason.CONDITIONALS_TOO_MANY: (110009, "The number of stop orders exceeds the maximum allowable limit"),
    Reason.STOP_LOSS_WRONG_SIDE: (10001, ""),
    Reason.TAKE_PROFIT_WRONG_SIDE: (10001, ""),
    Reason.MODE_UNCHANGED: (34040, "not modified"),
    Reason.MODE_HAS_ORDERS: (110028, "You have existing open orders, so position mode cannot be switched"),
    Reason.MODE_HAS_POSITIONS: (110024, "You have an existing position, so position mode cannot be switched"),
    Reason.LEVERAGE_OUT_OF_RANGE: (110013, "cannot set leverage [{leverage}] gt maxLeverage [{maximum}] by risk limit"),
    Reason.LEVERAGE_UNCHANGED: (110043, "leverage not modified"),
    Reason.ORDER_UNKNOWN: (110001, "order not exists or too late to cancel"),
    Reason.NOTHING_TO_AMEND: (10001, "The order remains unchanged as the parameters entered match the existing ones."),
}


def from_refusal(refused: RefusedError) -> BybitError:
    """Return the engine's refusal in Bybit's words."""
    detail = refused.detail
    if refused.reason is Reason.STOP_LOSS_WRONG_SIDE:
        side, word = ("Buy", "lower") if detail["side"] == "Buy" else ("Sell", "greater")
        return _wrong_side("StopLoss", side, word, detail)
    if refused.reason is Reason.TAKE_PROFIT_WRONG_SIDE:
        side, word = ("Buy", "higher") if detail["side"] == "Buy" else ("Sell", "lower")
        return _wrong_side("TakeProfit", side, word, detail)
    if refused.reason is Reason.TRIGGER_ALREADY_PASSED:
        rising = detail["rising"] == "1"
        code, word, sign = (110092, "Rising", "<=") if rising else (110093, "Falling", ">=")
        trigger, price = _scaled(detail["trigger"]), _scaled(detail["price"])
        return BybitError(code, f"expect {word}, but trigger_price[{trigger}] {sign} current[{price}]??LastPrice")
    code, text = _TEXTS[refused.reason]
    return BybitError(code, text.format(**detail) if "{" in text else text)


def _wrong_side(name: str, side: str, word: str, detail: dict[str, str]) -> BybitError:
    value, price = _scaled(detail["value"]), _scaled(detail["price"])
    return BybitError(10001, f"{name}:{value} set for {side} position should {word} than base_price:{price}??LastPrice")


def _scaled(text: str) -> str:
    # The venue's texts carry prices times ten thousand: 257970000 is 25,797.0 (seen live, several clients).
    return str(int(Decimal(text) * 10_000))

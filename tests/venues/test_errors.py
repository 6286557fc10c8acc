"""What a refusal means: the tables, and above all that silence and doubt never become a definite class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.order import OrderState
from marketbot.venues.answer import MAX_TEXT, Refusal, unreadable, wire_refusal
from marketbot.venues.binance import errors as binance
from marketbot.venues.bybit import errors as bybit
from marketbot.venues.wire import Stage, WireError, WireFailure

E = ErrorClass
UNKNOWN_503 = "Unknown error, please check your request or try again later."


# General Info, "HTTP 503 Status: Message Variants & Handling", and the Error Code page (2026-05-28); docs/venues/binance.md.
@pytest.mark.parametrize(
    ("status", "code", "text", "expected"),
    [
        (503, -1000, UNKNOWN_503, E.AMBIGUOUS),
        (503, -1001, UNKNOWN_503, E.AMBIGUOUS),
        (503, -1001, "Internal error; unable to process your request. Please try again.", E.RETRYABLE),
        (503, -1016, "Service Unavailable.", E.RETRYABLE),
        (503, -1008, "Request throttled by system-level protection.", E.RETRYABLE),
        (503, None, "", E.AMBIGUOUS),
        (503, None, "Service Unavailable.", E.RETRYABLE),
        (503, None, "Service Unavailable", E.AMBIGUOUS),
        (503, -2019, "Margin is insufficient.", E.AMBIGUOUS),
        (
            400,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            E.AMBIGUOUS,
        ),
        (400, -1006, "An unexpected response was received from the message bus. Execution status unknown.", E.AMBIGUOUS),
        (400, -1000, "An unknown error occurred while processing the request.", E.AMBIGUOUS),
        (408, -2019, "", E.AMBIGUOUS),
        (502, None, "", E.AMBIGUOUS),
        (504, -1021, "", E.AMBIGUOUS),
        (400, None, "", E.AMBIGUOUS),
        (404, None, "", E.AMBIGUOUS),
        (200, None, "", E.AMBIGUOUS),
        (429, -1003, "Too many requests.", E.EGRESS_RATE),
        (429, None, "", E.EGRESS_RATE),
        (429, -1015, "Too many new orders.", E.ACCOUNT_RATE),
        (400, -1015, "Too many new orders.", E.ACCOUNT_RATE),
        (418, -1003, "banned", E.EGRESS_RATE),
        (403, None, "", E.EGRESS_RATE),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", E.CLOCK),
        (400, -5028, "Timestamp for this request is outside of the ME recvWindow.", E.CLOCK),
        (400, -4116, "ClientOrderId is duplicated.", E.DUPLICATE),
        (401, -2014, "API-key format invalid.", E.KEY),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", E.KEY),
        (400, -1022, "Signature for this request is not valid.", E.KEY),
        (400, -2019, "Margin is insufficient.", E.FUNDS),
        (400, -4045, "Reach max stop order limit.", E.FUNDS),
        (400, -1111, "Precision is over the maximum defined for this asset.", E.SIZE),
        (400, -4164, "Order's notional must be no smaller than 5", E.SIZE),
        (400, -4061, "Order's position side does not match user's setting.", E.MODE),
        (400, -4120, "Order type not supported for this endpoint.", E.MODE),
        (400, -4028, "Leverage 200 is not valid", E.LEVERAGE),
        (400, -2021, "Order would immediately trigger.", E.WOULD_TRIGGER),
        (400, -4509, "Time in Force (TIF) GTE can only be used with open positions.", E.NO_POSITION),
        (400, -2022, "ReduceOnly Order is rejected.", E.NO_POSITION),
        (
            400,
            -4130,
            "An open stop or take profit order with GTE and closePosition in the direction is existing.",
            E.PROTECTION_EXISTS,
        ),
        (400, -2013, "Order does not exist.", E.NOT_FOUND),
        (400, -2011, "Unknown order sent.", E.NOT_FOUND),
        (400, -4046, "No need to change margin type.", E.NO_CHANGE),
        (400, -9999, "Something new.", E.REFUSED),
    ],
)
def test_binance(status: int, code: int | None, text: str, expected: ErrorClass) -> None:
    assert binance.classify(status, code, text).error_class is expected


# docs/v5/error (2026-07-24); the texts of 10001 are those of docs/venues/bybit.md.
@pytest.mark.parametrize(
    ("status", "code", "text", "expected"),
    [
        (200, 10000, "Server Timeout", E.AMBIGUOUS),
        (200, 10016, "Server error.", E.AMBIGUOUS),
        (500, 110007, "ab not enough for new order", E.AMBIGUOUS),
        (503, None, "", E.AMBIGUOUS),
        (504, 10002, "", E.AMBIGUOUS),
        (200, None, "", E.AMBIGUOUS),
        (200, 0, "OK", E.AMBIGUOUS),
        (408, 10001, "", E.AMBIGUOUS),
        (404, None, "", E.AMBIGUOUS),
        (403, None, "access too frequent", E.EGRESS_RATE),
        (403, 10009, "", E.EGRESS_RATE),
        (200, 10018, "Exceeded the IP Rate Limit.", E.EGRESS_RATE),
        (429, None, "", E.RETRYABLE),
        (200, 429, "The trading service is experiencing a high server load.", E.RETRYABLE),
        (200, 10006, "Too many visits!", E.ACCOUNT_RATE),
        (200, 10002, "invalid request, please check your server timestamp or recv_window param", E.CLOCK),
        (200, 110072, "OrderLinkedID is duplicate", E.DUPLICATE),
        (200, 10003, "API key is invalid.", E.KEY),
        (401, None, "", E.KEY),
        (200, 10010, "Unmatched IP, please check your API key's bound IP addresses.", E.KEY),
        (200, 110007, "ab not enough for new order", E.FUNDS),
        (200, 10001, "Qty invalid", E.SIZE),
        (200, 10001, "position idx not match position mode", E.MODE),
        (200, 10001, "can not set tp/sl/ts for zero position", E.NO_POSITION),
        (
            200,
            10001,
            "StopLoss:257970000 set for Buy position should lower than base_price:257960000??LastPrice",
            E.WOULD_TRIGGER,
        ),
        (200, 10001, "sl:110 set for Sell position should greater base_price:111", E.WOULD_TRIGGER),
        (200, 10001, "TakeProfit:1 set for Buy position should be higher than base_price:2??LastPrice", E.WOULD_TRIGGER),
        (200, 110093, "expect Falling, but trigger_price[1] >= current[1]", E.WOULD_TRIGGER),
        (200, 110017, "current position is zero, cannot fix reduce-only order qty", E.NO_POSITION),
        (200, 110017, "orderQty will be truncated to zero", E.SIZE),
        (200, 110043, "leverage not modified", E.NO_CHANGE),
        (200, 34040, "not modified", E.NO_CHANGE),
        (200, 110001, "order not exists or too late to cancel", E.NOT_FOUND),
        (200, 999_999, "Something new.", E.REFUSED),
    ],
)
def test_bybit(status: int, code: int | None, text: str, expected: ErrorClass) -> None:
    assert bybit.classify(status, code, text).error_class is expected


_text = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "Service Unavailable",
            "Service Unavailable.",
            "service unavailable.",
            "<html>Service Unavailable.</html>",
            UNKNOWN_503,
            "Internal error",
            "Internal error; unable to process your request. Please",
            "not modified",
        ]
    ),
)
_server_errors = st.integers(500, 599)
_known = [*binance._BY_CODE, *bybit._BY_CODE, 0, 10001, 110017]
_codes = st.one_of(st.none(), st.sampled_from(_known), st.integers(-10_000, 200_000))
_UNABLE = "Internal error; unable to process your request."


@given(status=_server_errors, code=_codes, text=_text)
def test_binance_server_errors_are_ambiguous_but_for_the_documented_three(status: int, code: int | None, text: str) -> None:
    fault = binance.classify(status, code, text)
    documented = status == 503 and (
        text == "Service Unavailable." or (code is not None and (code == -1008 or text.startswith(_UNABLE)))
    )
    assert fault.error_class is (E.RETRYABLE if documented else E.AMBIGUOUS)


@given(status=_server_errors, code=_codes, text=_text)
def test_bybit_server_errors_are_ambiguous(status: int, code: int | None, text: str) -> None:
    assert bybit.classify(status, code, text).error_class is E.AMBIGUOUS


@given(status=st.integers(100, 599).filter(lambda status: status not in (401, 403, 418, 429)), text=_text)
def test_a_body_we_cannot_read_is_ambiguous(status: int, text: str) -> None:
    if not (status == 503 and text == "Service Unavailable."):
        assert binance.classify(status, None, text).error_class is E.AMBIGUOUS
    assert bybit.classify(status, None, text).error_class is E.AMBIGUOUS


@given(status=st.sampled_from([400, 401, 404, 408]), code=st.sampled_from([-1000, -1001, -1006, -1007]), text=_text)
def test_binance_unknown_outcomes_stay_unknown(status: int, code: int, text: str) -> None:
    assert binance.classify(status, code, text).error_class is E.AMBIGUOUS


@given(status=st.integers(100, 599), code=_codes, text=st.text(max_size=2_000))
def test_every_fault_is_bounded_and_rates_name_their_pause(status: int, code: int | None, text: str) -> None:
    for classify in (binance.classify, bybit.classify):
        fault = classify(status, code, text)
        assert len(fault.text) <= MAX_TEXT
        if fault.error_class in (E.EGRESS_RATE, E.ACCOUNT_RATE, E.RETRYABLE):
            assert fault.retry_after_s is not None
            assert fault.retry_after_s > 0


def test_binance_ban_lasts_as_long_as_it_says() -> None:
    assert binance.classify(429, -1003, "", 7.0).retry_after_s == 7.0
    banned = "Way too many requests; IP(1.2.3.4) banned until 1690000060000. Please use the websocket."
    assert binance.classify(418, -1003, banned, None, 1_690_000_000_000).retry_after_s == 60.0
    assert binance.classify(418, -1003, "").retry_after_s == binance.BAN_S


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (Refusal(VenueFault(E.FUNDS), answered=True), OrderState.REJECTED),
        (Refusal(VenueFault(E.AMBIGUOUS), answered=True), OrderState.UNCONFIRMED),
        (Refusal(VenueFault(E.DUPLICATE), answered=True), OrderState.UNCONFIRMED),
        (Refusal(VenueFault(E.EGRESS_RATE), answered=False), OrderState.PLANNED),
        (unreadable(200), OrderState.UNCONFIRMED),
        (wire_refusal(WireError(Stage.NOT_SENT, WireFailure.CONNECT_FAILED)), OrderState.PLANNED),
        (wire_refusal(WireError(Stage.UNKNOWN, WireFailure.ANSWER_TIMEOUT)), OrderState.UNCONFIRMED),
    ],
)
def test_unknown_never_becomes_rejected(refusal: Refusal, state: OrderState) -> None:
    assert refusal.report().state is state

"""Read a venue's answer: what we now know, and what follows from it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from marketbot.domain.execution_report import ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.domain.reasons import RejectionReason

RETRY_DELAYS_S = (0.2, 0.4, 0.8, 1.5, 3.0)
"""The waits after transient refusals; the last repeats until the order's window is over (an exit's never is)."""


class Verdict(StrEnum):
    """What an answer to a submitted order means for the intent."""

    WORKING = "working"
    """The venue has it; read on to learn the fill."""
    FILLED = "filled"
    """There is a position now. A part is enough: what is held must be protected, whatever the rest does."""
    NOTHING_FILLED = "nothing_filled"
    UNCONFIRMED = "unconfirmed"
    TRY_AGAIN = "try_again"
    """Not executed, certainly; the same order under the same id may be sent again after a wait."""
    FIX_LEVERAGE = "fix_leverage"
    BAD_KEY = "bad_key"
    REJECTED = "rejected"


def read(report: OrderReport) -> Verdict:
    """Return what ``report``, the answer to a market order, means."""
    match report.state:
        case OrderState.FILLED:
            return Verdict.FILLED
        case OrderState.CANCELED | OrderState.EXPIRED:
            return Verdict.FILLED if report.filled_qty > 0 else Verdict.NOTHING_FILLED
        case OrderState.ACCEPTED | OrderState.PARTIALLY_FILLED | OrderState.SUBMITTED:
            return Verdict.FILLED if report.filled_qty > 0 else Verdict.WORKING
        case OrderState.UNCONFIRMED:
            return Verdict.UNCONFIRMED
        case OrderState.PLANNED | OrderState.LAPSED:
            return Verdict.TRY_AGAIN
        case OrderState.REJECTED:
            return _refusal(report.fault)
        case _ as never:
            assert_never(never)


def _refusal(fault: VenueFault | None) -> Verdict:
    if fault is None:
        return Verdict.REJECTED
    match fault.error_class:
        case ErrorClass.AMBIGUOUS | ErrorClass.DUPLICATE:
            return Verdict.UNCONFIRMED
        case ErrorClass.NOT_SENT | ErrorClass.RETRYABLE | ErrorClass.ACCOUNT_RATE | ErrorClass.EGRESS_RATE | ErrorClass.CLOCK:
            return Verdict.TRY_AGAIN
        case ErrorClass.KEY:
            return Verdict.BAD_KEY
        case ErrorClass.LEVERAGE:
            return Verdict.FIX_LEVERAGE
        case _:
            return Verdict.REJECTED


_REJECTIONS = {
    ErrorClass.FUNDS: RejectionReason.INSUFFICIENT_FUNDS,
    ErrorClass.KEY: RejectionReason.KEY_INVALID,
    ErrorClass.SIZE: RejectionReason.SIZE_OR_PRICE_INVALID,
    ErrorClass.MODE: RejectionReason.POSITION_MODE_MISMATCH,
    ErrorClass.WOULD_TRIGGER: RejectionReason.STOP_WOULD_TRIGGER,
    ErrorClass.LEVERAGE: RejectionReason.LEVERAGE_NOT_SET,
    ErrorClass.ACCOUNT_RATE: RejectionReason.VENUE_RATE_LIMIT,
    ErrorClass.EGRESS_RATE: RejectionReason.VENUE_RATE_LIMIT,
    ErrorClass.RETRYABLE: RejectionReason.VENUE_UNAVAILABLE,
    ErrorClass.NOT_SENT: RejectionReason.VENUE_UNAVAILABLE,
}


def rejection_reason(fault: VenueFault | None) -> RejectionReason:
    """Return what the account's owner is told about a refusal."""
    if fault is None:
        return RejectionReason.VENUE_REFUSED
    return _REJECTIONS.get(fault.error_class, RejectionReason.VENUE_REFUSED)


def retry_delay_s(tries: int, fault: VenueFault | None) -> float:
    """Return the wait before try number ``tries`` (from 0), at least what the venue asked for."""
    delay = RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)]
    if fault is not None and fault.retry_after_s is not None:
        return max(delay, fault.retry_after_s)
    return delay

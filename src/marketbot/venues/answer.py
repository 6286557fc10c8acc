"""What came of a signed request when it was not the answer we wanted."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.domain.execution_report import ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.venues.wire import Stage, WireError

MAX_TEXT = 200
"""How much of a venue's own words is kept."""

_DOUBTFUL = frozenset({ErrorClass.AMBIGUOUS, ErrorClass.DUPLICATE})
"""What leaves open whether the order exists: a duplicate id means that an order of this name does, and not what became of it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that did not do what was asked. ``answered`` tells a venue's word from our own failure to get one."""

    fault: VenueFault
    answered: bool

    @property
    def is_stale_clock(self) -> bool:
        """Tell whether the venue refused the timestamp: nothing was done, and a measurement mends it."""
        return self.answered and self.fault.error_class is ErrorClass.CLOCK

    def report(self) -> OrderReport:
        """Say what the refusal means for the order that was sent.

        Unknown never becomes rejected: only a definite answer of the venue does.
        """
        if self.fault.error_class in _DOUBTFUL:
            state = OrderState.UNCONFIRMED
        else:
            state = OrderState.REJECTED if self.answered else OrderState.PLANNED
        return OrderReport(state=state, fault=self.fault)


def unsent(error_class: ErrorClass, code: str, text: str, retry_after_s: float | None = None) -> Refusal:
    """Return the refusal of a request of which no byte left."""
    return Refusal(VenueFault(error_class, code, text[:MAX_TEXT], retry_after_s), answered=False)


def wire_refusal(error: WireError) -> Refusal:
    """Return what a failure on the wire means: nothing left, or nobody knows."""
    error_class = ErrorClass.NOT_SENT if error.stage is Stage.NOT_SENT else ErrorClass.AMBIGUOUS
    return Refusal(VenueFault(error_class, str(error.failure), error.detail[:MAX_TEXT]), answered=False)


def unreadable(status: int, text: str = "the answer is not what the venue documents") -> Refusal:
    """Return the refusal for an answer that says nothing definite."""
    return Refusal(VenueFault(ErrorClass.AMBIGUOUS, str(status), text[:MAX_TEXT]), answered=True)


def header_seconds(value: bytes | None) -> float | None:
    """Read a Retry-After header in seconds; its date form is not used by the venues we speak to."""
    return float(value) if value is not None and value.isdigit() else None

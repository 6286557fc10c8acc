"""The life of one order at a venue.

``planned`` means stored and provably not on the wire. ``submitted`` means it may be. From ``submitted`` an order goes only
where an answer sends it; without an answer it is ``unconfirmed``, and that state is left by evidence alone.
"""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands."""

    PLANNED = "planned"
    SUBMITTED = "submitted"
    UNCONFIRMED = "unconfirmed"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    LAPSED = "lapsed"


_S = OrderState

TRANSITIONS: frozenset[tuple[OrderState, OrderState]] = frozenset(
    {
        (_S.PLANNED, _S.SUBMITTED),
        (_S.PLANNED, _S.LAPSED),
        # The answers.
        (_S.SUBMITTED, _S.ACCEPTED),
        (_S.SUBMITTED, _S.PARTIALLY_FILLED),
        (_S.SUBMITTED, _S.FILLED),
        (_S.SUBMITTED, _S.CANCELED),
        (_S.SUBMITTED, _S.EXPIRED),
        (_S.SUBMITTED, _S.REJECTED),
        (_S.SUBMITTED, _S.UNCONFIRMED),
        (_S.SUBMITTED, _S.PLANNED),  # no byte left: it may be sent again, under the same id
        (_S.SUBMITTED, _S.LAPSED),  # no byte left, and its window has passed
        # The evidence.
        (_S.UNCONFIRMED, _S.ACCEPTED),
        (_S.UNCONFIRMED, _S.PARTIALLY_FILLED),
        (_S.UNCONFIRMED, _S.FILLED),
        (_S.UNCONFIRMED, _S.CANCELED),
        (_S.UNCONFIRMED, _S.EXPIRED),
        (_S.UNCONFIRMED, _S.REJECTED),  # the venue knows it and says it refused it
        (_S.UNCONFIRMED, _S.PLANNED),  # proven absent, by repeated look-ups over a named time
        (_S.UNCONFIRMED, _S.LAPSED),  # proven absent, and its window has passed
        # What happens at the venue.
        (_S.ACCEPTED, _S.PARTIALLY_FILLED),
        (_S.ACCEPTED, _S.FILLED),
        (_S.ACCEPTED, _S.CANCELED),
        (_S.ACCEPTED, _S.EXPIRED),
        (_S.ACCEPTED, _S.REJECTED),  # an asynchronous venue takes its acknowledgement back
        (_S.PARTIALLY_FILLED, _S.PARTIALLY_FILLED),
        (_S.PARTIALLY_FILLED, _S.FILLED),
        (_S.PARTIALLY_FILLED, _S.CANCELED),
        (_S.PARTIALLY_FILLED, _S.EXPIRED),
        (_S.CANCELED, _S.FILLED),  # a fill may cross a cancel on the way
    }
)

FINAL: frozenset[OrderState] = frozenset({_S.FILLED, _S.EXPIRED, _S.REJECTED, _S.LAPSED})
"""States without a way out; ``canceled`` is not among them, because of the crossing fill."""

SETTLED: frozenset[OrderState] = FINAL | {_S.CANCELED}
"""Nothing more is expected."""

MAYBE_LIVE: frozenset[OrderState] = frozenset({_S.SUBMITTED, _S.UNCONFIRMED})
"""The venue may hold it and we do not know."""

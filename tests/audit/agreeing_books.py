"""Two books that agree, to plant defects in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from marketbot.audit.records import (
    Episode,
    HoldingRow,
    IntentRow,
    LedgerEntry,
    OrderRow,
    OurBook,
    StageTimes,
    VenueBook,
    VenueHolding,
)
from marketbot.domain.client_order_id import client_order_id, client_order_stem
from marketbot.domain.ids import AccountId, SignalId
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg

TAG = "abc123"
SIM_OFFSET = 1_000
"""The simulator numbers accounts its own way."""


def name(signal_id: int, account_id: int, leg: Leg, attempt: int = 0) -> str:
    return client_order_id(client_order_stem(TAG, SignalId(signal_id), AccountId(account_id)), leg, attempt)


@dataclass(frozen=True)
class Books:
    venue: VenueBook
    ours: OurBook

    def with_venue(self, **changes: object) -> Books:
        return replace(self, venue=replace(self.venue, **changes))  # type: ignore[arg-type]

    def with_ours(self, **changes: object) -> Books:
        return replace(self, ours=replace(self.ours, **changes))  # type: ignore[arg-type]


def entry(client_id: str, account_id: int, *, event: str = "accepted", kind: str = "market", order_id: int = 1) -> LedgerEntry:
    return LedgerEntry(
        at=1.0,
        venue="binance",
        environment="mainnet",
        account=account_id + SIM_OFFSET,
        event=event,
        kind=kind,
        order_id=order_id,
        client_order_id=client_id,
        symbol="BTCUSDT",
        position_side="BOTH",
    )


def agreeing(accounts: int = 3, denied: int = 1) -> Books:
    """One signal; ``accounts`` hold a protected position for it, ``denied`` more were told why not."""
    entries: list[LedgerEntry] = []
    orders: list[OrderRow] = []
    for account_id in range(1, accounts + 1):
        for number, (leg, kind) in enumerate(((Leg.ENTRY, "market"), (Leg.STOP_LOSS, "stop"), (Leg.TAKE_PROFIT, "target"))):
            client_id = name(1, account_id, leg)
            entries.append(entry(client_id, account_id, kind=kind, order_id=account_id * 10 + number))
            state = OrderState.FILLED if leg is Leg.ENTRY else OrderState.ACCEPTED
            orders.append(OrderRow(1, account_id, leg, client_id, state, "binance"))
    ordered = [IntentRow(1, account_id, 1, None, "ordered", None) for account_id in range(1, accounts + 1)]
    refused = [IntentRow(1, accounts + number, 1, "ACCOUNT_PAUSED", None, None) for number in range(1, denied + 1)]
    numbers = range(1, accounts + 1)
    return Books(
        VenueBook(
            entries=tuple(entries),
            episodes=tuple(
                Episode(n + SIM_OFFSET, "BTCUSDT", "long", name(1, n, Leg.ENTRY), 0.01 * n, True, True) for n in numbers
            ),
            holdings=tuple(VenueHolding(n + SIM_OFFSET, "BTCUSDT", "BOTH", Decimal(n)) for n in numbers),
        ),
        OurBook(
            tag=TAG,
            intents=(*ordered, *refused),
            orders=tuple(orders),
            holdings=tuple(HoldingRow(n, "BTCUSDT", "long", Decimal(n), "protected") for n in numbers),
            times=tuple(StageTimes(10 * n, 12 * n, 20 * n, 30 * n) for n in numbers),
            signals=1,
        ),
    )

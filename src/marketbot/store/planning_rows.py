"""Decisions as the lines of a COPY: the cheapest way for a page of them into Postgres.

Text, because one formatted line an order costs a third of what a typed encoder spends on its ten columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from marketbot.domain.client_order_id import client_order_id, client_order_stem
from marketbot.domain.ids import AccountId, SignalId, Symbol
from marketbot.domain.intent import Decision, Denial, Entry, Exit
from marketbot.domain.lane import Lane, entry_lane
from marketbot.domain.side import Leg
from marketbot.domain.venue import Market

CHUNK_SIZE = 100
"""Accounts in one chunk: what one worker takes at once."""

INTENT_COLUMNS = (
    "signal_id", "account_id", "user_id", "lane", "state", "reason", "detail", "side", "qty", "leverage",
    "reference_price", "stop_price", "target_price", "planned_at",
)  # fmt: skip
ORDER_COLUMNS = (
    "signal_id", "account_id", "user_id", "leg", "attempt", "client_order_id", "symbol", "side", "qty", "trigger_price",
    "created_at",
)  # fmt: skip
CHUNK_COLUMNS = ("signal_id", "lane", "venue", "environment", "account_ids", "for_worker")

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL = r"\N"


def escape(text: str) -> str:
    """Write a text as one field of COPY's text format."""
    return text.translate(_ESCAPES)


def decision_rows(
    tag: str, signal_id: SignalId, symbol: Symbol, decisions: Sequence[Decision], now: datetime
) -> tuple[bytes, bytes]:
    """Return the lines for ``intent`` and for ``orders``.

    An entry has three orders (the protective ones without a quantity: they close whatever is there), an exit one for each
    side it closes.
    """
    at = now.isoformat()
    name = escape(symbol)
    intents: list[str] = []
    orders: list[str] = []
    for decision in decisions:
        account = f"{signal_id}\t{decision.account_id}\t{decision.user_id}"
        match decision:
            case Denial():
                intents.append(
                    f"{account}\t{decision.lane:d}\tdenied\t{decision.reason.value}\t{escape(decision.detail)}"
                    f"\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t{at}\n"
                )
            case Entry():
                detail = escape(decision.detail) if decision.detail else _NULL
                side, qty = decision.side.value, str(decision.qty)
                stop, target = str(decision.stop_price), str(decision.target_price)
                stem = client_order_stem(tag, signal_id, decision.account_id)
                intents.append(
                    f"{account}\t{decision.lane:d}\tqueued\t\\N\t{detail}\t{side}\t{qty}\t{decision.leverage!s}"
                    f"\t{decision.reference_price!s}\t{stop}\t{target}\t{at}\n"
                )
                orders.append(
                    f"{account}\tentry\t0\t{client_order_id(stem, Leg.ENTRY)}\t{name}\t{side}\t{qty}\t\\N\t{at}\n"
                    f"{account}\tstop_loss\t0\t{client_order_id(stem, Leg.STOP_LOSS)}\t{name}\t{side}\t\\N\t{stop}\t{at}\n"
                    f"{account}\ttake_profit\t0\t{client_order_id(stem, Leg.TAKE_PROFIT)}\t{name}\t{side}\t\\N\t{target}\t{at}\n"
                )
            case Exit():
                stem = client_order_stem(tag, signal_id, decision.account_id)
                intents.append(
                    f"{account}\t{decision.lane:d}\tqueued\t\\N\t\\N\t{decision.side.value}\t{decision.known_qty!s}"
                    f"\t\\N\t\\N\t\\N\t\\N\t{at}\n"
                )
                sides = [(decision.side, decision.known_qty)]
                if decision.opposite_qty > 0:
                    sides.append((decision.side.opposite, decision.opposite_qty))
                for attempt, (side_closed, qty_known) in enumerate(sides):
                    identity = client_order_id(stem, Leg.EXIT, attempt)
                    orders.append(
                        f"{account}\texit\t{attempt}\t{identity}\t{name}\t{side_closed.value}\t{qty_known!s}\t\\N\t{at}\n"
                    )
            case _:
                assert_never(decision)
    return "".join(intents).encode(), "".join(orders).encode()


def chunk_rows(signal_id: SignalId, lane: Lane | None, accounts: Mapping[tuple[Market, int], Sequence[AccountId]]) -> bytes:
    """Return the lines for ``chunk``, at most ``CHUNK_SIZE`` accounts each, of one market and owner (0: nobody knows).

    ``lane`` None: the lane of the environment.
    """
    lines = []
    for (market, owner), account_ids in accounts.items():
        owner_text = str(owner) if owner else "\\N"
        number = entry_lane(market.environment) if lane is None else lane
        for start in range(0, len(account_ids), CHUNK_SIZE):
            members = ",".join(map(str, account_ids[start : start + CHUNK_SIZE]))
            lines.append(
                f"{signal_id}\t{number:d}\t{escape(market.venue)}\t{market.environment.value}\t{{{members}}}\t{owner_text}\n"
            )
    return "".join(lines).encode()

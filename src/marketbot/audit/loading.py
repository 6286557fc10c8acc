"""Read the two books: the simulator's through its control port, ours from the database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marketbot.audit.compare import UNPROTECTED_LIMIT_S, audit
from marketbot.audit.control import SimulatorControl
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
from marketbot.audit.report import Audit
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.store.pool import Connection

_INTENTS = """
SELECT i.signal_id, i.account_id, i.lane, CASE WHEN i.state = 'denied' THEN i.reason END AS denied_for,
       o.result::text, o.reason
FROM intent i LEFT JOIN outcome o USING (signal_id, account_id)
"""
_ORDERS = """
SELECT o.signal_id, o.account_id, o.leg::text, o.client_order_id, o.state::text, a.venue
FROM order_current o JOIN account a USING (account_id)
"""
_HOLDINGS = """
SELECT account_id, symbol, side::text, qty, protection::text, signal_id IS NOT NULL AS opened_by_us
FROM position WHERE protection <> 'closed' AND qty > 0
"""
# An account that came after the signal does not owe it a decision.
_UNPLANNED = """
SELECT g.signal_id, f.account_id
FROM signal g JOIN follow f USING (source_id) JOIN account a USING (account_id)
WHERE a.created_at <= g.received_at AND g.pruning_at IS NULL
  AND NOT EXISTS (SELECT FROM intent i WHERE i.signal_id = g.signal_id AND i.account_id = f.account_id)
"""
_TIMES = "SELECT claimed_ms, sent_ms, acked_ms, protected_ms FROM outcome WHERE result = 'ordered'"
_PRUNED = "SELECT signal_id FROM signal WHERE pruning_at IS NOT NULL"
_REFUSED = "SELECT reason, count(*) AS bodies FROM refusal GROUP BY reason ORDER BY reason"


async def run_audit(
    connection: Connection, control: SimulatorControl, *, unprotected_limit_s: float = UNPROTECTED_LIMIT_S
) -> Audit:
    """Read both books as they stand and compare them. Take it when the work is over; meanwhile much is unfinished."""
    ours = await load_ours(connection)
    return audit(await load_venue(control), ours, unprotected_limit_s=unprotected_limit_s)


async def load_ours(connection: Connection) -> OurBook:
    """Read our book in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        tag = await connection.fetchval("SELECT tag FROM installation")
        intents = [IntentRow(**dict(row)) for row in await connection.fetch(_INTENTS)]
        orders = [
            OrderRow(**(dict(row) | {"leg": Leg(row["leg"]), "state": OrderState(row["state"])}))
            for row in await connection.fetch(_ORDERS)
        ]
        holdings = [HoldingRow(**dict(row)) for row in await connection.fetch(_HOLDINGS)]
        unplanned = [(row["signal_id"], row["account_id"]) for row in await connection.fetch(_UNPLANNED)]
        times = [StageTimes(**dict(row)) for row in await connection.fetch(_TIMES)]
        signals = await connection.fetchval("SELECT count(*) FROM signal")
        pruned = frozenset(row["signal_id"] for row in await connection.fetch(_PRUNED))
        refused = [(row["reason"], row["bodies"]) for row in await connection.fetch(_REFUSED)]
    return OurBook(
        tag=tag,
        intents=tuple(intents),
        orders=tuple(orders),
        holdings=tuple(holdings),
        unplanned=tuple(unplanned),
        times=tuple(times),
        signals=signals,
        pruned=pruned,
        refused=tuple(refused),
    )


async def load_venue(control: SimulatorControl) -> VenueBook:
    """Read the simulator's book."""
    positions = await control.call("GET", "/positions")
    protection = await control.call("GET", "/protection")
    return VenueBook(
        entries=tuple(_entry(entry) for entry in await control.ledger()),
        episodes=tuple(_episode(episode) for episode in protection["episodes"]),
        holdings=tuple(_holding(position) for position in positions["positions"]),
    )


def _entry(entry: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        at=entry["at"],
        venue=entry["venue"],
        environment=entry["environment"],
        account=entry["account_id"],
        event=entry["event"],
        kind=entry["kind"],
        order_id=entry["order_id"],
        client_order_id=entry["client_order_id"],
        symbol=entry["symbol"],
        position_side=entry["position_side"],
    )


def _episode(episode: dict[str, Any]) -> Episode:
    return Episode(
        account=episode["account_id"],
        symbol=episode["symbol"],
        direction=episode["direction"],
        opened_by=episode["opened_by"],
        unprotected_s=episode["unprotected_s"],
        is_open=episode["closed_at"] is None,
        protected_now=episode["protected_now"],
        closed_by_client_order_id=episode["closed_by_client_order_id"],
    )


def _holding(position: dict[str, Any]) -> VenueHolding:
    return VenueHolding(
        account=position["account_id"],
        symbol=position["symbol"],
        position_side=position["position_side"],
        qty=Decimal(position["qty"]),
    )

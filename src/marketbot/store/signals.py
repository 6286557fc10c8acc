"""Signals: taking them exactly once, and telling what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketbot.domain.ids import AccountId, SignalId, SourceId, UserId
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.signal import Action, Signal, SignalState
from marketbot.store.pool import Connection

SIGNAL_CHANNEL = "signal"
MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class Accepted:
    """``repeated``: the signal was taken before, and this is the first one's id."""

    signal_id: SignalId
    repeated: bool


async def accept_signal(
    conn: Connection, source_id: SourceId, secret_sha256: bytes | None, signal: Signal, body: str, body_sha256: bytes
) -> Accepted | None:
    """Take a signal in one statement, which is its own transaction, and wake the planner.

    Returns None when the source is disabled by now or has another secret: look at it again. Idempotent per dedup key, and per
    body within the source's window.
    """
    row = await conn.fetchrow(
        "SELECT accepted_id, repeated FROM accept_signal($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        source_id,
        secret_sha256,
        signal.dedup_key,
        body_sha256,
        signal.action,
        signal.symbol,
        signal.strong,
        signal.price,
        signal.leverage,
        signal.sent_at,
        body,
    )
    return None if row is None else Accepted(SignalId(row["accepted_id"]), row["repeated"])


@dataclass(frozen=True, slots=True)
class SignalSummary:
    """One signal and what became of it, counted over its accounts.

    ``denied``, ``rejected`` and ``lapsed`` count by reason; ``pending`` intents have no outcome yet.
    """

    signal_id: SignalId
    source: str
    action: Action
    symbol: str
    strong: bool
    price: Decimal | None
    state: SignalState
    received_at: datetime
    planned_at: datetime | None
    settled_at: datetime | None
    planned: int
    pending: int
    ordered: int
    denied: dict[str, int]
    rejected: dict[str, int]
    lapsed: dict[str, int]
    protected: int
    unconfirmed: int


async def signal_summary(conn: Connection, signal_id: SignalId) -> SignalSummary | None:
    """Read one signal for the operator, over all users; None when there is no such signal."""
    head = await conn.fetchrow(
        """
        SELECT g.signal_id, s.name AS source, g.action, g.symbol, g.strong, g.price, g.state, g.received_at, g.planned_at,
               g.settled_at
        FROM signal g JOIN source s USING (source_id) WHERE g.signal_id = $1
        """,
        signal_id,
    )
    if head is None:
        return None
    groups = await conn.fetch(
        """
        SELECT CASE WHEN i.state = 'denied' THEN 'denied' ELSE coalesce(o.result::text, 'pending') END AS became,
               CASE WHEN i.state = 'denied' THEN i.reason ELSE o.reason END AS reason,
               count(*) AS accounts, count(o.protected_ms) AS protected
        FROM intent i LEFT JOIN outcome o USING (signal_id, account_id)
        WHERE i.signal_id = $1 GROUP BY 1, 2
        """,
        signal_id,
    )
    unconfirmed = await conn.fetchval(
        "SELECT count(*) FROM order_current WHERE signal_id = $1 AND state IN ('submitted', 'unconfirmed')", signal_id
    )
    counted: dict[str, dict[str, int]] = {"denied": {}, "rejected": {}, "lapsed": {}, "ordered": {}, "pending": {}}
    for group in groups:
        counted[group["became"]][group["reason"] or ""] = group["accounts"]
    return SignalSummary(
        **{**dict(head), "action": Action(head["action"]), "state": SignalState(head["state"])},
        planned=sum(group["accounts"] for group in groups),
        pending=sum(counted["pending"].values()),
        ordered=sum(counted["ordered"].values()),
        denied=counted["denied"],
        rejected=counted["rejected"],
        lapsed=counted["lapsed"],
        protected=sum(group["protected"] for group in groups),
        unconfirmed=unconfirmed,
    )


@dataclass(frozen=True, slots=True)
class LegState:
    """Where one leg's order stands."""

    leg: Leg
    attempt: int
    state: OrderState
    client_order_id: str
    venue_order_id: str | None
    trigger_price: Decimal | None
    filled_qty: Decimal | None
    average_price: Decimal | None


@dataclass(frozen=True, slots=True)
class SignalAccount:
    """What became of one signal at one account. ``became``: denied, pending, ordered, rejected or lapsed."""

    account_id: AccountId
    user_id: UserId
    label: str
    venue: str
    environment: str
    lane: int
    became: str
    reason: str | None
    detail: str | None
    side: PositionSide | None
    qty: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    acked_ms: int | None
    protected_ms: int | None
    legs: tuple[LegState, ...]


async def signal_accounts(
    conn: Connection,
    signal_id: SignalId,
    after: AccountId,
    limit: int,
    *,
    user_id: UserId | None = None,
    became: str | None = None,
) -> list[SignalAccount]:
    """Return a page of a signal's accounts by ascending id, those above ``after``.

    ``user_id`` narrows the page to one user's accounts; None is the operator's view. ``became`` narrows it to one outcome.
    """
    rows = await conn.fetch(
        """
        SELECT i.account_id, i.user_id, a.label, a.venue, a.environment, i.lane,
               CASE WHEN i.state = 'denied' THEN 'denied' ELSE coalesce(o.result::text, 'pending') END AS became,
               CASE WHEN i.state = 'denied' THEN i.reason ELSE o.reason END AS reason,
               CASE WHEN i.state = 'denied' THEN i.detail ELSE o.detail END AS detail,
               i.side, i.qty, i.stop_price, i.target_price, o.acked_ms, o.protected_ms
        FROM intent i JOIN account a USING (account_id) LEFT JOIN outcome o USING (signal_id, account_id)
        WHERE i.signal_id = $1 AND i.account_id > $2 AND ($4::bigint IS NULL OR i.user_id = $4)
          AND ($5::text IS NULL OR $5 = CASE WHEN i.state = 'denied' THEN 'denied' ELSE coalesce(o.result::text, 'pending') END)
        ORDER BY i.account_id LIMIT $3
        """,
        signal_id,
        after,
        min(limit, MAX_PAGE),
        user_id,
        became,
    )
    legs = await _legs(conn, signal_id, [row["account_id"] for row in rows])
    return [
        SignalAccount(
            **{**dict(row), "side": None if row["side"] is None else PositionSide(row["side"])},
            legs=tuple(legs.get(row["account_id"], ())),
        )
        for row in rows
    ]


async def _legs(conn: Connection, signal_id: SignalId, account_ids: list[int]) -> dict[int, list[LegState]]:
    rows = await conn.fetch(
        """
        SELECT account_id, leg, attempt, state, client_order_id, venue_order_id, trigger_price, filled_qty, average_price
        FROM order_current WHERE signal_id = $1 AND account_id = ANY ($2::bigint[]) ORDER BY account_id, leg, attempt
        """,
        signal_id,
        account_ids,
    )
    found: dict[int, list[LegState]] = {}
    for row in rows:
        values = dict(row)
        account_id = values.pop("account_id")
        found.setdefault(account_id, []).append(
            LegState(**{**values, "leg": Leg(values["leg"]), "state": OrderState(values["state"])})
        )
    return found

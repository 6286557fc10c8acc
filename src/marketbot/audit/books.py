"""What must hold in our books alone, whatever the venues say. Each rule is one statement that finds the rows which break it.

The statements run in the database, for a book of millions of orders does not fit a process. They read whole tables: run them on a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from marketbot.domain.client_order_id import PREFIX
from marketbot.store.pool import Connection

SHOWN_MAX = 5
"""Breaches named of each rule; the counts are always whole."""
UNPROTECTED_LIMIT_S = 10.0
"""A position is protected or being closed 8 s after its fill was learnt; one whose venue is away may stay so for longer, and is told."""


class BookRule(StrEnum):
    """A rule, named after its breach."""

    OUTCOME_WITHOUT_INTENT = "outcome_without_intent"
    """Something ended that was never queued."""
    ORDER_WITHOUT_INTENT = "order_without_intent"
    """An order for an account that was denied, or that no signal asked."""
    EVENT_WITHOUT_ORDER = "event_without_order"
    EVENTS_MISSING = "events_missing"
    """An order's moves are numbered from 1 on; one is not there."""
    INTENT_WITHOUT_ORDER = "intent_without_order"
    """Queued, and the id that must be stored before the wire is not."""
    INTENT_FORGOTTEN = "intent_forgotten"
    """Queued, without an outcome, and in no chunk that anybody will still take."""
    SIGNAL_SETTLED_EARLY = "signal_settled_early"
    """Called settled while a chunk of it is open."""
    ID_DOUBLED = "id_doubled"
    """One client order id on two orders."""
    ID_FOREIGN = "id_foreign"
    """An order under another installation's tag."""
    POSITION_WITHOUT_ORDER = "position_without_order"
    """Opened by a signal by its own word, and no entry of it is on record."""
    POSITION_UNPROTECTED = "position_unprotected"
    """Open, ours, and neither protected nor closed long after it should have been."""
    OWNER_DIFFERS = "owner_differs"
    """A row of one account that carries another user's number."""


@dataclass(frozen=True, slots=True)
class BookFinding:
    """One rule that does not hold. ``examples`` name up to ``SHOWN_MAX`` of ``count`` breaches."""

    rule: BookRule
    count: int
    examples: tuple[str, ...]


_PAIR = "format('signal %s, account %s', x.signal_id, x.account_id)"
_BREACHES: dict[BookRule, str] = {
    BookRule.OUTCOME_WITHOUT_INTENT: f"""
        SELECT {_PAIR} AS subject FROM outcome x LEFT JOIN intent i USING (signal_id, account_id)
        WHERE i.state IS DISTINCT FROM 'queued'""",
    BookRule.ORDER_WITHOUT_INTENT: f"""
        SELECT {_PAIR} AS subject FROM orders x LEFT JOIN intent i USING (signal_id, account_id)
        WHERE i.state IS DISTINCT FROM 'queued'""",
    BookRule.EVENT_WITHOUT_ORDER: f"""
        SELECT {_PAIR} AS subject FROM order_event x LEFT JOIN orders o USING (signal_id, account_id, leg, attempt)
        WHERE o.client_order_id IS NULL""",
    BookRule.EVENTS_MISSING: f"""
        SELECT {_PAIR} AS subject FROM (
            SELECT signal_id, account_id FROM order_event GROUP BY signal_id, account_id, leg, attempt
            HAVING min(seq) <> 1 OR max(seq) <> count(*)) x""",
    BookRule.INTENT_WITHOUT_ORDER: f"""
        SELECT {_PAIR} AS subject FROM intent x
        WHERE x.state = 'queued'
          AND NOT EXISTS (SELECT FROM orders o WHERE o.signal_id = x.signal_id AND o.account_id = x.account_id
                          AND o.leg = CASE WHEN x.lane = 0 THEN 'exit'::leg ELSE 'entry'::leg END)""",
    BookRule.INTENT_FORGOTTEN: f"""
        SELECT {_PAIR} AS subject FROM intent x
        WHERE x.state = 'queued'
          AND NOT EXISTS (SELECT FROM outcome o WHERE o.signal_id = x.signal_id AND o.account_id = x.account_id)
          AND NOT EXISTS (SELECT FROM chunk c WHERE c.signal_id = x.signal_id AND c.done_at IS NULL
                          AND x.account_id = ANY (c.account_ids))""",
    BookRule.SIGNAL_SETTLED_EARLY: """
        SELECT format('signal %s', x.signal_id) AS subject FROM signal x
        WHERE x.state = 'settled' AND EXISTS (SELECT FROM chunk c WHERE c.signal_id = x.signal_id AND c.done_at IS NULL)""",
    BookRule.ID_DOUBLED: """
        SELECT format('order %s', x.client_order_id) AS subject FROM orders x GROUP BY x.client_order_id HAVING count(*) > 1""",
    BookRule.ID_FOREIGN: f"""
        SELECT format('order %s', x.client_order_id) AS subject FROM orders x, installation n
        WHERE NOT starts_with(x.client_order_id, '{PREFIX}' || n.tag)""",
    BookRule.POSITION_WITHOUT_ORDER: f"""
        SELECT {_PAIR} AS subject FROM position x
        WHERE x.protection <> 'closed' AND x.signal_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM orders o WHERE o.signal_id = x.signal_id AND o.account_id = x.account_id AND o.leg = 'entry')""",
    BookRule.POSITION_UNPROTECTED: f"""
        SELECT {_PAIR} AS subject FROM position x
        WHERE x.protection IN ('naked', 'protecting', 'closing') AND x.signal_id IS NOT NULL
          AND x.changed_at < (SELECT max(changed_at) FROM position) - make_interval(secs => {UNPROTECTED_LIMIT_S})""",
    BookRule.OWNER_DIFFERS: f"""
        SELECT {_PAIR} AS subject FROM (
            SELECT signal_id, account_id, user_id FROM intent UNION ALL SELECT signal_id, account_id, user_id FROM orders
            UNION ALL SELECT signal_id, account_id, user_id FROM outcome
            UNION ALL SELECT signal_id, account_id, user_id FROM position) x
        JOIN account a USING (account_id) WHERE a.user_id <> x.user_id""",
}


async def check_books(connection: Connection) -> Sequence[BookFinding]:
    """Return the rules that do not hold. The session must let a statement take minutes and read whole tables."""
    findings = []
    for rule, breaches in _BREACHES.items():
        rows = await connection.fetch(f"SELECT subject, count(*) OVER () AS breaches FROM ({breaches}) b LIMIT {SHOWN_MAX}")
        if rows:
            findings.append(BookFinding(rule, rows[0]["breaches"], tuple(row["subject"] for row in rows)))
    return findings

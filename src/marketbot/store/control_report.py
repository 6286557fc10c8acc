"""The market-access controls over a period, as they stand in the rows: what limits hold, what was stopped, who had access."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from marketbot.domain.audit_entry import Action
from marketbot.store.audit_trail import NEWEST, AuditFilter, list_entries
from marketbot.store.control_commands import commands_of, effect_of, progress_of
from marketbot.store.policy import encode_policy, read_policy
from marketbot.store.pool import Connection
from marketbot.store.switches import list_switches
from marketbot.store.tokens import list_all_tokens

COMMANDS_MAX = 200
ENTRIES_MAX = 500
TOKENS_MAX = 1_000
"""Rows of each kind that a report shows; it says when there were more."""

_COUNTS = """
SELECT action, count(*) AS entries FROM audit_entry WHERE at >= $1 AND at < $2 GROUP BY action ORDER BY action
"""
_DENIALS = """
SELECT i.reason, count(*) AS accounts
FROM signal g JOIN intent i USING (signal_id)
WHERE i.state = 'denied' AND g.received_at >= $1 AND g.received_at < $2 GROUP BY 1 ORDER BY 2 DESC, 1
"""
_REFUSALS = (
    "SELECT reason, count(*) AS deliveries FROM refusal WHERE refused_at >= $1 AND refused_at < $2 GROUP BY 1 ORDER BY 2 DESC, 1"
)
# What reconciliation and execution leave in the books: positions that no signal of ours opened, exits because a stop could not rest.
_FINDINGS = """
SELECT (SELECT count(*) FROM position WHERE signal_id IS NULL AND opened_at >= $1 AND opened_at < $2) AS foreign_positions,
       (SELECT count(*) FROM orders WHERE leg = 'emergency_exit' AND created_at >= $1 AND created_at < $2) AS emergency_exits,
       (SELECT count(*) FROM position WHERE protection IN ('naked', 'protecting', 'closing')) AS unprotected_now,
       (SELECT count(*) FROM account WHERE status = 'quarantined') AS quarantined_now
"""


@dataclass(frozen=True, slots=True)
class ControlReport:
    """One period. Lists are the newest first and bounded; ``cut`` names those that had more."""

    since: datetime
    until: datetime
    limits: dict[str, Any]
    switches: list[dict[str, Any]]
    commands: list[dict[str, Any]]
    policy_changes: list[dict[str, Any]]
    failed_logins: list[dict[str, Any]]
    tokens: list[dict[str, Any]]
    actions: dict[str, int]
    denials: dict[str, int]
    refusals: dict[str, int]
    findings: dict[str, int]
    cut: list[str]


async def read_control_report(connection: Connection, since: datetime, until: datetime) -> ControlReport:
    """Read a period's report. ``until`` is not part of the period."""
    commands = await commands_of(connection, since, until, COMMANDS_MAX)
    told = []
    for command in commands:
        is_close = command.kind == "close"
        came_of_it = await progress_of(connection, command) if is_close else await effect_of(connection, command)
        told.append({**asdict(command), "result": asdict(came_of_it)})
    changes = await _entries(connection, Action.POLICY_CHANGED, since, until)
    failures = await _entries(connection, Action.LOGIN_FAILED, since, until)
    tokens = await list_all_tokens(connection, 0, TOKENS_MAX)
    findings = await connection.fetchrow(_FINDINGS, since, until)
    assert findings is not None
    sizes = {
        "commands": (len(commands), COMMANDS_MAX),
        "policy_changes": (len(changes), ENTRIES_MAX),
        "failed_logins": (len(failures), ENTRIES_MAX),
        "tokens": (len(tokens), TOKENS_MAX),
    }
    cut = [name for name, (rows, most) in sizes.items() if rows == most]
    return ControlReport(
        since=since,
        until=until,
        limits=encode_policy(await read_policy(connection)),
        switches=[asdict(row) for row in await list_switches(connection)],
        commands=told,
        policy_changes=changes,
        failed_logins=failures,
        tokens=[asdict(row) for row in tokens if row.revoked_at is None or row.revoked_at >= since],
        actions={row["action"]: row["entries"] for row in await connection.fetch(_COUNTS, since, until)},
        denials={row["reason"]: row["accounts"] for row in await connection.fetch(_DENIALS, since, until)},
        refusals={row["reason"]: row["deliveries"] for row in await connection.fetch(_REFUSALS, since, until)},
        findings=dict(findings),
        cut=cut,
    )


async def _entries(connection: Connection, action: Action, since: datetime, until: datetime) -> list[dict[str, Any]]:
    wanted = AuditFilter(action=action, since=since, until=until)
    return [asdict(row) for row in await list_entries(connection, wanted, NEWEST, ENTRIES_MAX)]

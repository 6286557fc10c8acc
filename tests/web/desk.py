"""What operators work at: halts and a close that were given, jobs that were given up, and who may do what about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from marketbot.controls.commanding import command_close, command_halt
from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry
from marketbot.domain.role import Role
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.audit_trail import record

from .scene import Login, give_session

STAFF = (Role.ADMIN, Role.MANAGER, Role.OPERATOR, Role.AUDITOR)
DEAD_JOBS = 60
REASON = "Maintenance announced by the exchange"

_PEOPLE = """
INSERT INTO person (email, name, role, password_hash, email_confirmed_at, totp_sealed, totp_confirmed_at)
SELECT r || '@club.example', initcap(r), r, 'none', now(), 'sealed', now() FROM unnest($1::text[]) r
"""
_JOBS = """
INSERT INTO job (kind, key, max_attempts, attempts, failed, dead_at, created_at)
SELECT (ARRAY['notice', 'letter'])[1 + n % 2], 'n' || n, 8, 8, 'TimeoutError: no answer within 10 s',
    now() - make_interval(mins => n), now() - make_interval(mins => n + 12) FROM generate_series(1, $1::int) n
"""
_OPEN_JOBS = """
INSERT INTO job (kind, key, max_attempts, due_at, claimed_by)
VALUES ('notice', 'a', 8, now() - interval '4 s', NULL), ('notice', 'b', 8, now(), 1),
    ('retention', 'recurring', 3, now() + interval '1 h', NULL)
"""
# What the engines would have done about the close: one position closed, one refused by its venue, one not to be touched.
_PLANNED = """
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, planned_at)
SELECT signal_id, 1, 1, 0, 'queued', 'long', 0.042, now() FROM signal WHERE command_id = $1
"""
_DENIED = """
INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at)
SELECT min(signal_id), 2, 1, 0, 'denied', 'ACCOUNT_NOT_READY', '', now() FROM signal WHERE command_id = $1
"""
_CLOSED = """
INSERT INTO outcome (signal_id, account_id, user_id, result, acked_ms, at)
SELECT min(signal_id), 1, 1, 'ordered', 88, now() FROM signal WHERE command_id = $1
"""
_ACKNOWLEDGED = """
INSERT INTO control_ack (command_id, worker, at)
SELECT command_id, 1, asked_at + interval '412 ms' FROM control_command WHERE command_id = $1
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """``halted`` took effect 412 ms after it was given; ``closing`` is half done. ``staff`` has a login a role."""

    staff: Mapping[Role, Login]
    halted: int
    closing: int


async def set_desk(connection: asyncpg.Connection, olga: Login) -> Desk:
    """Work a little at the desk, through the services that pages use."""
    person_id = await connection.fetchval("SELECT person_id FROM person WHERE email = 'op@club.example'")
    actor = Actor(ActorKind.PERSON, person_id, "192.0.2.7")
    others = [role for role in STAFF if role is not Role.OPERATOR]
    await connection.execute(_PEOPLE, [role.value for role in others])
    await connection.execute("UPDATE worker SET enlisted_at = now() - interval '1 day'")
    async with connection.transaction():
        halted, _ = await command_halt(connection, actor, Scope.VENUE, "bybit", TradingState.HALTED, REASON)  # type: ignore[arg-type]
        await command_halt(connection, actor, Scope.ACCOUNT, "4", TradingState.REDUCING, "")  # type: ignore[arg-type]
        made = await command_close(connection, actor, Scope.ACCOUNT, "1", None, "asked for by their owner")  # type: ignore[arg-type]
        assert made is not None
        for action, kind, number in ((Action.LOGIN, "person", "3"), (Action.SOURCE_ROTATED, "source", "1")):
            await record(connection, AuditEntry(action, actor, kind, number, {}))  # type: ignore[arg-type]
    await connection.execute(_ACKNOWLEDGED, halted)
    for statement in (_PLANNED, _DENIED, _CLOSED):
        await connection.execute(statement, made.command_id)
    await connection.execute("UPDATE signal SET state = 'planned', planned_at = now() WHERE command_id = $1", made.command_id)
    await connection.execute(_JOBS, DEAD_JOBS)
    await connection.execute(_OPEN_JOBS)
    staff = {role: await give_session(connection, f"{role}@club.example") for role in others}
    return Desk({**staff, Role.OPERATOR: olga}, halted, made.command_id)

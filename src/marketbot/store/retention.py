"""Deletes what is older than it must be kept, a bounded batch a statement. What is unsettled or still held is not touched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from marketbot.domain.ids import SignalId
from marketbot.store.pool import Connection

ACCOUNTS_BATCH = 200
"""Accounts of one signal whose rows go at once: about two thousand rows."""
ROWS_BATCH = 1_000
TO_PEOPLE = ("letter", "notice", "tell", "channel_code")
"""Kinds of jobs that write to people."""
SIGNALS_PAGE = 100

_SQL = Path(__file__).with_name("sql")
HELD_SIGNALS = (_SQL / "held_signals.sql").read_text()
SIGNALS = (_SQL / "signals_to_prune.sql").read_text()
ACCOUNTS = (_SQL / "prune_accounts.sql").read_text()
CHUNKS = (_SQL / "prune_chunks.sql").read_text()
REFUSALS = (_SQL / "prune_refusals.sql").read_text()
JOBS = (_SQL / "prune_jobs.sql").read_text()
_REFUSAL_ADDRESSES = """
UPDATE refusal SET address = '' WHERE refusal_id IN (
    SELECT refusal_id FROM refusal WHERE address <> '' AND refused_at < clock_timestamp() - $1::interval ORDER BY refused_at LIMIT $2)
"""
_AUDIT_ADDRESSES = """
DELETE FROM audit_address WHERE entry_id IN (
    SELECT entry_id FROM audit_address WHERE at < clock_timestamp() - $1::interval ORDER BY at LIMIT $2)
"""
_DEAD_LETTERS = """
DELETE FROM job WHERE job_id IN (
    SELECT job_id FROM job WHERE dead_at < clock_timestamp() - $1::interval AND kind = ANY ($3::text[]) ORDER BY dead_at LIMIT $2)
"""


async def begin_signals(connection: Connection, older_than: timedelta) -> Sequence[SignalId]:
    """Return signals whose accounts' rows may go, and write down that they are going. The signal's row stays, without its body."""
    held = [row["signal_id"] for row in await connection.fetch(HELD_SIGNALS)]
    found = [SignalId(row["signal_id"]) for row in await connection.fetch(SIGNALS, older_than, held, SIGNALS_PAGE)]
    await connection.execute(
        "UPDATE signal SET pruning_at = clock_timestamp(), body = '' WHERE signal_id = ANY ($1::bigint[]) AND pruning_at IS NULL",
        found,
    )
    return found


async def prune_accounts(connection: Connection, signal_id: SignalId) -> int:
    """Delete intents, orders, events and outcomes of a signal's next accounts; return how many accounts."""
    async with connection.transaction():
        # What a crash brings back is deleted again: the log need not be waited for.
        await connection.execute("SET LOCAL synchronous_commit = off")
        accounts: int = await connection.fetchval(ACCOUNTS, signal_id, ACCOUNTS_BATCH)
    return accounts


async def end_signal(connection: Connection, signal_id: SignalId) -> None:
    """Write down that nothing of a signal's accounts is left."""
    await connection.execute("UPDATE signal SET pruned_at = clock_timestamp() WHERE signal_id = $1", signal_id)


async def prune_chunks(connection: Connection, after: int, older_than: timedelta) -> tuple[int, int | None]:
    """Delete the done chunks of the page after a chunk's number; return how many, and where to go on (None: all that follow are young)."""
    row = await connection.fetchrow(CHUNKS, after, older_than, ROWS_BATCH)
    assert row is not None
    return row["gone"], row["last"] if row["any_old"] else None


async def prune_refusals(connection: Connection, older_than: timedelta) -> int:
    return _rows(await connection.execute(REFUSALS, older_than, ROWS_BATCH))


async def prune_jobs(connection: Connection, older_than: timedelta) -> int:
    """Delete jobs that are done. Dead letters stay: only an operator drops them, but for those to people."""
    return _rows(await connection.execute(JOBS, older_than, ROWS_BATCH))


async def blank_refusal_addresses(connection: Connection, older_than: timedelta) -> int:
    """Forget from where old refusals came; the refusals stay."""
    return _rows(await connection.execute(_REFUSAL_ADDRESSES, older_than, ROWS_BATCH))


async def prune_audit_addresses(connection: Connection, older_than: timedelta) -> int:
    """Forget from where old audit entries came; the entries, and the proof of their chain, stay."""
    return _rows(await connection.execute(_AUDIT_ADDRESSES, older_than, ROWS_BATCH))


async def prune_dead_letters(connection: Connection, older_than: timedelta) -> int:
    """Delete dead letters of those kinds that write to people. Others wait for an operator."""
    return _rows(await connection.execute(_DEAD_LETTERS, older_than, ROWS_BATCH, list(TO_PEOPLE)))


async def prune_logins(connection: Connection, older_than: timedelta) -> int:
    """Delete sessions, links and invitations that ended so long ago. An invitation that was accepted stays: it says who came of it."""
    gone = 0
    for table, key, more in (
        ("login_session", "session_id", ""),
        ("one_time_link", "link_id", ""),
        ("invitation", "invitation_id", "AND accepted_at IS NULL"),
    ):
        done = await connection.execute(
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE expires_at < clock_timestamp() - $1::interval {more}"
            " ORDER BY expires_at LIMIT $2)",
            older_than,
            ROWS_BATCH,
        )
        gone += _rows(done)
    return gone


def _rows(done: str) -> int:
    return int(done.rsplit(" ", 1)[-1])

"""Checks of what the database says: its own settings, and the state of accounts, positions and orders."""

from __future__ import annotations

from collections.abc import AsyncIterator

from marketbot.cli.doctor.finding import Finding, advice, fine, wrong
from marketbot.store.audit_trail import verify
from marketbot.store.pool import Connection
from marketbot.store.user_wall import find_wall, sees_all_rows

OLDEST_SERVER = 150_000
UNCONFIRMED_AGE_S = 30
UNPROTECTED_AGE_S = 10
STUCK_AGE_S = 180
CONNECTIONS_SHARE = 0.8
NAMES_SHOWN = 5
ENTRIES_PROVEN = 5_000
"""Of the audit trail, the latest; `marketbot trail verify` proves all."""

_SERVER = """
SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_name,
       current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync,
       current_setting('max_connections')::int AS max_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections
"""
_ACCOUNTS = "SELECT status::text, count(*) AS accounts FROM account WHERE disconnected_at IS NULL GROUP BY status"
_QUARANTINED = """
SELECT label, status_reason FROM account WHERE status = 'quarantined' AND disconnected_at IS NULL ORDER BY account_id LIMIT $1
"""
_UNPROTECTED = """
SELECT count(*) FROM position
WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL
  AND changed_at < clock_timestamp() - make_interval(secs => $1)
"""
_UNCONFIRMED = """
SELECT count(*) FROM signal g JOIN order_current o USING (signal_id)
WHERE (g.state <> 'settled' OR g.settled_at > clock_timestamp() - interval '1 day')
  AND o.state IN ('submitted', 'unconfirmed') AND o.changed_at < clock_timestamp() - make_interval(secs => $1)
"""
_STUCK = "SELECT count(*) FROM signal WHERE state <> 'settled' AND received_at < clock_timestamp() - make_interval(secs => $1)"
_SWITCHES = "SELECT scope::text, key, state::text FROM switch WHERE state <> 'active' ORDER BY scope, key"
_HOMELESS = "SELECT count(*) FROM account WHERE egress >= $1"
_LAST_ENTRY = "SELECT coalesce(max(entry_id), 0) FROM audit_entry"
_SOURCES = "SELECT count(*) FILTER (WHERE enabled) AS enabled, count(*) AS all FROM source WHERE NOT internal"


async def check_records(connection: Connection, egresses: int) -> AsyncIterator[Finding]:
    """Yield what the rows tell; ``egresses`` is how many source addresses the service uses."""
    yield await _server(connection)
    yield await _user_wall(connection)
    yield await _sources(connection)
    yield await _accounts(connection)
    homeless = await connection.fetchval(_HOMELESS, egresses)
    if homeless:
        yield wrong(
            "egress",
            f"{homeless} accounts belong to source addresses that the service does not have ({egresses} are set).",
            "Start it with the MARKETBOT_EGRESS_ADDRESSES these accounts were imported with, or import them again.",
        )
    yield await _count(
        connection,
        "unprotected positions",
        _UNPROTECTED,
        UNPROTECTED_AGE_S,
        f"{{count}} positions have been without a proven stop for more than {UNPROTECTED_AGE_S} s.",
        "See `marketbot positions`; start the service if it does not run, else close them at the venue.",
    )
    yield await _count(
        connection,
        "unconfirmed orders",
        _UNCONFIRMED,
        UNCONFIRMED_AGE_S,
        f"{{count}} orders have been unconfirmed for more than {UNCONFIRMED_AGE_S} s.",
        "See `marketbot orders --open`; the service looks them up as soon as the venue answers.",
    )
    yield await _count(
        connection,
        "unfinished signals",
        _STUCK,
        STUCK_AGE_S,
        f"{{count}} signals are not settled after {STUCK_AGE_S} s.",
        "Start the service if it does not run; see `marketbot signal list` and the engine's log.",
    )
    yield await _switches(connection)
    yield await _trail(connection)


async def _server(connection: Connection) -> Finding:
    row = await connection.fetchrow(_SERVER)
    assert row is not None
    if row["version"] < OLDEST_SERVER:
        return wrong("database", f"This is Postgres {row['version_name']}.", "Use Postgres 15 or newer.")
    if row["fsync"] != "on" or row["synchronous_commit"] == "off":
        return wrong(
            "database",
            "The database may lose what it has confirmed (fsync or synchronous_commit is off).",
            "Turn both on: a signal that was answered must not be forgotten.",
        )
    if row["connections"] > CONNECTIONS_SHARE * row["max_connections"]:
        return wrong(
            "database",
            f"{row['connections']} of {row['max_connections']} connections are in use.",
            "Raise max_connections, or lower the pool sizes.",
        )
    return fine(
        "database", f"Postgres {row['version_name']}, {row['connections']} of {row['max_connections']} connections in use."
    )


async def _user_wall(connection: Connection) -> Finding:
    if not await sees_all_rows(connection):
        return wrong(
            "row-level security",
            "This login does not own the tables, so the policies hide every account from the engine.",
            "Connect as the role that ran the migrations, or make it the tables' owner.",
        )
    wall = await find_wall(connection)
    if wall is None:
        role = await connection.fetchval("SELECT role_name FROM user_wall")
        return advice(
            "row-level security",
            "This login may not make or assume the role behind which users' requests run; their statements alone keep them apart.",
            f"As the server's administrator: CREATE ROLE {role} NOLOGIN; GRANT {role} TO the service's login.",
        )
    return fine("row-level security", f"Users' requests run as {wall.role}.")


async def _sources(connection: Connection) -> Finding:
    row = await connection.fetchrow(_SOURCES)
    assert row is not None
    if not row["enabled"]:
        return advice("sources", "No source may send signals yet.", "`marketbot source add NAME` makes one.")
    return fine("sources", f"{row['enabled']} of {row['all']} are enabled.")


async def _accounts(connection: Connection) -> Finding:
    counts = {row["status"]: row["accounts"] for row in await connection.fetch(_ACCOUNTS)}
    if not counts:
        return advice("accounts", "There is no account yet.", "`marketbot accounts import FILE` brings them in.")
    sentence = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) + "."
    if "quarantined" in counts:
        rows = await connection.fetch(_QUARANTINED, NAMES_SHOWN)
        named = "; ".join(f"{row['label']}: {row['status_reason']}" for row in rows)
        return wrong("accounts", f"{sentence} {named}", "Replace these accounts' keys and import them again.")
    return fine("accounts", sentence)


async def _count(connection: Connection, check: str, query: str, age_s: int, sentence: str, todo: str) -> Finding:
    count = await connection.fetchval(query, float(age_s))
    return wrong(check, sentence.format(count=count), todo) if count else fine(check, "None.")


async def _switches(connection: Connection) -> Finding:
    rows = await connection.fetch(_SWITCHES)
    if not rows:
        return fine("switches", "Nothing is halted.")
    named = ", ".join(f"{row['scope']} {row['key']}".strip() + f" is {row['state']}" for row in rows)
    return advice("switches", f"{named}.", "`marketbot resume SCOPE KEY` takes it back.")


async def _trail(connection: Connection) -> Finding:
    last: int = await connection.fetchval(_LAST_ENTRY)
    proof = await verify(connection, max(0, last - ENTRIES_PROVEN))
    if not proof.holds:
        return wrong(
            "audit trail",
            f"Entry {proof.broken_at} is not as it was written: {proof.fault}.",
            "Somebody changed the trail's rows in the database: docs/RUNBOOK.md, Who did that?",
        )
    return fine("audit trail", f"The latest {proof.entries} entries are as they were written.")

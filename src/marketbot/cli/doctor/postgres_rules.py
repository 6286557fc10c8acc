"""What a Postgres for many sessions and an append-heavy order log should be set to, from its memory and cores. Pure.

Sources: the manual's chapters on resource consumption, WAL, query planning and autovacuum
(https://www.postgresql.org/docs/18/runtime-config.html), and what the benchmarks here showed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

KIB, MIB, GIB = 1024, 1024**2, 1024**3
UNITS: Mapping[str, int] = {"B": 1, "kB": KIB, "8kB": 8 * KIB, "16MB": 16 * MIB, "MB": MIB, "GB": GIB}
SECONDS: Mapping[str, float] = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
NEAR = 0.5
"""A size passes from this share of what is recommended."""


class Weight(StrEnum):
    MUST = "must"
    """Orders may be lost, or secrets written down."""
    SHOULD = "should"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the server has for itself, and the connections that the installation needs of it."""

    memory_bytes: int
    cores: int
    connections: int


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of pg_settings: the number or word, and the unit the number is in (None for a bare one)."""

    value: str
    unit: str | None = None

    @property
    def amount(self) -> float:
        """Return bytes, seconds or the bare number."""
        number = float(self.value)
        if self.unit is None:
            return number
        return number * (UNITS[self.unit] if self.unit in UNITS else SECONDS[self.unit])


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting. ``accepts`` judges what is set; ``wants`` is what we would write; ``restart`` when it is read at start only."""

    name: str
    wants: Callable[[Machine], str]
    accepts: Callable[[Setting, Machine], bool]
    why: str
    weight: Weight = Weight.SHOULD
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    rule: Rule
    fine: bool
    current: str
    wanted: str


def _word(name: str, word: str, why: str, weight: Weight = Weight.SHOULD, *, restart: bool = False) -> Rule:
    return Rule(name, lambda _: word, lambda setting, _: setting.value == word, why, weight, restart)


def _at_least(name: str, wants: str, least: float, why: str, weight: Weight = Weight.SHOULD, *, restart: bool = False) -> Rule:
    return Rule(name, lambda _: wants, lambda setting, _: setting.amount >= least, why, weight, restart)


def _between(name: str, wants: str, least: float, most: float, why: str, weight: Weight = Weight.SHOULD) -> Rule:
    return Rule(name, lambda _: wants, lambda setting, _: least <= setting.amount <= most, why, weight)


def _size(name: str, size: Callable[[Machine], int], why: str, *, restart: bool = False) -> Rule:
    return Rule(
        name,
        lambda machine: f"{size(machine) // MIB}MB",
        lambda setting, machine: setting.amount >= NEAR * size(machine),
        why,
        restart=restart,
    )


def shared_buffers(machine: Machine) -> int:
    return min(max(machine.memory_bytes // 4, 32 * MIB), 16 * GIB)


def work_mem(machine: Machine) -> int:
    """A quarter of the memory over all connections, each of which may sort twice at once."""
    return min(max(machine.memory_bytes // 4 // (2 * max(1, machine.connections)), 4 * MIB), 64 * MIB)


RULES: tuple[Rule, ...] = (
    _word("fsync", "on", "An accepted signal must survive a power cut.", Weight.MUST),
    _word("full_page_writes", "on", "A page torn by a crash could not be repaired from the log.", Weight.MUST),
    Rule(
        "synchronous_commit",
        lambda _: "on",
        lambda setting, _: setting.value in ("on", "remote_apply", "remote_write"),
        "Write before wire: an order whose commit is lost would be sent again. Never off for orders.",
        Weight.MUST,
    ),
    _word(
        "data_checksums",
        "on",
        "A disk that rots a page is noticed. pg_checksums --enable while the server is stopped.",
        restart=True,
    ),
    Rule(
        "max_connections",
        lambda machine: str(max(100, machine.connections)),
        lambda setting, machine: setting.amount >= machine.connections,
        "Pools, listeners, worker locks, operators and backups together; see docs/DATABASE.md.",
        restart=True,
    ),
    _size("shared_buffers", shared_buffers, "A quarter of the memory: the hot end of the order log is read again.", restart=True),
    _size("effective_cache_size", lambda machine: machine.memory_bytes // 2, "What the planner may hope to find in memory."),
    Rule(
        "work_mem",
        lambda machine: f"{work_mem(machine) // MIB}MB",
        lambda setting, machine: 4 * MIB <= setting.amount <= 2 * work_mem(machine),
        "Of each sort of each session: too much of it times max_connections ends in the kernel's killer.",
    ),
    _size(
        "maintenance_work_mem",
        lambda machine: min(max(machine.memory_bytes // 32, 64 * MIB), GIB),
        "Vacuum and index builds pass once instead of often.",
    ),
    Rule(
        "wal_level",
        lambda _: "replica",
        lambda setting, _: setting.value in ("replica", "logical"),
        "Without it there is neither a replica nor a base backup.",
        restart=True,
    ),
    _at_least("max_wal_senders", "10", 3, "Replicas and base backups each take one.", restart=True),
    _at_least("max_wal_size", "4GB", 2 * GIB, "A fan-out must not force checkpoints, which write each page anew."),
    _at_least("checkpoint_timeout", "15min", 300, "Checkpoints rare enough that full pages are few."),
    _at_least("checkpoint_completion_target", "0.9", 0.9, "The writing is spread, so that commits do not wait for it."),
    Rule(
        "wal_compression",
        lambda _: "on",
        lambda setting, _: setting.value not in ("off", "false"),
        "Full pages are most of the log; lz4 where the server has it.",
    ),
    _between("random_page_cost", "1.1", 0, 2, "SSDs: an index look-up costs no more than the next page."),
    _at_least("effective_io_concurrency", "200", 16, "SSDs read many pages at once."),
    _word("jit", "off", "Our statements are short: compiling them costs more than running them."),
    _between("autovacuum_naptime", "15s", 0, 30, "Tables that grow by thousands of rows a second are looked at often."),
    _between(
        "autovacuum_vacuum_insert_scale_factor", "0.05", 0, 0.1, "Append-only tables are frozen in small steps, not in one storm."
    ),
    _between("autovacuum_vacuum_scale_factor", "0.05", 0, 0.1, "The queue's rows are updated: dead ones must go soon."),
    _between("autovacuum_analyze_scale_factor", "0.02", 0, 0.05, "Statistics follow tables that grow quickly."),
    _at_least("autovacuum_vacuum_cost_limit", "2000", 1000, "Vacuum keeps up with the writing; -1 means 200, which does not."),
    _word("autovacuum", "on", "Without it transaction ids run out, and the server stops.", Weight.MUST),
    _word("track_io_timing", "on", "Says whether a slow statement waited for the disk."),
    _between("log_min_duration_statement", "500ms", 0, 5, "Slow statements are logged, without their values."),
    _between("log_parameter_max_length", "0", 0, 0, "Parameters hold sealed keys and users' data: never in a log.", Weight.MUST),
    _between("log_parameter_max_length_on_error", "0", 0, 0, "As above, for statements that fail.", Weight.MUST),
    _word("log_lock_waits", "on", "Names who waits for whom."),
    _between("idle_in_transaction_session_timeout", "60s", 0.001, 300, "A client that hangs would hold locks and old rows."),
    _between("tcp_keepalives_idle", "30", 1, 120, "A client whose host vanished gives its locks back within a minute."),
    _between("client_connection_check_interval", "10s", 0.001, 60, "A statement nobody waits for any more is ended."),
)


def judge(settings: Mapping[str, Setting], machine: Machine) -> Iterator[Verdict]:
    """Compare every rule with what is set; a setting that this version does not have is passed over."""
    for rule in RULES:
        setting = settings.get(rule.name)
        if setting is not None:
            yield Verdict(rule, rule.accepts(setting, machine), shown(setting), rule.wants(machine))


def shown(setting: Setting) -> str:
    """Return a setting as a person writes it."""
    if setting.unit not in UNITS:
        return f"{setting.value}{setting.unit or ''}"
    amount = int(setting.amount)
    for name, size in (("GB", GIB), ("MB", MIB), ("kB", KIB)):
        if amount and amount % size == 0:
            return f"{amount // size}{name}"
    return f"{amount}B"


def snippet(machine: Machine) -> str:
    """Return a postgresql.conf that fulfils every rule on this machine."""
    lines = [
        f"# For MarketBot on {machine.memory_bytes // MIB} MiB of memory, {machine.cores} cores and {machine.connections} connections.",
        "# Include it at the end of postgresql.conf: include = '/path/to/this/file'. Lines marked [restart] are read at the start only.",
        "",
    ]
    for rule in RULES:
        if rule.name == "data_checksums":  # no setting of this file: made with the cluster, or by pg_checksums
            continue
        mark = " [restart]" if rule.restart else ""
        lines += [f"# {rule.why}{mark}", f"{rule.name} = '{rule.wants(machine)}'"]
    return "\n".join(lines) + "\n"

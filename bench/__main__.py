"""Measure everything, or one row: ``python -m bench [--only NAME]``. Prints the table and writes bench/latest.json."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from bench.accounts_page import measure_accounts_page
from bench.crowd import measure_crowd
from bench.disk import measure_disk
from bench.door import measure_door
from bench.executors import measure_executors
from bench.fanout import Row, measure_fan_out, rows_at_1k, rows_at_10k
from bench.hung import measure_hung
from bench.soak import measure_soak
from bench.wire import measure_wire

LATEST = Path(__file__).with_name("latest.json")
OF_WIRE = ("wire_vs_ccxt", "wire_vs_old_way")
OF_1K = ("path_cpu_per_account", "fanout_1k")
OF_10K = ("fanout_10k", "memory_per_account", "webhook_p95")
OF_HUNG = ("p95_with_hung",)
OF_EXECUTORS = ("two_executors", "takeover")
OF_DISK = ("wal_per_account", "disk_per_account")
OF_DOOR = ("p95_under_flood",)
OF_CROWD = ("crowd_p95", "crowd_errors", "streams_held", "streams_p95", "users_held")
OF_ACCOUNTS = ("accounts_page", "accounts_csv")
OF_SOAK = ("memory_all_processes", "memory_slope")
TOGETHER = (OF_WIRE, OF_1K, OF_10K, OF_HUNG, OF_EXECUTORS, OF_DISK, OF_DOOR, OF_CROWD, OF_ACCOUNTS, OF_SOAK)
"""Rows that one measurement fills."""
NAMES = tuple(name for names in TOGETHER for name in names)
CCXT_US_ASSUMED = 600.0
"""What one CCXT create_order costs where it was not measured in the same run."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure MarketBot against its goals. SIMULATION.")
    parser.add_argument("--only", choices=NAMES, help="measure one row, and those that come with it")
    only = parser.parse_args().only
    rows = _measure(set(NAMES) if only is None else {name for names in TOGETHER if only in names for name in names})
    LATEST.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    _print(rows)
    return 0 if all(row["met"] for row in rows) else 1


def _measure(wanted: set[str]) -> list[Row]:
    rows: list[Row] = []
    ccxt_us = CCXT_US_ASSUMED
    if wanted & {*OF_WIRE, "path_cpu_per_account"}:
        wire = measure_wire()
        ccxt_us = next(row["ccxt_us"] for row in wire if row["name"] == "wire_vs_ccxt")
        rows += wire
    if wanted & {*OF_1K, *OF_10K}:
        one = asyncio.run(measure_fan_out(1_000, again=True))
        rows += rows_at_1k(one, ccxt_us)
        if wanted & {*OF_10K}:
            rows += rows_at_10k(asyncio.run(measure_fan_out(10_000, webhooks=True)), one)
    if wanted & {*OF_HUNG}:
        rows += asyncio.run(measure_hung())
    if wanted & {*OF_EXECUTORS}:
        rows += asyncio.run(measure_executors(10_000))
    if wanted & {*OF_DISK}:
        rows += asyncio.run(measure_disk(4_000))
    if wanted & {*OF_DOOR}:
        rows += asyncio.run(measure_door())
    if wanted & {*OF_ACCOUNTS}:
        rows += asyncio.run(measure_accounts_page())
    if wanted & {*OF_SOAK}:
        rows += asyncio.run(measure_soak())
    if wanted & {*OF_CROWD}:
        rows += asyncio.run(measure_crowd())
    return [{key: row[key] for key in ("name", "value", "unit", "goal", "met", "how")} for row in rows if row["name"] in wanted]


def _print(rows: list[Row]) -> None:
    table = Table(title="SIMULATION: measured on this machine, venues simulated on loopback, TLS on", title_justify="left")
    for column in ("name", "value", "unit", "goal", "met", "how"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row["name"], str(row["value"]), row["unit"], str(row["goal"]), "yes" if row["met"] else "NO", row["how"])
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
